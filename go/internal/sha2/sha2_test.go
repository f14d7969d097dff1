package sha2

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"math/rand/v2"
	"testing"
)

func random(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return b
}

// All lengths up to several blocks, written at once, in pieces, and again by the same state.
func TestHash(t *testing.T) {
	for _, c := range []struct {
		ours   Hash
		theirs hash.Hash
	}{{New256(), sha256.New()}, {New512(), sha512.New()}} {
		if c.ours.Size() != c.theirs.Size() || c.ours.BlockSize() != c.theirs.BlockSize() {
			t.Fatal("not the same sizes")
		}
		got := make([]byte, c.ours.Size())
		for n := range 700 {
			message := random(n)
			c.theirs.Reset()
			c.theirs.Write(message)
			want := c.theirs.Sum(nil)
			c.ours.Write(message)
			if c.ours.Sum(got); !bytes.Equal(got, want) {
				t.Fatalf("%d bytes: %x, want %x", n, got, want)
			}
			for at := 0; at < n; {
				end := min(n, at+rand.IntN(200))
				c.ours.Write(message[at:end])
				at = end
			}
			if c.ours.Sum(got); !bytes.Equal(got, want) {
				t.Fatalf("%d bytes, in pieces: %x, want %x", n, got, want)
			}
		}
	}
}

func TestBlock(t *testing.T) {
	s := New256()
	s.Write([]byte("something before"))
	for n := range 56 {
		var block [64]byte
		var got [32]byte
		copy(block[:], random(n))
		message := bytes.Clone(block[:n])
		block[n] = 0x80
		block[62], block[63] = byte(8*n>>8), byte(8*n)
		if s.Block(got[:], &block); got != sha256.Sum256(message) {
			t.Errorf("%d bytes: %x", n, got)
		}
	}
}

func TestClear(t *testing.T) {
	a, b := New256(), New512()
	a.Write(random(100))
	b.Write(random(200))
	a.Clear()
	b.Clear()
	if *a != *New256() || *b != *New512() {
		t.Error("Clear leaves something")
	}
}

func BenchmarkSHA256(b *testing.B) {
	s, block := New256(), random(64)
	for b.Loop() {
		s.Write(block)
	}
}
