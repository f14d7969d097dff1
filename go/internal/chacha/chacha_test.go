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

func TestStream(t *testing.T) {
	source := random(2)
	for n := range 200 {
		key, plain := make([]byte, chacha20.KeySize), make([]byte, n)
		source.Read(key)
		source.Read(plain)
		cipher, err := chacha20.NewUnauthenticatedCipher(key, make([]byte, chacha20.NonceSize))
		if err != nil {
			t.Fatal(err)
		}
		want := bytes.Clone(plain)
		cipher.XORKeyStream(want, want)
		var s Stream
		s.Key.Set(key)
		got := bytes.Clone(plain)
		for at := 0; at < n; at += n%70 + 1 { // in pieces
			part := got[at:min(n, at+n%70+1)]
			s.XOR(part, part)
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("%d bytes: not the stream of x/crypto", n)
		}
		var again [chacha20.KeySize]byte
		if s.Key.Put(again[:]); !bytes.Equal(again[:], key) {
			t.Fatal("another key")
		}
		if s.Clear(); s != (Stream{}) {
			t.Fatal("Clear leaves something")
		}
	}
}
