package transcript

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"reflect"
	"testing"

	"tandem/go/secp256k1"
)

// plainExpand is expand_message_xmd (RFC 9380, section 5.3.1) over the parts as the package comment describes them.
func plainExpand(label string, n int, parts ...[]byte) []byte {
	var msg []byte
	for _, p := range parts {
		msg = append(binary.BigEndian.AppendUint32(msg, uint32(len(p))), p...)
	}
	dst := "TANDEM-V1-" + label
	prime := append([]byte(dst), byte(len(dst)))
	in := append(make([]byte, 64), msg...)
	in = append(binary.BigEndian.AppendUint16(in, uint16(n)), 0)
	b0 := sha256.Sum256(append(in, prime...))
	var bi [32]byte
	var out []byte
	for i := byte(1); len(out) < n; i++ {
		for j := range bi {
			bi[j] ^= b0[j]
		}
		bi = sha256.Sum256(append(append(bi[:], i), prime...))
		out = append(out, bi[:]...)
	}
	return out[:n]
}

func TestExpand(t *testing.T) {
	parts := [][]byte{nil, []byte("a"), bytes.Repeat([]byte("b"), 64), bytes.Repeat([]byte("c"), 200)}
	for _, label := range []string{"", "A", "ELEVEN-LONG"} {
		for _, n := range []int{1, 31, 32, 33, 48, 96, 240, 8160} {
			for split := range len(parts) + 1 {
				got := make([]byte, n)
				p := NewPrefix(label, parts[:split]...)
				for range 2 { // a prefix serves more than once
					clear(got)
					p.Expand(got, parts[split:]...)
					if want := plainExpand(label, n, parts...); !bytes.Equal(got, want) || !bytes.Equal(Expand(label, n, parts...), want) {
						t.Fatalf("label %q, %d bytes, %d constant parts", label, n, split)
					}
				}
			}
		}
	}
}

// Neither the last expansion nor the constant parts can be had from a prefix that was cleared.
func TestAudit7PrefixClear(t *testing.T) {
	secret := bytes.Repeat([]byte("secret"), 20)
	p := NewPrefix("TEST", secret)
	out := make([]byte, 96)
	p.Expand(out, secret)
	p.Clear()
	if !reflect.DeepEqual(*p, Prefix{}) {
		t.Errorf("left behind: %v", *p)
	}
}

func TestPartsDoNotRunTogether(t *testing.T) {
	seen := map[[32]byte]string{}
	for _, parts := range [][]string{{}, {""}, {"", ""}, {"ab"}, {"a", "b"}, {"ab", ""}, {"", "ab"}} {
		var in [][]byte
		for _, p := range parts {
			in = append(in, []byte(p))
		}
		h := Hash("TEST", in...)
		if other, ok := seen[h]; ok {
			t.Errorf("%q and %s collide", parts, other)
		}
		seen[h] = fmt.Sprintf("%q", parts)
	}
	if Hash("A") == Hash("B") {
		t.Error("labels do not separate")
	}
}

func TestPrefixAllocatesNothing(t *testing.T) {
	p := NewPrefix("TEST", []byte("constant"))
	dst, part := make([]byte, 240), []byte("part")
	if n := testing.AllocsPerRun(100, func() { p.Expand(dst, part, part) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestPanicsOnProgrammerErrors(t *testing.T) {
	for name, f := range map[string]func(){
		"long label":  func() { NewPrefix("TWELVE-CHARS") },
		"long output": func() { Expand("A", 8161) },
		"short seed":  func() { StreamFromSeed(make([]byte, 31), "A") },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}

func TestStreamIsHedged(t *testing.T) {
	fresh := bytes.Repeat([]byte{7}, 32)
	draw := func(label, secret, received string) string {
		s, err := NewStream(bytes.NewReader(fresh), label, []byte(secret), []byte(received))
		if err != nil {
			t.Fatal(err)
		}
		return string(s.Scalar().Bytes())
	}
	base := draw("A", "secret", "received")
	if draw("A", "secret", "received") != base {
		t.Error("not a function of its inputs")
	}
	for name, other := range map[string]string{
		"label": draw("B", "secret", "received"), "secret": draw("A", "other", "received"), "received": draw("A", "secret", "other"),
		"boundary": draw("A", "secretr", "eceived"),
	} {
		if other == base {
			t.Errorf("another %s, the same stream", name)
		}
	}
	for name, source := range map[string]io.Reader{"failing": errReader{}, "short": bytes.NewReader(fresh[:31]), "zero": bytes.NewReader(make([]byte, 32))} {
		if _, err := NewStream(source, "A", nil, nil); !errors.Is(err, secp256k1.ErrRandom) {
			t.Errorf("%s source: %v", name, err)
		}
	}
}

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, errors.New("broken") }

func TestProof(t *testing.T) {
	scalar := func() *secp256k1.Scalar {
		s, err := secp256k1.RandomScalar(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	x := scalar()
	base := new(secp256k1.Point).ScalarBaseMult(scalar())
	statement := new(secp256k1.Point).ScalarMult(x, base)
	proof, err := Prove(rand.Reader, "TEST-PROOF", base, x, []byte("session"), U32(1))
	if err != nil {
		t.Fatal(err)
	}
	verify := func(label string, base, statement *secp256k1.Point, proof []byte, context ...[]byte) bool {
		return VerifyProof(label, base, statement, proof, context...)
	}
	if !verify("TEST-PROOF", base, statement, proof, []byte("session"), U32(1)) {
		t.Fatal("an honest proof is rejected")
	}
	other := new(secp256k1.Point).ScalarBaseMult(scalar())
	for name, ok := range map[string]bool{
		"label":     verify("TEST-OTHER", base, statement, proof, []byte("session"), U32(1)),
		"base":      verify("TEST-PROOF", other, statement, proof, []byte("session"), U32(1)),
		"statement": verify("TEST-PROOF", base, other, proof, []byte("session"), U32(1)),
		"session":   verify("TEST-PROOF", base, statement, proof, []byte("sessiom"), U32(1)),
		"prover":    verify("TEST-PROOF", base, statement, proof, []byte("session"), U32(2)),
		"context":   verify("TEST-PROOF", base, statement, proof, []byte("session")),
		"short":     verify("TEST-PROOF", base, statement, proof[:63], []byte("session"), U32(1)),
		"long":      verify("TEST-PROOF", base, statement, append(bytes.Clone(proof), 0), []byte("session"), U32(1)),
	} {
		if ok {
			t.Errorf("another %s passes", name)
		}
	}
	for i := range proof {
		bad := bytes.Clone(proof)
		bad[i] ^= 1
		if verify("TEST-PROOF", base, statement, bad, []byte("session"), U32(1)) {
			t.Errorf("byte %d flipped passes", i)
		}
	}
	// The same proof with q added to its response would be a second encoding of it.
	for _, at := range []int{0, 32} {
		bad := bytes.Clone(proof)
		copy(bad[at:at+32], bytes.Repeat([]byte{255}, 32))
		if verify("TEST-PROOF", base, statement, bad, []byte("session"), U32(1)) {
			t.Error("an encoding above q passes")
		}
	}
}

func ExampleHash() {
	h := Hash("EXAMPLE", []byte("one part"), []byte("another"))
	fmt.Printf("%x\n", h[:4])
	// Output: b96966d6
}
