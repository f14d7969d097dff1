package ecies

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"testing"

	"tandem/go/secp256k1"
	"tandem/go/wire"
)

func keyPair(t testing.TB) (*secp256k1.Scalar, *secp256k1.Point) {
	t.Helper()
	p, err := secp256k1.RandomScalar(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return p, new(secp256k1.Point).ScalarBaseMult(p)
}

func TestSeal(t *testing.T) {
	p, P := keyPair(t)
	for _, plaintext := range []string{"", "x", string(make([]byte, 1000))} {
		sealed, err := Seal(P, []byte("context"), []byte(plaintext), rand.Reader)
		if err != nil || len(sealed) != len(plaintext)+Overhead {
			t.Fatalf("%d bytes, %v", len(sealed), err)
		}
		opened, err := Open(p, []byte("context"), sealed)
		if err != nil || string(opened) != plaintext {
			t.Errorf("%q, %v", opened, err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	p, P := keyPair(t)
	other, _ := keyPair(t)
	sealed, err := Seal(P, []byte("context"), []byte("secret"), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(name string, p *secp256k1.Scalar, context string, sealed []byte) {
		if _, err := Open(p, []byte(context), sealed); wire.CodeOf(err) != wire.CodeInput {
			t.Errorf("%s: %v", name, err)
		}
	}
	refused("another key", other, "context", sealed)
	refused("another context", p, "contexts", sealed)
	refused("nothing", p, "context", nil)
	for i := range sealed {
		refused("cut short", p, "context", sealed[:i])
		for bit := range 8 {
			flipped := bytes.Clone(sealed)
			flipped[i] ^= 1 << bit
			refused(fmt.Sprintf("bit %d of byte %d flipped", bit, i), p, "context", flipped)
		}
	}
	refused("a byte more", p, "context", append(bytes.Clone(sealed), 0))
}

// A random source that repeats itself gives the same ephemeral key to the same input only.
func TestSealIsHedged(t *testing.T) {
	_, P := keyPair(t)
	_, Q := keyPair(t)
	ephemeral := func(P *secp256k1.Point, context, plaintext string) string {
		sealed, err := Seal(P, []byte(context), []byte(plaintext), bytes.NewReader(bytes.Repeat([]byte{7}, 32)))
		if err != nil {
			t.Fatal(err)
		}
		return string(sealed[:secp256k1.PointSize])
	}
	base := ephemeral(P, "context", "plaintext")
	if base != ephemeral(P, "context", "plaintext") {
		t.Error("not a function of its input")
	}
	for _, other := range []string{ephemeral(Q, "context", "plaintext"), ephemeral(P, "other", "plaintext"), ephemeral(P, "context", "other")} {
		if other == base {
			t.Error("the same ephemeral key for something else")
		}
	}
	for name, source := range map[string]io.Reader{"failing": errReader{}, "zero": bytes.NewReader(make([]byte, 32))} {
		if _, err := Seal(P, nil, nil, source); wire.CodeOf(err) != wire.CodeInternal {
			t.Errorf("%s source: %v", name, err)
		}
	}
}

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, errors.New("broken") }

func FuzzOpen(f *testing.F) {
	p, P := keyPair(f)
	sealed, err := Seal(P, nil, []byte("secret"), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := Open(p, nil, data); err == nil && !bytes.Equal(data, sealed) {
			t.Fatal("opens what was not sealed")
		}
	})
}

func ExampleSeal() {
	p, _ := secp256k1.RandomScalar(rand.Reader)
	P := new(secp256k1.Point).ScalarBaseMult(p)
	sealed, _ := Seal(P, []byte("for today"), []byte("a secret"), rand.Reader)
	opened, _ := Open(p, []byte("for today"), sealed)
	fmt.Println(string(opened))
	// Output: a secret
}
