// Package chacha is the block function of ChaCha20 (RFC 8439, section 2.3), for those who need a block under each of many
// keys. A cipher of x/crypto, the oracle of the tests, is an allocation for each key, and leaves the key behind.
package chacha

import "math/bits"

// Key is a key: eight words, as RFC 8439 reads them from 32 bytes.
type Key [8]uint32

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
	for range 10 {
		x0, x4, x8, x12 = quarter(x0, x4, x8, x12)
		x1, x5, x9, x13 = quarter(x1, x5, x9, x13)
		x2, x6, x10, x14 = quarter(x2, x6, x10, x14)
		x3, x7, x11, x15 = quarter(x3, x7, x11, x15)
		x0, x5, x10, x15 = quarter(x0, x5, x10, x15)
		x1, x6, x11, x12 = quarter(x1, x6, x11, x12)
		x2, x7, x8, x13 = quarter(x2, x7, x8, x13)
		x3, x4, x9, x14 = quarter(x3, x4, x9, x14)
	}
	out[0], out[1], out[2], out[3] = x0+c0, x1+c1, x2+c2, x3+c3
	out[4], out[5], out[6], out[7] = x4+k0, x5+k1, x6+k2, x7+k3
	out[8], out[9], out[10], out[11] = x8+k4, x9+k5, x10+k6, x11+k7
	out[12], out[13], out[14], out[15] = x12+n0, x13+n1, x14+n2, x15+n3
}

func quarter(a, b, c, d uint32) (uint32, uint32, uint32, uint32) {
	a += b
	d = bits.RotateLeft32(d^a, 16)
	c += d
	b = bits.RotateLeft32(b^c, 12)
	a += b
	d = bits.RotateLeft32(d^a, 8)
	c += d
	b = bits.RotateLeft32(b^c, 7)
	return a, b, c, d
}
