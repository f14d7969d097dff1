// Package sha2 is SHA-256 and SHA-512 (FIPS 180-4). Those of the standard library, the oracle of the tests, keep the last block that they
// saw, cost a module 25 KB of AES and self-tests that it has no use for, and are half as fast in it.
package sha2

import (
	"encoding/binary"
	"math/bits"
)

// Hash is a hash of what was written to it. It may hold secrets: Clear it.
type Hash interface {
	Write(p []byte)
	// Sum puts the hash in dst, of Size bytes, and resets the state.
	Sum(dst []byte)
	// Clear resets the state, and forgets everything.
	Clear()
	Size() int
	BlockSize() int
}

// The first 64 bits of the fractional parts of the cube roots of the first 80 primes, and of the square roots of the first
// eight. SHA-256 takes the first 32.
var constants = [80]uint64{
	0x428a2f98d728ae22, 0x7137449123ef65cd, 0xb5c0fbcfec4d3b2f, 0xe9b5dba58189dbbc, 0x3956c25bf348b538,
	0x59f111f1b605d019, 0x923f82a4af194f9b, 0xab1c5ed5da6d8118, 0xd807aa98a3030242, 0x12835b0145706fbe,
	0x243185be4ee4b28c, 0x550c7dc3d5ffb4e2, 0x72be5d74f27b896f, 0x80deb1fe3b1696b1, 0x9bdc06a725c71235,
	0xc19bf174cf692694, 0xe49b69c19ef14ad2, 0xefbe4786384f25e3, 0x0fc19dc68b8cd5b5, 0x240ca1cc77ac9c65,
	0x2de92c6f592b0275, 0x4a7484aa6ea6e483, 0x5cb0a9dcbd41fbd4, 0x76f988da831153b5, 0x983e5152ee66dfab,
	0xa831c66d2db43210, 0xb00327c898fb213f, 0xbf597fc7beef0ee4, 0xc6e00bf33da88fc2, 0xd5a79147930aa725,
	0x06ca6351e003826f, 0x142929670a0e6e70, 0x27b70a8546d22ffc, 0x2e1b21385c26c926, 0x4d2c6dfc5ac42aed,
	0x53380d139d95b3df, 0x650a73548baf63de, 0x766a0abb3c77b2a8, 0x81c2c92e47edaee6, 0x92722c851482353b,
	0xa2bfe8a14cf10364, 0xa81a664bbc423001, 0xc24b8b70d0f89791, 0xc76c51a30654be30, 0xd192e819d6ef5218,
	0xd69906245565a910, 0xf40e35855771202a, 0x106aa07032bbd1b8, 0x19a4c116b8d2d0c8, 0x1e376c085141ab53,
	0x2748774cdf8eeb99, 0x34b0bcb5e19b48a8, 0x391c0cb3c5c95a63, 0x4ed8aa4ae3418acb, 0x5b9cca4f7763e373,
	0x682e6ff3d6b2b8a3, 0x748f82ee5defb2fc, 0x78a5636f43172f60, 0x84c87814a1f0ab72, 0x8cc702081a6439ec,
	0x90befffa23631e28, 0xa4506cebde82bde9, 0xbef9a3f7b2c67915, 0xc67178f2e372532b, 0xca273eceea26619c,
	0xd186b8c721c0c207, 0xeada7dd6cde0eb1e, 0xf57d4f7fee6ed178, 0x06f067aa72176fba, 0x0a637dc5a2c898a6,
	0x113f9804bef90dae, 0x1b710b35131c471b, 0x28db77f523047d84, 0x32caab7b40c72493, 0x3c9ebe0a15c9bebc,
	0x431d67c49c100d4c, 0x4cc5d4becb3e42b6, 0x597f299cfc657e2a, 0x5fcb6fab3ad6faec, 0x6c44198c4a475817,
}

// constants256 are those of SHA-256. They are made when the module is built.
var constants256 = func() (c [64]uint32) {
	for i := range c {
		c[i] = uint32(constants[i] >> 32)
	}
	return c
}()

var initial = [8]uint64{
	0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
	0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
}

// State256 is SHA-256. Its zero value is not valid: begin with New256. A copy is independent.
type State256 struct {
	h      [8]uint32
	length uint64 // of all that was written
	block  [64]byte
	w      [64]uint32 // scratch
}

// New256 returns a SHA-256 of nothing.
func New256() *State256 {
	s := new(State256)
	s.Clear()
	return s
}

// Size returns 32.
func (s *State256) Size() int { return 32 }

// BlockSize returns 64.
func (s *State256) BlockSize() int { return 64 }

// Clear resets the state, and forgets everything.
func (s *State256) Clear() {
	*s = State256{}
	s.reset()
}

func (s *State256) reset() {
	s.length = 0
	for i := range s.h {
		s.h[i] = uint32(initial[i] >> 32)
	}
}

// Write adds p to what is hashed.
func (s *State256) Write(p []byte) {
	at := int(s.length % 64)
	s.length += uint64(len(p))
	if at > 0 {
		n := copy(s.block[at:], p)
		if p = p[n:]; at+n < len(s.block) {
			return
		}
		s.compress(&s.block)
	}
	for ; len(p) >= len(s.block); p = p[len(s.block):] {
		s.compress((*[64]byte)(p))
	}
	copy(s.block[:], p)
}

// Sum puts the 32 bytes of the hash in dst, and resets the state.
func (s *State256) Sum(dst []byte) {
	at := int(s.length % 64)
	s.block[at] = 0x80
	clear(s.block[at+1:])
	if at >= 56 {
		s.compress(&s.block)
		clear(s.block[:])
	}
	binary.BigEndian.PutUint64(s.block[56:], 8*s.length)
	s.compress(&s.block)
	s.put(dst)
}

// put puts the state in dst, and resets it.
func (s *State256) put(dst []byte) {
	// Bytes are put together here and in compress because TinyGo would call functions of encoding/binary for it.
	for i, h := range s.h {
		dst[4*i], dst[4*i+1], dst[4*i+2], dst[4*i+3] = byte(h>>24), byte(h>>16), byte(h>>8), byte(h)
	}
	s.reset()
}

// Block sets s to SHA-256 after one block alone and puts its state in dst: the hash of a message of at most 55 bytes that was padded
// already.
func (s *State256) Block(dst []byte, block *[64]byte) {
	s.reset()
	s.compress(block)
	s.put(dst)
}

//go:noinline
func (s *State256) compress(block *[64]byte) {
	w := &s.w
	for i := range 16 {
		b := (*[4]byte)(block[4*i:])
		w[i] = uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	}
	for i := 16; i < 64; i++ {
		x, y := w[i-15], w[i-2]
		w[i] = w[i-16] + (rotate(x, 25) ^ rotate(x, 14) ^ x>>3) + w[i-7] + (rotate(y, 15) ^ rotate(y, 13) ^ y>>10)
	}
	for i := range w {
		w[i] += constants256[i]
	}
	a, b, c, d, e, f, g, h := s.h[0], s.h[1], s.h[2], s.h[3], s.h[4], s.h[5], s.h[6], s.h[7]
	for i := 0; i < 64; i += 8 { // eight rounds, after which all have their names back
		w := (*[8]uint32)(s.w[i:])
		h += (rotate(e, 26) ^ rotate(e, 21) ^ rotate(e, 7)) + (g ^ e&(f^g)) + w[0]
		d += h
		h += (rotate(a, 30) ^ rotate(a, 19) ^ rotate(a, 10)) + (a&b ^ c&(a^b))
		g += (rotate(d, 26) ^ rotate(d, 21) ^ rotate(d, 7)) + (f ^ d&(e^f)) + w[1]
		c += g
		g += (rotate(h, 30) ^ rotate(h, 19) ^ rotate(h, 10)) + (h&a ^ b&(h^a))
		f += (rotate(c, 26) ^ rotate(c, 21) ^ rotate(c, 7)) + (e ^ c&(d^e)) + w[2]
		b += f
		f += (rotate(g, 30) ^ rotate(g, 19) ^ rotate(g, 10)) + (g&h ^ a&(g^h))
		e += (rotate(b, 26) ^ rotate(b, 21) ^ rotate(b, 7)) + (d ^ b&(c^d)) + w[3]
		a += e
		e += (rotate(f, 30) ^ rotate(f, 19) ^ rotate(f, 10)) + (f&g ^ h&(f^g))
		d += (rotate(a, 26) ^ rotate(a, 21) ^ rotate(a, 7)) + (c ^ a&(b^c)) + w[4]
		h += d
		d += (rotate(e, 30) ^ rotate(e, 19) ^ rotate(e, 10)) + (e&f ^ g&(e^f))
		c += (rotate(h, 26) ^ rotate(h, 21) ^ rotate(h, 7)) + (b ^ h&(a^b)) + w[5]
		g += c
		c += (rotate(d, 30) ^ rotate(d, 19) ^ rotate(d, 10)) + (d&e ^ f&(d^e))
		b += (rotate(g, 26) ^ rotate(g, 21) ^ rotate(g, 7)) + (a ^ g&(h^a)) + w[6]
		f += b
		b += (rotate(c, 30) ^ rotate(c, 19) ^ rotate(c, 10)) + (c&d ^ e&(c^d))
		a += (rotate(f, 26) ^ rotate(f, 21) ^ rotate(f, 7)) + (h ^ f&(g^h)) + w[7]
		e += a
		a += (rotate(b, 30) ^ rotate(b, 19) ^ rotate(b, 10)) + (b&c ^ d&(b^c))
	}
	s.h[0], s.h[1], s.h[2], s.h[3] = s.h[0]+a, s.h[1]+b, s.h[2]+c, s.h[3]+d
	s.h[4], s.h[5], s.h[6], s.h[7] = s.h[4]+e, s.h[5]+f, s.h[6]+g, s.h[7]+h
}

func rotate(x uint32, n int) uint32 { return bits.RotateLeft32(x, n) }

// State512 is SHA-512. Its zero value is not valid: begin with New512.
type State512 struct {
	h      [8]uint64
	length uint64 // of all that was written
	block  [128]byte
	w      [80]uint64 // scratch
}

// New512 returns a SHA-512 of nothing.
func New512() *State512 {
	s := new(State512)
	s.Clear()
	return s
}

// Size returns 64.
func (s *State512) Size() int { return 64 }

// BlockSize returns 128.
func (s *State512) BlockSize() int { return 128 }

// Clear resets the state, and forgets everything.
func (s *State512) Clear() { *s = State512{h: initial} }

// Write adds p to what is hashed.
func (s *State512) Write(p []byte) {
	at := int(s.length % 128)
	s.length += uint64(len(p))
	for len(p) > 0 {
		n := copy(s.block[at:], p)
		at, p = at+n, p[n:]
		if at == len(s.block) {
			s.compress()
			at = 0
		}
	}
}

// Sum puts the 64 bytes of the hash in dst, and resets the state.
func (s *State512) Sum(dst []byte) {
	at := int(s.length % 128)
	s.block[at] = 0x80
	clear(s.block[at+1:])
	if at >= 112 {
		s.compress()
		clear(s.block[:])
	}
	binary.BigEndian.PutUint64(s.block[120:], 8*s.length)
	s.compress()
	for i, word := range s.h {
		binary.BigEndian.PutUint64(dst[8*i:], word)
	}
	s.length, s.h = 0, initial
}

//go:noinline
func (s *State512) compress() {
	w := &s.w
	for i := range 16 {
		w[i] = binary.BigEndian.Uint64(s.block[8*i:])
	}
	for i := 16; i < 80; i++ {
		x, y := w[i-15], w[i-2]
		w[i] = w[i-16] + (rotate64(x, 63) ^ rotate64(x, 56) ^ x>>7) + w[i-7] + (rotate64(y, 45) ^ rotate64(y, 3) ^ y>>6)
	}
	a, b, c, d, e, f, g, h := s.h[0], s.h[1], s.h[2], s.h[3], s.h[4], s.h[5], s.h[6], s.h[7]
	for i := range w {
		t := h + (rotate64(e, 50) ^ rotate64(e, 46) ^ rotate64(e, 23)) + (g ^ e&(f^g)) + constants[i] + w[i]
		u := t + (rotate64(a, 36) ^ rotate64(a, 30) ^ rotate64(a, 25)) + (a&b ^ c&(a^b))
		a, b, c, d, e, f, g, h = u, a, b, c, d+t, e, f, g
	}
	s.h[0], s.h[1], s.h[2], s.h[3] = s.h[0]+a, s.h[1]+b, s.h[2]+c, s.h[3]+d
	s.h[4], s.h[5], s.h[6], s.h[7] = s.h[4]+e, s.h[5]+f, s.h[6]+g, s.h[7]+h
}

func rotate64(x uint64, n int) uint64 { return bits.RotateLeft64(x, n) }
