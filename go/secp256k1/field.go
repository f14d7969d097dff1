package secp256k1

import (
	"encoding/hex"
	"unsafe"

	secp "github.com/decred/dcrd/dcrec/secp256k1/v4"
)

// field is an integer modulo p = 2^256 - 2^32 - 977: ten limbs of 26 bits, the top one of 22.
//
// Multiplication, squaring and normalisation are decred's. The linear operations below work on the limbs directly, so
// that a sum and its carries cost one pass. Two forms are told apart:
//
//   - weak: every limb below its width's power of two, plus at most 2^17. Products, decoded values and all that the
//     functions below return are weak, except where they say lazy.
//   - lazy: no carries moved. A lazy value is good for multiplications and nothing else.
//
// Only a value that was normalised may be compared, encoded or asked for its parity.
type field = secp.FieldVal

type fieldLimbs = [10]uint32

// limbs gives access to the limbs, which decred keeps private. Its version is pinned, and the conversion to and from
// bytes in the tests fails if the layout changes.
func limbs(f *field) *fieldLimbs { return (*fieldLimbs)(unsafe.Pointer(f)) }

// words gives the same limbs in pairs, for selections.
func words(f *field) *[5]uint64 { return (*[5]uint64)(unsafe.Pointer(f)) }

const (
	p0     = 0x3fffc2f
	p1     = 0x3ffffbf
	p2     = 0x3ffffff // limbs 2 to 8
	p9     = 0x03fffff
	mask26 = 1<<26 - 1
	mask22 = 1<<22 - 1
)

var fieldOne = *new(field).SetInt(1)

// mustField decodes a constant of this package.
func mustField(s string) field {
	var f field
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != 32 || f.SetByteSlice(b) {
		panic("secp256k1: bad constant")
	}
	return f
}

// fieldSub sets r = a - b, lazy. a and b are weak.
//
//go:noinline
func fieldSub(r, a, b *field) {
	x, y, z := limbs(r), limbs(a), limbs(b)
	x[0] = y[0] + 4*p0 - z[0]
	x[1] = y[1] + 4*p1 - z[1]
	x[2] = y[2] + 4*p2 - z[2]
	x[3] = y[3] + 4*p2 - z[3]
	x[4] = y[4] + 4*p2 - z[4]
	x[5] = y[5] + 4*p2 - z[5]
	x[6] = y[6] + 4*p2 - z[6]
	x[7] = y[7] + 4*p2 - z[7]
	x[8] = y[8] + 4*p2 - z[8]
	x[9] = y[9] + 4*p9 - z[9]
}

// fieldSubWeak sets r = a - b. a and b are weak.
//
//go:noinline
func fieldSubWeak(r, a, b *field) {
	y, z := limbs(a), limbs(b)
	carry(limbs(r), y[0]+4*p0-z[0], y[1]+4*p1-z[1], y[2]+4*p2-z[2], y[3]+4*p2-z[3], y[4]+4*p2-z[4],
		y[5]+4*p2-z[5], y[6]+4*p2-z[6], y[7]+4*p2-z[7], y[8]+4*p2-z[8], y[9]+4*p9-z[9])
}

// fieldSubSub sets r = a - b - c. a, b and c are weak.
//
//go:noinline
func fieldSubSub(r, a, b, c *field) {
	y, z, w := limbs(a), limbs(b), limbs(c)
	carry(limbs(r), y[0]+6*p0-z[0]-w[0], y[1]+6*p1-z[1]-w[1], y[2]+6*p2-z[2]-w[2], y[3]+6*p2-z[3]-w[3],
		y[4]+6*p2-z[4]-w[4], y[5]+6*p2-z[5]-w[5], y[6]+6*p2-z[6]-w[6], y[7]+6*p2-z[7]-w[7],
		y[8]+6*p2-z[8]-w[8], y[9]+6*p9-z[9]-w[9])
}

// fieldAdd sets r = a + b. a and b are weak.
//
//go:noinline
func fieldAdd(r, a, b *field) {
	y, z := limbs(a), limbs(b)
	carry(limbs(r), y[0]+z[0], y[1]+z[1], y[2]+z[2], y[3]+z[3], y[4]+z[4], y[5]+z[5], y[6]+z[6], y[7]+z[7], y[8]+z[8], y[9]+z[9])
}

// fieldThird sets x to the x-coordinate s - x - q of a third point, and t = x - s, lazy, to how far it is from the first.
// All are weak. t is none of the others.
//
//go:noinline
func fieldThird(x, t, q, s *field) {
	fieldSubSub(t, s, x, q)
	u, v := limbs(x), limbs(t)
	u[0], v[0] = v[0], u[0]+4*p0-v[0]
	u[1], v[1] = v[1], u[1]+4*p1-v[1]
	u[2], v[2] = v[2], u[2]+4*p2-v[2]
	u[3], v[3] = v[3], u[3]+4*p2-v[3]
	u[4], v[4] = v[4], u[4]+4*p2-v[4]
	u[5], v[5] = v[5], u[5]+4*p2-v[5]
	u[6], v[6] = v[6], u[6]+4*p2-v[6]
	u[7], v[7] = v[7], u[7]+4*p2-v[7]
	u[8], v[8] = v[8], u[8]+4*p2-v[8]
	u[9], v[9] = v[9], u[9]+4*p9-v[9]
}

// fieldDouble sets r = 2a, lazy. a is weak.
//
//go:noinline
func fieldDouble(r, a *field) {
	x, y := limbs(r), limbs(a)
	x[0], x[1], x[2], x[3], x[4] = 2*y[0], 2*y[1], 2*y[2], 2*y[3], 2*y[4]
	x[5], x[6], x[7], x[8], x[9] = 2*y[5], 2*y[6], 2*y[7], 2*y[8], 2*y[9]
}

// fieldTriple sets r = 3a, lazy. a is weak.
//
//go:noinline
func fieldTriple(r, a *field) {
	x, y := limbs(r), limbs(a)
	x[0], x[1], x[2], x[3], x[4] = 3*y[0], 3*y[1], 3*y[2], 3*y[3], 3*y[4]
	x[5], x[6], x[7], x[8], x[9] = 3*y[5], 3*y[6], 3*y[7], 3*y[8], 3*y[9]
}

// fieldMulSmall sets r = n*a for n at most 32. a is weak.
//
//go:noinline
func fieldMulSmall(r, a *field, n uint32) {
	y := limbs(a)
	carry(limbs(r), n*y[0], n*y[1], n*y[2], n*y[3], n*y[4], n*y[5], n*y[6], n*y[7], n*y[8], n*y[9])
}

// fieldNegate sets r = -a. a is weak.
//
//go:noinline
func fieldNegate(r, a *field) {
	z := limbs(a)
	carry(limbs(r), 4*p0-z[0], 4*p1-z[1], 4*p2-z[2], 4*p2-z[3], 4*p2-z[4], 4*p2-z[5], 4*p2-z[6], 4*p2-z[7], 4*p2-z[8], 4*p9-z[9])
}

// carry moves what each limb has above its width to the next one, all at once: each carry is below 2^6, so that one pass
// leaves a weak value.
func carry(x *fieldLimbs, t0, t1, t2, t3, t4, t5, t6, t7, t8, t9 uint32) {
	m := t9 >> 22
	x[0] = t0&mask26 + m*977
	x[1] = t1&mask26 + t0>>26 + m<<6
	x[2] = t2&mask26 + t1>>26
	x[3] = t3&mask26 + t2>>26
	x[4] = t4&mask26 + t3>>26
	x[5] = t5&mask26 + t4>>26
	x[6] = t6&mask26 + t5>>26
	x[7] = t7&mask26 + t6>>26
	x[8] = t8&mask26 + t7>>26
	x[9] = t9&mask22 + t8>>26
}

// fieldSelect sets r = a if mask is all ones, r = b if it is zero.
func fieldSelect(r, a, b *field, mask uint64) {
	x, y, z := words(r), words(a), words(b)
	for i := range x {
		x[i] = z[i] ^ (mask & (y[i] ^ z[i]))
	}
}

// fieldCondNegate sets r = -r if mask is all ones.
func fieldCondNegate(r *field, mask uint64, scratch *field) {
	fieldNegate(scratch, r)
	fieldSelect(r, scratch, r, mask)
}

// chain is the scratch of the two long powers. Both start with the same addition chain, which reaches 2^223 - 1 by
// 2, 3, 6, 9, 11, 22, 44, 88, 176 and 220.
type chain struct{ x2, x3, x22, x44, x88, t field }

func squareTimes(f *field, n int) {
	for ; n > 0; n-- {
		f.Square()
	}
}

// power223 sets c.t = a^(2^223 - 1), and leaves a^(2^n - 1) in c.x2, c.x3 and c.x22.
func (c *chain) power223(a *field) {
	t := &c.t
	c.x2.SquareVal(a).Mul(a)
	c.x3.SquareVal(&c.x2).Mul(a)
	t.Set(&c.x3)
	squareTimes(t, 3)
	t.Mul(&c.x3) // 6
	squareTimes(t, 3)
	t.Mul(&c.x3) // 9
	squareTimes(t, 2)
	t.Mul(&c.x2) // 11
	c.x22.Set(t)
	squareTimes(&c.x22, 11)
	c.x22.Mul(t)
	c.x44.Set(&c.x22)
	squareTimes(&c.x44, 22)
	c.x44.Mul(&c.x22)
	c.x88.Set(&c.x44)
	squareTimes(&c.x88, 44)
	c.x88.Mul(&c.x44)
	t.Set(&c.x88)
	squareTimes(t, 88)
	t.Mul(&c.x88) // 176
	squareTimes(t, 44)
	t.Mul(&c.x44) // 220
	squareTimes(t, 3)
	t.Mul(&c.x3) // 223
}

// invert sets r = 1/a = a^(p-2), or 0 if a is 0.
func (c *chain) invert(r, a *field) {
	c.power223(a)
	t := &c.t
	squareTimes(t, 23)
	t.Mul(&c.x22)
	squareTimes(t, 5)
	t.Mul(a)
	squareTimes(t, 3)
	t.Mul(&c.x2)
	squareTimes(t, 2)
	r.Mul2(t, a)
}

// sqrt sets r = a^((p+1)/4), a square root of a if it has one, and of -a if not.
func (c *chain) sqrt(r, a *field) {
	c.power223(a)
	t := &c.t
	squareTimes(t, 23)
	t.Mul(&c.x22)
	squareTimes(t, 6)
	t.Mul(&c.x2)
	squareTimes(t, 2)
	r.Set(t)
}

// equalMask reports, as a mask of all ones or zero, whether a = b. Both are weak; s is scratch.
func equalMask(a, b, s *field) uint64 {
	fieldSub(s, a, b)
	s.Normalize()
	return -uint64(s.IsZeroBit())
}
