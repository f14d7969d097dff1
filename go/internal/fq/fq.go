// Package fq is the integers modulo q, the order of the group of secp256k1, in constant time.
//
// It is small, because a module's size counts and scalars are multiplied a thousand times in a signature, not a million as elements
// of the field are. That of decred, the oracle of the tests, brings P-256, AES and a random generator into every module.
package fq

import (
	"encoding/binary"

	"tandem/go/internal/modinv"
)

// Size is the length of an encoded element in bytes.
const Size = 32

// Element is an integer below q: eight limbs of 32 bits, least significant first.
type Element [8]uint32

// c is 2^256 - q: what 2^256 is modulo q.
const (
	c0 = 0x2fc9bebf
	c1 = 0x402da173
	c2 = 0x50b75fc4
	c3 = 0x45512319
	c4 = 1
)

// SetBytes sets r to the value of 32 bytes, big endian, modulo q, and returns 1 if it was not below q.
func (r *Element) SetBytes(b *[Size]byte) uint32 {
	for i := range r {
		r[i] = binary.BigEndian.Uint32(b[Size-4*(i+1):])
	}
	above := r.above()
	r.addC(above)
	return above
}

// PutBytes writes the 32 bytes of r, big endian, to dst.
func (r *Element) PutBytes(dst []byte) {
	for i, limb := range r {
		binary.BigEndian.PutUint32(dst[Size-4*(i+1):], limb)
	}
}

// above returns 1 if the limbs are not below q: if adding c carries out.
func (r *Element) above() uint32 {
	t := (uint64(r[0]) + c0) >> 32
	t = (t + uint64(r[1]) + c1) >> 32
	t = (t + uint64(r[2]) + c2) >> 32
	t = (t + uint64(r[3]) + c3) >> 32
	t = (t + uint64(r[4]) + c4) >> 32
	t = (t + uint64(r[5])) >> 32
	t = (t + uint64(r[6])) >> 32
	return uint32((t + uint64(r[7])) >> 32)
}

// addC adds m·c modulo 2^256, for an m of 0 or 1. That is to subtract m·q from what is at least that.
func (r *Element) addC(m uint32) {
	mask := -uint64(m)
	t := uint64(r[0]) + c0&mask
	r[0] = uint32(t)
	t = t>>32 + uint64(r[1]) + c1&mask
	r[1] = uint32(t)
	t = t>>32 + uint64(r[2]) + c2&mask
	r[2] = uint32(t)
	t = t>>32 + uint64(r[3]) + c3&mask
	r[3] = uint32(t)
	t = t>>32 + uint64(r[4]) + c4&mask
	r[4] = uint32(t)
	for i := 5; i < len(r); i++ {
		t = t>>32 + uint64(r[i])
		r[i] = uint32(t)
	}
}

// Add sets r = a + b.
//
//go:noinline
func (r *Element) Add(a, b *Element) {
	var t uint64
	for i := range r {
		t = t>>32 + uint64(a[i]) + uint64(b[i])
		r[i] = uint32(t)
	}
	r.addC(uint32(t>>32) | r.above())
}

// Neg sets r = -a.
//
//go:noinline
func (r *Element) Neg(a *Element) {
	// q - a is ^a + 1 - c modulo 2^256.
	mask := a.IsZero() - 1 // all ones if a is not 0
	t := int64(1)
	for i, limb := range [8]int64{c0, c1, c2, c3, c4} {
		t += int64(^a[i]) - limb
		r[i] = uint32(t) & mask
		t >>= 32
	}
}

// IsZero returns 1 if r is 0, and 0 otherwise.
func (r *Element) IsZero() uint32 {
	var bits uint32
	for _, limb := range r {
		bits |= limb
	}
	return 1 - (bits|-bits)>>31
}

// modulus is q.
var modulus = modinv.NewModulus(&[Size]byte{
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe,
	0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41,
})

// Invert sets r = 1/a, or 0 if a is 0.
func (r *Element) Invert(a *Element) {
	var b [Size]byte
	a.PutBytes(b[:])
	modulus.Invert(&b)
	r.SetBytes(&b)
	clear(b[:])
}

// Mul sets r = a·b.
//
//go:noinline
func (r *Element) Mul(a, b *Element) {
	var t [16]uint32
	b0, b1, b2, b3 := uint64(b[0]), uint64(b[1]), uint64(b[2]), uint64(b[3])
	b4, b5, b6, b7 := uint64(b[4]), uint64(b[5]), uint64(b[6]), uint64(b[7])
	for i, limb := range a {
		x, row := uint64(limb), (*[9]uint32)(t[i:])
		u := x*b0 + uint64(row[0])
		row[0] = uint32(u)
		u = x*b1 + uint64(row[1]) + u>>32
		row[1] = uint32(u)
		u = x*b2 + uint64(row[2]) + u>>32
		row[2] = uint32(u)
		u = x*b3 + uint64(row[3]) + u>>32
		row[3] = uint32(u)
		u = x*b4 + uint64(row[4]) + u>>32
		row[4] = uint32(u)
		u = x*b5 + uint64(row[5]) + u>>32
		row[5] = uint32(u)
		u = x*b6 + uint64(row[6]) + u>>32
		row[6] = uint32(u)
		u = x*b7 + uint64(row[7]) + u>>32
		row[7] = uint32(u)
		row[8] = uint32(u >> 32)
	}
	// Below 2^512, then 2^386 and 2^260.
	fold(&t, 8)
	fold(&t, 5)
	r.finish(&t)
}

// SetLimbs sets r to a number of 9 to 12 limbs, least significant first, modulo q.
func (r *Element) SetLimbs(limbs []uint32) {
	var t [16]uint32
	copy(t[:], limbs)
	// Below 2^384, then 2^258.
	fold(&t, len(limbs)-8)
	r.finish(&t)
}

// finish sets r to t, below 2^260, modulo q, and clears t.
func (r *Element) finish(t *[16]uint32) {
	fold(t, 1) // below 2^256 + 2^134
	*r = Element(t[:8])
	r.addC(t[8])
	r.addC(r.above())
	*t = [16]uint32{}
}

// fold replaces the n limbs from the eighth on, which are the highest, by their product with c, added to the others.
func fold(t *[16]uint32, n int) {
	var high [8]uint32
	copy(high[:n], t[8:])
	clear(t[8:])
	for i := range n {
		x, row := uint64(high[i]), t[i:]
		u := x*c0 + uint64(row[0])
		row[0] = uint32(u)
		u = x*c1 + uint64(row[1]) + u>>32
		row[1] = uint32(u)
		u = x*c2 + uint64(row[2]) + u>>32
		row[2] = uint32(u)
		u = x*c3 + uint64(row[3]) + u>>32
		row[3] = uint32(u)
		u = x*c4 + uint64(row[4]) + u>>32
		row[4] = uint32(u)
		for k := 5; i+k < 13; k++ {
			u = u>>32 + uint64(row[k])
			row[k] = uint32(u)
		}
	}
	high = [8]uint32{}
}
