package box

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"golang.org/x/crypto/chacha20poly1305"
)

func random(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return b
}

func TestBox(t *testing.T) {
	for n := range 150 {
		key, context, plaintext := random(KeySize), random(n*7%40), random(n)
		aead, err := chacha20poly1305.New(key)
		if err != nil {
			t.Fatal(err)
		}
		sealed := Seal(key, context, plaintext)
		want := aead.Seal(nil, make([]byte, chacha20poly1305.NonceSize), plaintext, context)
		if !bytes.Equal(sealed, want) {
			t.Fatalf("%d bytes: %x, want %x", n, sealed, want)
		}
		opened, ok := Open(key, context, sealed)
		if !ok || !bytes.Equal(opened, plaintext) {
			t.Fatalf("%d bytes do not open", n)
		}
		for _, what := range [][]byte{key, context, sealed} {
			if len(what) == 0 {
				continue
			}
			at := rand.IntN(len(what))
			what[at] ^= 1
			if _, ok := Open(key, context, sealed); ok {
				t.Fatalf("%d bytes open with something changed", n)
			}
			what[at] ^= 1
		}
		if _, ok := Open(key, context, sealed[:len(sealed)-1]); ok {
			t.Fatal("what is too short opens")
		}
	}
	for n := range Overhead {
		if _, ok := Open(random(KeySize), nil, make([]byte, n)); ok {
			t.Error("nothing opens")
		}
	}
}
