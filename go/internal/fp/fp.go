// Package fp is the field of secp256k1: the integers modulo p = 2^256 - 2^32 - 977, in constant time.
package fp

import (
	"encoding/binary"
	"unsafe"

	"tandem/go/internal/modinv"
)

// Size is the length of an encoded element in bytes.
const Size = 32

// Element is an integer modulo p: eight limbs of 29 bits and one of 24, least significant first. WebAssembly has no
// product of 128 bits, and nine limbs need the fewest products whose sums fit in 64. The tenth word is always zero; it
// makes pairs of them, for selections.
//
// Two forms are told apart:
//
//   - weak: every limb below its width's power of two, plus at most 2^17. Products, decoded values and all that the
//     functions below return are weak, except where they say lazy.
//   - lazy: every limb at most three times as large, because no carries were moved. A lazy value is good for being one
//     factor of a product, and for nothing else.
//
// The limbs of weak arguments leave room: a column of a product is at most 9 · 3 · 2^58 (1 + 2^-11) < 2^63.
//
// Only a value that was normalised may be compared, encoded or asked for its parity.
//
// Where a function begins by converting its pointers through unsafe.Pointer, TinyGo does not look whether they are nil: in
// Mul and Square that is 4 % of the time.
type Element [10]uint32

const (
	p0     = 0x1ffffc2f
	p1     = 0x1ffffff7
	p2     = 0x1fffffff // limbs 2 to 7
	p8     = 0x00ffffff
	mask29 = 1<<29 - 1
	mask24 = 1<<24 - 1

	// 2^261, what column 9 of a product stands for, is fold0 + 2^(29+fold1) modulo p.
	fold0 = 977 << 5
	fold1 = 8
)

// words gives the limbs in pairs.
func (a *Element) words() *[5]uint64 { return (*[5]uint64)(unsafe.Pointer(a)) }

// Set sets r = a.
func (r *Element) Set(a *Element) { *r = *a }

// SetInt sets r = n.
func (r *Element) SetInt(n uint16) { *r = Element{uint32(n)} }

// SetBytes sets r to the value of 32 bytes, big endian, and reports whether it is below p. If not, r is still valid,
// and weak.
func (r *Element) SetBytes(b *[Size]byte) bool {
	// Four words, least significant first.
	w0, w1 := binary.BigEndian.Uint64(b[24:]), binary.BigEndian.Uint64(b[16:])
	w2, w3 := binary.BigEndian.Uint64(b[8:]), binary.BigEndian.Uint64(b[:])
	r[0] = uint32(w0) & mask29
	r[1] = uint32(w0>>29) & mask29
	r[2] = uint32(w0>>58|w1<<6) & mask29
	r[3] = uint32(w1>>23) & mask29
	r[4] = uint32(w1>>52|w2<<12) & mask29
	r[5] = uint32(w2>>17) & mask29
	r[6] = uint32(w2>>46|w3<<18) & mask29
	r[7] = uint32(w3>>11) & mask29
	r[8] = uint32(w3 >> 40)
	r[9] = 0
	return r.aboveP() == 0
}

// PutBytes writes the 32 bytes of r, big endian, to dst. r is normalised.
func (r *Element) PutBytes(dst []byte) {
	_ = dst[Size-1]
	binary.BigEndian.PutUint64(dst[24:], uint64(r[0])|uint64(r[1])<<29|uint64(r[2])<<58)
	binary.BigEndian.PutUint64(dst[16:], uint64(r[2])>>6|uint64(r[3])<<23|uint64(r[4])<<52)
	binary.BigEndian.PutUint64(dst[8:], uint64(r[4])>>12|uint64(r[5])<<17|uint64(r[6])<<46)
	binary.BigEndian.PutUint64(dst, uint64(r[6])>>18|uint64(r[7])<<11|uint64(r[8])<<40)
}

// aboveP returns 1 if r, whose limbs but the top one are below their width's power of two, is not below p, and 0 if it is.
func (r *Element) aboveP() uint32 {
	// r + 2^256 - p overflows.
	t := (r[0] + 977) >> 29
	t = (r[1] + 8 + t) >> 29
	for i := 2; i < 8; i++ {
		t = (r[i] + t) >> 29
	}
	return (r[8] + t) >> 24
}

// Normalize brings r, weak or lazy, below p.
func (r *Element) Normalize() {
	r.fold(r[8] >> 24)
	r.fold(r.aboveP())
	r[8] &= mask24
}

// fold subtracts m·2^256 and adds m times what that is modulo p, moving all carries.
func (r *Element) fold(m uint32) {
	t := r[0] + m*977
	r[0] = t & mask29
	t = r[1] + m<<3 + t>>29
	r[1] = t & mask29
	for i := 2; i < 8; i++ {
		t = r[i] + t>>29
		r[i] = t & mask29
	}
	r[8] = r[8]&mask24 + t>>29
}

// IsZero returns all ones if r is 0, and zero otherwise. r is normalised.
func (r *Element) IsZero() uint64 {
	w := r.words()
	bits := w[0] | w[1] | w[2] | w[3] | w[4]
	return (bits|-bits)>>63 - 1
}

// IsOne returns all ones if r is 1, normalised, and zero otherwise, even if r is 1 in another form.
func (r *Element) IsOne() uint64 {
	w := r.words()
	bits := w[0] ^ 1 | w[1] | w[2] | w[3] | w[4]
	return (bits|-bits)>>63 - 1
}

// IsOdd returns the parity of r, which is normalised.
func (r *Element) IsOdd() uint32 { return r[0] & 1 }

// Sub sets r = a - b, lazy. a and b are weak.
//
//go:noinline
func (r *Element) Sub(a, b *Element) {
	r[0] = a[0] + 2*p0 - b[0]
	r[1] = a[1] + 2*p1 - b[1]
	r[2] = a[2] + 2*p2 - b[2]
	r[3] = a[3] + 2*p2 - b[3]
	r[4] = a[4] + 2*p2 - b[4]
	r[5] = a[5] + 2*p2 - b[5]
	r[6] = a[6] + 2*p2 - b[6]
	r[7] = a[7] + 2*p2 - b[7]
	r[8] = a[8] + 2*p8 - b[8]
}

// Double sets r = 2a, lazy. a is weak.
//
//go:noinline
func (r *Element) Double(a *Element) {
	r[0], r[1], r[2], r[3], r[4] = 2*a[0], 2*a[1], 2*a[2], 2*a[3], 2*a[4]
	r[5], r[6], r[7], r[8] = 2*a[5], 2*a[6], 2*a[7], 2*a[8]
}

// Triple sets r = 3a, lazy. a is weak.
//
//go:noinline
func (r *Element) Triple(a *Element) {
	r[0], r[1], r[2], r[3], r[4] = 3*a[0], 3*a[1], 3*a[2], 3*a[3], 3*a[4]
	r[5], r[6], r[7], r[8] = 3*a[5], 3*a[6], 3*a[7], 3*a[8]
}

// Add sets r = a + b. a and b are weak.
//
//go:noinline
func (r *Element) Add(a, b *Element) {
	r.carry(a[0]+b[0], a[1]+b[1], a[2]+b[2], a[3]+b[3], a[4]+b[4], a[5]+b[5], a[6]+b[6], a[7]+b[7], a[8]+b[8])
}

// SubWeak sets r = a - b. a and b are weak.
//
//go:noinline
func (r *Element) SubWeak(a, b *Element) {
	r.carry(a[0]+2*p0-b[0], a[1]+2*p1-b[1], a[2]+2*p2-b[2], a[3]+2*p2-b[3], a[4]+2*p2-b[4],
		a[5]+2*p2-b[5], a[6]+2*p2-b[6], a[7]+2*p2-b[7], a[8]+2*p8-b[8])
}

// SubSub sets r = a - b - c. a, b and c are weak.
//
//go:noinline
func (r *Element) SubSub(a, b, c *Element) {
	r.carry(a[0]+3*p0-b[0]-c[0], a[1]+3*p1-b[1]-c[1], a[2]+3*p2-b[2]-c[2], a[3]+3*p2-b[3]-c[3], a[4]+3*p2-b[4]-c[4],
		a[5]+3*p2-b[5]-c[5], a[6]+3*p2-b[6]-c[6], a[7]+3*p2-b[7]-c[7], a[8]+3*p8-b[8]-c[8])
}

// Negate sets r = -a. a is weak.
//
//go:noinline
func (r *Element) Negate(a *Element) {
	r.carry(2*p0-a[0], 2*p1-a[1], 2*p2-a[2], 2*p2-a[3], 2*p2-a[4], 2*p2-a[5], 2*p2-a[6], 2*p2-a[7], 2*p8-a[8])
}

// carry moves what each limb has above its width to the next one, all at once: each carry is below 2^3, so that one pass
// leaves a weak value.
func (r *Element) carry(t0, t1, t2, t3, t4, t5, t6, t7, t8 uint32) {
	m := t8 >> 24
	r[0] = t0&mask29 + m*977
	r[1] = t1&mask29 + t0>>29 + m<<3
	r[2] = t2&mask29 + t1>>29
	r[3] = t3&mask29 + t2>>29
	r[4] = t4&mask29 + t3>>29
	r[5] = t5&mask29 + t4>>29
	r[6] = t6&mask29 + t5>>29
	r[7] = t7&mask29 + t6>>29
	r[8] = t8&mask24 + t7>>29
}

// MulInt sets r = n*a for n at most 32. a is weak.
//
//go:noinline
func (r *Element) MulInt(a *Element, n uint32) {
	k := uint64(n)
	m := k * uint64(a[8]) >> 24
	top := uint32(k*uint64(a[8])) & mask24
	c := m * 977
	t := k * uint64(a[0])
	r[0] = uint32(t&mask29 + c)
	c = t>>29 + m<<3
	for i := 1; i < 8; i++ {
		t = k * uint64(a[i])
		r[i] = uint32(t&mask29 + c)
		c = t >> 29
	}
	r[8] = top + uint32(c)
}

// AddInt sets r = r + n. r is weak, and so is the sum if r is a product.
func (r *Element) AddInt(n uint16) { r[0] += uint32(n) }

// Select sets r = a if mask is all ones, r = b if it is zero.
func (r *Element) Select(a, b *Element, mask uint64) {
	x, y, z := r.words(), a.words(), b.words()
	for i := range x {
		x[i] = z[i] ^ (mask & (y[i] ^ z[i]))
	}
}

// CondNegate sets r = -r if mask is all ones.
//
//go:noinline
func (r *Element) CondNegate(mask uint64) {
	m := uint32(mask)
	r.carry(r[0]^m&(r[0]^(2*p0-r[0])), r[1]^m&(r[1]^(2*p1-r[1])), r[2]^m&(r[2]^(2*p2-r[2])),
		r[3]^m&(r[3]^(2*p2-r[3])), r[4]^m&(r[4]^(2*p2-r[4])), r[5]^m&(r[5]^(2*p2-r[5])),
		r[6]^m&(r[6]^(2*p2-r[6])), r[7]^m&(r[7]^(2*p2-r[7])), r[8]^m&(r[8]^(2*p8-r[8])))
}

// Equal returns all ones if a = b, both weak, and zero otherwise.
func (a *Element) Equal(b *Element) uint64 {
	var t Element
	t.Sub(a, b)
	t.Normalize()
	return t.IsZero()
}

// Mul sets r = a*b. One of a and b may be lazy.
//
// It is Karatsuba's method on three blocks of three limbs, six products of blocks in place of nine. Their sums and
// differences may pass 2^64, and come back: columns do not.
//
//go:noinline
func (r *Element) Mul(a, b *Element) {
	r, a, b = (*Element)(unsafe.Pointer(r)), (*Element)(unsafe.Pointer(a)), (*Element)(unsafe.Pointer(b)) // not nil
	a0, a1, a2, a3, a4 := uint64(a[0]), uint64(a[1]), uint64(a[2]), uint64(a[3]), uint64(a[4])
	a5, a6, a7, a8 := uint64(a[5]), uint64(a[6]), uint64(a[7]), uint64(a[8])
	b0, b1, b2, b3, b4 := uint64(b[0]), uint64(b[1]), uint64(b[2]), uint64(b[3]), uint64(b[4])
	b5, b6, b7, b8 := uint64(b[5]), uint64(b[6]), uint64(b[7]), uint64(b[8])

	// The products of the lowest blocks, of the middle and of the highest ones.
	p0, p1, p2, p3, p4 := a0*b0, a0*b1+a1*b0, a0*b2+a1*b1+a2*b0, a1*b2+a2*b1, a2*b2
	q0, q1, q2, q3, q4 := a3*b3, a3*b4+a4*b3, a3*b5+a4*b4+a5*b3, a4*b5+a5*b4, a5*b5
	r0, r1, r2, r3, r4 := a6*b6, a6*b7+a7*b6, a6*b8+a7*b7+a8*b6, a7*b8+a8*b7, a8*b8

	// The products of the sums of two: lowest and highest, middle and highest, lowest and middle.
	x0, x1, x2 := a0+a6, a1+a7, a2+a8
	y0, y1, y2 := b0+b6, b1+b7, b2+b8
	v0, v1, v2, v3, v4 := x0*y0, x0*y1+x1*y0, x0*y2+x1*y1+x2*y0, x1*y2+x2*y1, x2*y2
	x0, x1, x2 = a3+a6, a4+a7, a5+a8
	y0, y1, y2 = b3+b6, b4+b7, b5+b8
	w0, w1, w2, w3, w4 := x0*y0, x0*y1+x1*y0, x0*y2+x1*y1+x2*y0, x1*y2+x2*y1, x2*y2
	x0, x1, x2 = a0+a3, a1+a4, a2+a5
	y0, y1, y2 = b0+b3, b1+b4, b2+b5
	u0, u1, u2, u3, u4 := x0*y0, x0*y1+x1*y0, x0*y2+x1*y1+x2*y0, x1*y2+x2*y1, x2*y2

	// Column k of the product, from 0, and column k+9, folded into it, at once; column 8 comes first, for its carry.
	high := v2 - p2 - r2 + q2
	t8 := high & mask29
	high >>= 29
	var low, u uint64

	low += p0
	high += v3 - p3 - r3 + q3 + w0 - q0 - r0
	u = high & mask29
	high >>= 29
	low += u * fold0
	t0 := low & mask29
	low = low>>29 + u<<fold1

	low += p1
	high += v4 - p4 - r4 + q4 + w1 - q1 - r1
	u = high & mask29
	high >>= 29
	low += u * fold0
	t1 := low & mask29
	low = low>>29 + u<<fold1

	low += p2
	high += w2 - q2 - r2
	u = high & mask29
	high >>= 29
	low += u * fold0
	t2 := low & mask29
	low = low>>29 + u<<fold1

	low += p3 + u0 - p0 - q0
	high += w3 - q3 - r3 + r0
	u = high & mask29
	high >>= 29
	low += u * fold0
	t3 := low & mask29
	low = low>>29 + u<<fold1

	low += p4 + u1 - p1 - q1
	high += w4 - q4 - r4 + r1
	u = high & mask29
	high >>= 29
	low += u * fold0
	t4 := low & mask29
	low = low>>29 + u<<fold1

	low += u2 - p2 - q2
	high += r2
	u = high & mask29
	high >>= 29
	low += u * fold0
	t5 := low & mask29
	low = low>>29 + u<<fold1

	low += u3 - p3 - q3 + v0 - p0 - r0 + q0
	high += r3
	u = high & mask29
	high >>= 29
	low += u * fold0
	t6 := low & mask29
	low = low>>29 + u<<fold1

	low += u4 - p4 - q4 + v1 - p1 - r1 + q1
	high += r4
	u = high & mask29
	high >>= 29
	low += u * fold0
	t7 := low & mask29
	low = low>>29 + u<<fold1

	// What is left of high belongs to column 17, that is to column 8 and the one after it.
	low += t8 + high*fold0
	t8 = low & mask24
	low = low>>24 + high<<(fold1+5)
	u = t0 + low*977
	r[0] = uint32(u & mask29)
	u = u>>29 + t1 + low<<3
	r[1] = uint32(u & mask29)
	r[2] = uint32(u>>29 + t2)
	r[3], r[4], r[5], r[6], r[7], r[8] = uint32(t3), uint32(t4), uint32(t5), uint32(t6), uint32(t7), uint32(t8)
}

// Square sets r = a^2. a is weak.
//
//go:noinline
func (r *Element) Square(a *Element) {
	r, a = (*Element)(unsafe.Pointer(r)), (*Element)(unsafe.Pointer(a)) // not nil
	a0, a1, a2, a3, a4 := uint64(a[0]), uint64(a[1]), uint64(a[2]), uint64(a[3]), uint64(a[4])
	a5, a6, a7, a8 := uint64(a[5]), uint64(a[6]), uint64(a[7]), uint64(a[8])

	high := 2*(a0*a8+a1*a7+a2*a6+a3*a5) + a4*a4
	t8 := high & mask29
	high >>= 29
	var low, u uint64

	low += a0 * a0
	high += 2 * (a1*a8 + a2*a7 + a3*a6 + a4*a5)
	u = high & mask29
	high >>= 29
	low += u * fold0
	t0 := low & mask29
	low = low>>29 + u<<fold1

	low += 2 * a0 * a1
	high += 2*(a2*a8+a3*a7+a4*a6) + a5*a5
	u = high & mask29
	high >>= 29
	low += u * fold0
	t1 := low & mask29
	low = low>>29 + u<<fold1

	low += 2*a0*a2 + a1*a1
	high += 2 * (a3*a8 + a4*a7 + a5*a6)
	u = high & mask29
	high >>= 29
	low += u * fold0
	t2 := low & mask29
	low = low>>29 + u<<fold1

	low += 2 * (a0*a3 + a1*a2)
	high += 2*(a4*a8+a5*a7) + a6*a6
	u = high & mask29
	high >>= 29
	low += u * fold0
	t3 := low & mask29
	low = low>>29 + u<<fold1

	low += 2*(a0*a4+a1*a3) + a2*a2
	high += 2 * (a5*a8 + a6*a7)
	u = high & mask29
	high >>= 29
	low += u * fold0
	t4 := low & mask29
	low = low>>29 + u<<fold1

	low += 2 * (a0*a5 + a1*a4 + a2*a3)
	high += 2*a6*a8 + a7*a7
	u = high & mask29
	high >>= 29
	low += u * fold0
	t5 := low & mask29
	low = low>>29 + u<<fold1

	low += 2*(a0*a6+a1*a5+a2*a4) + a3*a3
	high += 2 * a7 * a8
	u = high & mask29
	high >>= 29
	low += u * fold0
	t6 := low & mask29
	low = low>>29 + u<<fold1

	low += 2 * (a0*a7 + a1*a6 + a2*a5 + a3*a4)
	high += a8 * a8
	u = high & mask29
	high >>= 29
	low += u * fold0
	t7 := low & mask29
	low = low>>29 + u<<fold1

	low += t8 + high*fold0
	t8 = low & mask24
	low = low>>24 + high<<(fold1+5)
	u = t0 + low*977
	r[0] = uint32(u & mask29)
	u = u>>29 + t1 + low<<3
	r[1] = uint32(u & mask29)
	r[2] = uint32(u>>29 + t2)
	r[3], r[4], r[5], r[6], r[7], r[8] = uint32(t3), uint32(t4), uint32(t5), uint32(t6), uint32(t7), uint32(t8)
}

// SquareTimes sets r = a^(2^n), for n at least 1.
func (r *Element) SquareTimes(a *Element, n int) {
	r.Square(a)
	for ; n > 1; n-- {
		r.Square(r)
	}
}

// modulus is p.
var modulus = modinv.NewModulus(&[Size]byte{
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 0xff, 0xff, 0xfc, 0x2f,
})

// Invert sets r = 1/a, or 0 if a is 0. a is weak.
func (r *Element) Invert(a *Element) {
	var b [Size]byte
	r.Set(a)
	r.Normalize()
	r.PutBytes(b[:])
	modulus.Invert(&b)
	r.SetBytes(&b)
	clear(b[:])
}

// Sqrt sets r = a^((p+1)/4), a square root of a if it has one, and of -a if not. a is weak.
func (r *Element) Sqrt(a *Element) {
	// p+1 is 2^256 - 2^32 - 976. The powers by 2^n - 1 are made for n of 2, 3, 6, 9, 11, 22, 44, 88, 176, 220 and 223.
	var x2, x3, x22, x44, x88, t Element
	x2.Square(a)
	x2.Mul(&x2, a)
	x3.Square(&x2)
	x3.Mul(&x3, a)
	t.step(&x3, 3, &x3) // 6
	t.step(&t, 3, &x3)  // 9
	t.step(&t, 2, &x2)  // 11
	x22.step(&t, 11, &t)
	x44.step(&x22, 22, &x22)
	x88.step(&x44, 44, &x44)
	t.step(&x88, 88, &x88) // 176
	t.step(&t, 44, &x44)   // 220
	t.step(&t, 3, &x3)     // 223
	t.step(&t, 23, &x22)
	t.step(&t, 6, &x2)
	r.SquareTimes(&t, 2)
}

// step sets r = a^(2^n) b.
func (r *Element) step(a *Element, n int, b *Element) {
	var t Element
	t.SquareTimes(a, n)
	r.Mul(&t, b)
}
