package mac

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"math/rand/v2"
	"testing"

	"tandem/go/internal/sha2"
)

var theirs256, theirs512 = sha256.New, sha512.New

func random(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return b
}

func TestHMAC(t *testing.T) {
	for new, ours := range map[*func() hash.Hash]sha2.Hash{&theirs256: sha2.New256(), &theirs512: sha2.New512()} {
		size := ours.Size()
		for keySize := range 140 {
			key, message := random(keySize), random(300-keySize)
			h := hmac.New(*new, key)
			h.Write(message)
			dst := make([]byte, size)
			HMAC(dst, ours, key, message[:keySize%7], nil, message[keySize%7:])
			if want := h.Sum(nil); !bytes.Equal(dst, want) {
				t.Errorf("hash of %d bytes, key of %d: %x, want %x", size, keySize, dst, want)
			}
		}
	}
}

func TestHKDF(t *testing.T) {
	for _, n := range []int{0, 1, 31, 32, 33, 48, 64, 100, 8160} {
		for _, salt := range [][]byte{nil, random(32), random(100)} {
			secret, info := random(n%70), string(random(n%50))
			want, err := hkdf.Key(sha256.New, secret, salt, info, n)
			if err != nil {
				t.Fatal(err)
			}
			got := make([]byte, n)
			if HKDF(got, secret, salt, info); !bytes.Equal(got, want) {
				t.Errorf("%d bytes: not what the standard library gives", n)
			}
		}
	}
}
