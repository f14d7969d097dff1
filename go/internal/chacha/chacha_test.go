package chacha

import (
	"bytes"
	"encoding/binary"
	mathrand "math/rand/v2"
	"testing"

	"golang.org/x/crypto/chacha20"
)

func random(n byte) *mathrand.ChaCha8 { return mathrand.NewChaCha8([32]byte{n}) }

// Four keys at once have the blocks that each has in x/crypto, also over the keys.
func TestBlocks(t *testing.T) {
	source := random(1)
	for range 100 {
		var nonce [16]byte
		source.Read(nonce[:])
		var n Nonce
		for i := range n {
			n[i] = binary.LittleEndian.Uint32(nonce[4*i:])
		}
		var keys Keys
		var want [Lanes][64]byte
		for l := range Lanes {
			var key [KeySize]byte
			source.Read(key[:])
			var k Key
			k.Set(key[:])
			keys.Set(l, &k)
			cipher, err := chacha20.NewUnauthenticatedCipher(key[:], nonce[4:])
			if err != nil {
				t.Fatal(err)
			}
			cipher.SetCounter(n[0])
			cipher.XORKeyStream(want[l][:], want[l][:])
		}
		same := func(where string, low, high *Keys) {
			t.Helper()
			for l := range Lanes {
				var half Key
				var got [64]byte
				low.Get(&half, l)
				half.Put(got[:])
				high.Get(&half, l)
				half.Put(got[KeySize:])
				if got != want[l] {
					t.Fatalf("%s, lane %d: %x, want %x", where, l, got, want[l])
				}
			}
		}
		var state State
		var low, high Keys
		state.Blocks(&low, &high, &keys, &n)
		same("elsewhere", &low, &high)
		over := keys
		state.Blocks(&over, &high, &over, &n)
		same("low half over the keys", &over, &high)
		over = keys
		state.Blocks(&low, &over, &over, &n)
		same("high half over the keys", &low, &over)
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
