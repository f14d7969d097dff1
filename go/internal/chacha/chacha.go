// Package chacha is ChaCha20 (RFC 8439). That of x/crypto, the oracle of the tests, is an allocation for each key, of which we need
// many, and leaves it behind.
package chacha

import (
	"encoding/binary"
	"math/bits"
)

// KeySize is the length of a key in bytes.
const KeySize = 32

// Key is a key: eight words, as RFC 8439 reads them from 32 bytes.
type Key [8]uint32

// Set sets the key to 32 bytes.
func (k *Key) Set(b []byte) {
	for i := range k {
		k[i] = binary.LittleEndian.Uint32(b[4*i:])
	}
}

// Put writes the 32 bytes of the key to dst.
func (k *Key) Put(dst []byte) {
	for i, w := range k {
		dst[4*i], dst[4*i+1], dst[4*i+2], dst[4*i+3] = byte(w), byte(w>>8), byte(w>>16), byte(w>>24)
	}
}

// Stream is a key stream. Its zero value is that of a key of zeros: Set the key.
type Stream struct {
	Key   Key
	Nonce Nonce // of the next block
	block [16]uint32
	bytes [64]byte
	left  int // of bytes
}

// XOR sets dst to src XOR the next bytes of the stream. dst may be src.
func (s *Stream) XOR(dst, src []byte) {
	for i := range src {
		if s.left == 0 {
			Block(&s.block, &s.Key, &s.Nonce)
			s.Nonce[0]++
			for k, word := range s.block {
				binary.LittleEndian.PutUint32(s.bytes[4*k:], word)
			}
			s.left = len(s.bytes)
		}
		dst[i] = src[i] ^ s.bytes[len(s.bytes)-s.left]
		s.left--
	}
}

// Clear forgets the key, and what is left of a block.
func (s *Stream) Clear() { *s = Stream{} }

// Nonce is the words 12 to 15 of the state: the block counter, and the nonce.
type Nonce [4]uint32

// Block sets out to the block of key and nonce, in words. out may be where key is. It runs in constant time and leaves
// nothing behind.
//
//go:noinline
func Block(out *[16]uint32, key *Key, nonce *Nonce) {
	const c0, c1, c2, c3 = 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574
	k0, k1, k2, k3, k4, k5, k6, k7 := key[0], key[1], key[2], key[3], key[4], key[5], key[6], key[7]
	n0, n1, n2, n3 := nonce[0], nonce[1], nonce[2], nonce[3]
	x0, x1, x2, x3 := uint32(c0), uint32(c1), uint32(c2), uint32(c3)
	x4, x5, x6, x7, x8, x9, x10, x11 := k0, k1, k2, k3, k4, k5, k6, k7
	x12, x13, x14, x15 := n0, n1, n2, n3
	// Quarter rounds are written out, four at a time: TinyGo would call a function.
	for range 10 {
		x0, x1, x2, x3 = x0+x4, x1+x5, x2+x6, x3+x7
		x12, x13, x14, x15 = rotate(x12^x0, 16), rotate(x13^x1, 16), rotate(x14^x2, 16), rotate(x15^x3, 16)
		x8, x9, x10, x11 = x8+x12, x9+x13, x10+x14, x11+x15
		x4, x5, x6, x7 = rotate(x4^x8, 12), rotate(x5^x9, 12), rotate(x6^x10, 12), rotate(x7^x11, 12)
		x0, x1, x2, x3 = x0+x4, x1+x5, x2+x6, x3+x7
		x12, x13, x14, x15 = rotate(x12^x0, 8), rotate(x13^x1, 8), rotate(x14^x2, 8), rotate(x15^x3, 8)
		x8, x9, x10, x11 = x8+x12, x9+x13, x10+x14, x11+x15
		x4, x5, x6, x7 = rotate(x4^x8, 7), rotate(x5^x9, 7), rotate(x6^x10, 7), rotate(x7^x11, 7)

		x0, x1, x2, x3 = x0+x5, x1+x6, x2+x7, x3+x4
		x15, x12, x13, x14 = rotate(x15^x0, 16), rotate(x12^x1, 16), rotate(x13^x2, 16), rotate(x14^x3, 16)
		x10, x11, x8, x9 = x10+x15, x11+x12, x8+x13, x9+x14
		x5, x6, x7, x4 = rotate(x5^x10, 12), rotate(x6^x11, 12), rotate(x7^x8, 12), rotate(x4^x9, 12)
		x0, x1, x2, x3 = x0+x5, x1+x6, x2+x7, x3+x4
		x15, x12, x13, x14 = rotate(x15^x0, 8), rotate(x12^x1, 8), rotate(x13^x2, 8), rotate(x14^x3, 8)
		x10, x11, x8, x9 = x10+x15, x11+x12, x8+x13, x9+x14
		x5, x6, x7, x4 = rotate(x5^x10, 7), rotate(x6^x11, 7), rotate(x7^x8, 7), rotate(x4^x9, 7)
	}
	out[0], out[1], out[2], out[3] = x0+c0, x1+c1, x2+c2, x3+c3
	out[4], out[5], out[6], out[7] = x4+k0, x5+k1, x6+k2, x7+k3
	out[8], out[9], out[10], out[11] = x8+k4, x9+k5, x10+k6, x11+k7
	out[12], out[13], out[14], out[15] = x12+n0, x13+n1, x14+n2, x15+n3
}

func rotate(x uint32, n int) uint32 { return bits.RotateLeft32(x, n) }
