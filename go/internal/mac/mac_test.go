package mac

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding"
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

func TestHMAC(t *testing.T) {
	for name, new := range map[string]func() hash.Hash{"SHA-256": sha256.New, "SHA-512": sha512.New} {
		size := new().Size()
		for keySize := range 140 {
			key, message := random(keySize), random(300-keySize)
			h := hmac.New(new, key)
			h.Write(message)
			dst := make([]byte, size)
			HMAC(dst, new, key, message[:keySize%7], nil, message[keySize%7:])
			if want := h.Sum(nil); !bytes.Equal(dst, want) {
				t.Errorf("%s, key of %d bytes: %x, want %x", name, keySize, dst, want)
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

func TestForget(t *testing.T) {
	for name, new := range map[string]func() hash.Hash{"SHA-256": sha256.New, "SHA-512": sha512.New} {
		h, fresh := new(), new()
		h.Write(bytes.Repeat([]byte("secret"), 100))
		forget(h)
		state, err := h.(encoding.BinaryMarshaler).MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		if want, _ := fresh.(encoding.BinaryMarshaler).MarshalBinary(); !bytes.Equal(state, want) {
			t.Errorf("%s: something is left", name)
		}
	}
}
