package chacha

import (
	"bytes"
	"encoding/binary"
	mathrand "math/rand/v2"
	"testing"

	"golang.org/x/crypto/chacha20"
)

func random(n byte) *mathrand.ChaCha8 { return mathrand.NewChaCha8([32]byte{n}) }

func TestBlock(t *testing.T) {
	source := random(1)
	for range 200 {
		var key [chacha20.KeySize]byte
		var state [16]byte
		source.Read(key[:])
		source.Read(state[:])
		var k Key
		var n Nonce
		for i := range k {
			k[i] = binary.LittleEndian.Uint32(key[4*i:])
		}
		for i := range n {
			n[i] = binary.LittleEndian.Uint32(state[4*i:])
		}
		cipher, err := chacha20.NewUnauthenticatedCipher(key[:], state[4:])
		if err != nil {
			t.Fatal(err)
		}
		cipher.SetCounter(n[0])
		var want, got [64]byte
		cipher.XORKeyStream(want[:], want[:])
		var out [16]uint32
		Block(&out, &k, &n)
		for i, word := range out {
			binary.LittleEndian.PutUint32(got[4*i:], word)
		}
		if !bytes.Equal(got[:], want[:]) {
			t.Fatalf("key %x, state %x: %x, want %x", key, state, got, want)
		}
		// Over its own key.
		words := out
		copy(words[:], k[:])
		if Block(&words, (*Key)(words[:]), &n); words != out {
			t.Fatalf("over its key: %x, want %x", words, out)
		}
	}
}
