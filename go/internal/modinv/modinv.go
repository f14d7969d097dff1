// Package modinv computes inverses modulo the two primes of secp256k1 in constant time, by the division steps of Bernstein and
// Yang ("Fast constant-time gcd computation and modular inversion", ePrint 2019/266).
//
// An inverse takes a tenth of the operations of a power by the prime less two, and both fields share the code.
package modinv

import "encoding/binary"

// Size is the length of an encoded number in bytes.
const Size = 32

const (
	limbs  = 9
	width  = 30
	mask30 = 1<<width - 1

	// batches of width steps each. Numbers of 256 bits take at most 590 steps from a δ of 1/2, by Wuille's computation of convex
	// hulls, on which libsecp256k1 relies too (its doc/safegcd_implementation.md, section 4).
	batches = 20
)

// number is nine limbs of 30 bits, least significant first. The top one has a sign.
type number [limbs]int32

// Modulus is an odd number of 256 bits.
type Modulus struct {
	m       number
	inverse uint32 // of m modulo 2^30
}

// NewModulus returns the modulus that is encoded in b, big endian.
func NewModulus(b *[Size]byte) Modulus {
	var m Modulus
	m.m.setBytes(b)
	// Each step doubles the bits that are right; an odd number is its own inverse modulo 8.
	m0 := uint32(m.m[0])
	m.inverse = m0
	for range 4 {
		m.inverse *= 2 - m0*m.inverse
	}
	return m
}

// Invert replaces x, big endian and below the modulus, by its inverse, and 0 by 0.
func (m *Modulus) Invert(x *[Size]byte) {
	s := state{f: m.m, e: number{1}, zeta: -1}
	s.g.setBytes(x)
	for range batches {
		s.steps()
		s.updateCoefficients(m)
		s.updatePair()
	}
	// f is 1 or -1, and the inverse is d times it.
	s.d.normalize(s.f[limbs-1]>>31, m)
	s.d.putBytes(x)
	s = state{}
}

// state is what the steps work on: f and g, which end as ±1 and 0, and d and e with f = d·x and g = e·x modulo m. All are
// between -2m and m.
type state struct {
	f, g, d, e number
	zeta       int32 // -(δ + 1/2), where δ is the paper's, but starts from 1/2
	t          [4]int32
}

// steps makes 30 division steps, which depend on the lowest bits of f and g alone, and leaves in t the matrix u, v, q, r that
// takes f and g to what the steps make of them, times 2^30.
//
//go:noinline
func (s *state) steps() {
	zeta, f, g := s.zeta, uint32(s.f[0])|uint32(s.f[1])<<width, uint32(s.g[0])|uint32(s.g[1])<<width
	u, v, q, r := uint32(1), uint32(0), uint32(0), uint32(1)
	for range width {
		// If g is odd, f is added to it, or subtracted if δ is positive. Then, if both hold, f becomes what g was.
		positive, odd := uint32(zeta>>31), -(g & 1)
		g += (f ^ positive - positive) & odd
		q += (u ^ positive - positive) & odd
		r += (v ^ positive - positive) & odd
		swap := positive & odd
		zeta = zeta ^ int32(swap) - 1
		f += g & swap
		u += q & swap
		v += r & swap
		g >>= 1
		u <<= 1
		v <<= 1
	}
	s.zeta, s.t = zeta, [4]int32{int32(u), int32(v), int32(q), int32(r)}
}

// updatePair applies the matrix to f and g. The lowest 30 bits of the sums are zero.
//
//go:noinline
func (s *state) updatePair() {
	u, v, q, r := int64(s.t[0]), int64(s.t[1]), int64(s.t[2]), int64(s.t[3])
	f, g := int64(s.f[0]), int64(s.g[0])
	a, b := (u*f+v*g)>>width, (q*f+r*g)>>width
	for i := 1; i < limbs; i++ {
		f, g = int64(s.f[i]), int64(s.g[i])
		a += u*f + v*g
		b += q*f + r*g
		s.f[i-1], s.g[i-1] = int32(a)&mask30, int32(b)&mask30
		a >>= width
		b >>= width
	}
	s.f[limbs-1], s.g[limbs-1] = int32(a), int32(b)
}

// updateCoefficients applies the matrix to d and e, divided by 2^30 modulo m: it adds the multiples of m that make the lowest 30
// bits zero, and one for each of d and e that is negative, so that both stay between -2m and m.
//
//go:noinline
func (s *state) updateCoefficients(m *Modulus) {
	u, v, q, r := s.t[0], s.t[1], s.t[2], s.t[3]
	dSign, eSign := s.d[limbs-1]>>31, s.e[limbs-1]>>31
	x, y := u&dSign+v&eSign, q&dSign+r&eSign
	d, e := int64(s.d[0]), int64(s.e[0])
	a, b := int64(u)*d+int64(v)*e, int64(q)*d+int64(r)*e
	x -= int32((m.inverse*uint32(a) + uint32(x)) & mask30)
	y -= int32((m.inverse*uint32(b) + uint32(y)) & mask30)
	a += int64(m.m[0]) * int64(x)
	b += int64(m.m[0]) * int64(y)
	a >>= width
	b >>= width
	for i := 1; i < limbs; i++ {
		d, e = int64(s.d[i]), int64(s.e[i])
		a += int64(u)*d + int64(v)*e + int64(m.m[i])*int64(x)
		b += int64(q)*d + int64(r)*e + int64(m.m[i])*int64(y)
		s.d[i-1], s.e[i-1] = int32(a)&mask30, int32(b)&mask30
		a >>= width
		b >>= width
	}
	s.d[limbs-1], s.e[limbs-1] = int32(a), int32(b)
}

// normalize sets n, between -2m and m, to n modulo m, or to -n if negative is all ones.
func (n *number) normalize(negative int32, m *Modulus) {
	n.addIf(n[limbs-1]>>31, m)
	for i := range n {
		n[i] = n[i] ^ negative - negative
	}
	n.carry()
	n.addIf(n[limbs-1]>>31, m)
}

// addIf adds m if mask is all ones.
func (n *number) addIf(mask int32, m *Modulus) {
	for i := range n {
		n[i] += m.m[i] & mask
	}
	n.carry()
}

func (n *number) carry() {
	for i := range limbs - 1 {
		n[i+1] += n[i] >> width
		n[i] &= mask30
	}
}

func (n *number) setBytes(b *[Size]byte) {
	var t uint64
	at, bits := Size, 0
	for i := range n {
		for bits < width && at > 0 {
			at -= 4
			t |= uint64(binary.BigEndian.Uint32(b[at:])) << bits
			bits += 32
		}
		n[i] = int32(t & mask30)
		t >>= width
		bits -= width
	}
}

func (n *number) putBytes(b *[Size]byte) {
	var t uint64
	at, bits := Size, 0
	for _, limb := range n {
		t |= uint64(limb) << bits
		bits += width
		if bits >= 32 {
			at -= 4
			binary.BigEndian.PutUint32(b[at:], uint32(t))
			t >>= 32
			bits -= 32
		}
	}
}
