package secp256k1

import "errors"

// PointSize is the length of an encoded point in bytes.
const PointSize = 33

// ErrPoint is returned for an encoding that is not the compressed form of a point other than the identity.
var ErrPoint = errors.New("secp256k1: not a canonical point")

// Point is an element of the group. All methods run in constant time, and their receivers may be among their arguments.
// The zero value is not valid: start from [NewIdentity], [NewGenerator] or a method that sets the point.
//
// The coordinates are projective, x = X/Z and y = Y/Z, with the complete formulas of Renes, Costello and Batina
// (ePrint 2015/1060, algorithms 7 and 9), which have no exceptional case.
type Point struct{ x, y, z field }

var (
	generatorX = mustField("79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")
	generatorY = mustField("483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8")
	beta       = mustField("7ae96a2b657c07106e64479eac3434e99cf0497512f58995c1396c28719501ee")
)

const curveB = 7

// NewIdentity returns the identity.
func NewIdentity() *Point {
	p := new(Point)
	p.y.Set(&fieldOne)
	return p
}

// NewGenerator returns the generator of SEC 2.
func NewGenerator() *Point { return &Point{generatorX, generatorY, fieldOne} }

// Set sets p = a.
func (p *Point) Set(a *Point) *Point {
	*p = *a
	return p
}

// SetBytes sets p to the point with the given 33-byte compressed encoding (SEC 1, section 2.3.4). It returns [ErrPoint],
// and leaves p as it was, if b is not the canonical encoding of a point, or encodes the identity.
func (p *Point) SetBytes(b []byte) (*Point, error) {
	if len(b) != PointSize || b[0]&^1 != 2 {
		return nil, ErrPoint
	}
	var a [1]Affine
	if DecodeBatch(a[:], b[1:], []byte{b[0] & 1}) != nil {
		return nil, ErrPoint
	}
	return p.Set(a[0].Point()), nil
}

// Bytes returns the 33-byte compressed encoding of p, or 33 zero bytes, which do not decode, if p is the identity.
func (p *Point) Bytes() []byte {
	b := make([]byte, PointSize)
	if a, ok := p.Affine(); ok {
		a.PutBytes(b)
	}
	return b
}

// Uncompressed returns the 65-byte uncompressed encoding of p (SEC 1, section 2.3.3), or 65 zero bytes if p is the identity.
func (p *Point) Uncompressed() []byte {
	b := make([]byte, 65)
	if a, ok := p.Affine(); ok {
		b[0] = 4
		a.x.PutBytesUnchecked(b[1:33])
		a.y.PutBytesUnchecked(b[33:])
	}
	return b
}

// Affine returns p in affine coordinates, and false if p is the identity. That it is shows in timing.
func (p *Point) Affine() (Affine, bool) {
	var a Affine
	var c chain
	var zInv field
	c.invert(&zInv, &p.z)
	if zInv.Normalize().IsZero() {
		return a, false
	}
	a.x.Mul2(&p.x, &zInv).Normalize()
	a.y.Mul2(&p.y, &zInv).Normalize()
	return a, true
}

// Add sets p = a + b.
func (p *Point) Add(a, b *Point) *Point {
	var t0, t1, t2, t3, t4, u field
	t0.Mul2(&a.x, &b.x)
	t1.Mul2(&a.y, &b.y)
	t2.Mul2(&a.z, &b.z)
	cross(&t3, &a.x, &a.y, &b.x, &b.y, &t0, &t1, &u) // X1 Y2 + X2 Y1
	cross(&t4, &a.y, &a.z, &b.y, &b.z, &t1, &t2, &u) // Y1 Z2 + Y2 Z1
	var t5 field
	cross(&t5, &a.x, &a.z, &b.x, &b.z, &t0, &t2, &u) // X1 Z2 + X2 Z1
	fieldMulSmall(&t0, &t0, 3)
	fieldMulSmall(&t2, &t2, 3*curveB)
	fieldMulSmall(&t5, &t5, 3*curveB)
	var z3, u1 field
	fieldAdd(&z3, &t1, &t2)
	fieldSubWeak(&t1, &t1, &t2)

	u.Mul2(&t4, &t5)
	u1.Mul2(&t3, &t1)
	fieldSubWeak(&p.x, &u1, &u)
	u.Mul2(&t5, &t0)
	u1.Mul2(&t1, &z3)
	fieldAdd(&p.y, &u1, &u)
	u.Mul2(&t0, &t3)
	z3.Mul(&t4)
	fieldAdd(&p.z, &z3, &u)
	return p
}

// cross sets r = a1 b2 + a2 b1, given a1 b1 and a2 b2.
func cross(r, a1, a2, b1, b2, a1b1, a2b2, u *field) {
	fieldAdd(r, a1, a2)
	fieldAdd(u, b1, b2)
	r.Mul(u)
	fieldSubSub(r, r, a1b1, a2b2)
}

// Double sets p = 2a.
func (p *Point) Double(a *Point) *Point {
	var t0, t1, t2, x3, y3, z3 field
	t0.SquareVal(&a.y)
	fieldMulSmall(&z3, &t0, 8)
	t1.Mul2(&a.y, &a.z)
	t2.SquareVal(&a.z)
	fieldMulSmall(&t2, &t2, 3*curveB)
	x3.Mul2(&t2, &z3)
	fieldAdd(&y3, &t0, &t2)
	z3.Mul(&t1)
	fieldMulSmall(&t1, &t2, 3)
	fieldSubWeak(&t0, &t0, &t1)
	y3.Mul(&t0)
	fieldAdd(&y3, &y3, &x3)
	t1.Mul2(&a.x, &a.y)
	x3.Mul2(&t0, &t1)
	fieldMulSmall(&p.x, &x3, 2)
	p.y.Set(&y3)
	p.z.Set(&z3)
	return p
}

// Negate sets p = -a.
func (p *Point) Negate(a *Point) *Point {
	p.x.Set(&a.x)
	fieldNegate(&p.y, &a.y)
	p.z.Set(&a.z)
	return p
}

// Sub sets p = a - b.
func (p *Point) Sub(a, b *Point) *Point {
	var t Point
	return p.Add(a, t.Negate(b))
}

// Select sets p = a if cond is 1, p = b if it is 0.
func (p *Point) Select(a, b *Point, cond int) *Point {
	mask := -uint64(cond)
	fieldSelect(&p.x, &a.x, &b.x, mask)
	fieldSelect(&p.y, &a.y, &b.y, mask)
	fieldSelect(&p.z, &a.z, &b.z, mask)
	return p
}

// IsIdentity returns 1 if p is the identity, and 0 otherwise.
func (p *Point) IsIdentity() int {
	z := p.z
	return int(z.Normalize().IsZeroBit())
}

// Equal returns 1 if p = a, and 0 otherwise.
func (p *Point) Equal(a *Point) int {
	var t Point
	return t.Sub(p, a).IsIdentity()
}

// ScalarMult sets p = k*a.
func (p *Point) ScalarMult(k *Scalar, a *Point) *Point {
	var u, v [glvDigits]digit
	k.split(&u, &v)
	var table [multiplesSize]Point // a, 3a, ..., 15a
	var double Point
	double.Double(a)
	table[0].Set(a)
	for i := 1; i < multiplesSize; i++ {
		table[i].Add(&table[i-1], &double)
	}
	acc := NewIdentity()
	var t Point
	for i := glvDigits - 1; i >= 0; i-- {
		for range glvWindow {
			acc.Double(acc)
		}
		acc.Add(acc, t.lookup(&table, u[i]))
		t.lookup(&table, v[i])
		t.x.Mul(&beta)
		acc.Add(acc, &t)
	}
	clear(u[:])
	clear(v[:])
	return p.Set(acc)
}

// lookup sets p to the multiple of the table that d stands for.
func (p *Point) lookup(table *[multiplesSize]Point, d digit) *Point {
	p.Set(&table[0])
	for i := 1; i < multiplesSize; i++ {
		p.Select(&table[i], p, int(isEqual(d.index, uint32(i))&1))
	}
	var s field
	fieldNegate(&s, &p.y)
	fieldSelect(&p.y, &s, &p.y, d.negative)
	return p
}

// isEqual returns all ones if a = b, both below 2^31, and zero otherwise.
func isEqual(a, b uint32) uint64 {
	return uint64(int64(int32((a^b)-1)) >> 63)
}

// ScalarBaseMult sets p = k*G.
func (p *Point) ScalarBaseMult(k *Scalar) *Point { return BaseTable().ScalarMult(p, k) }

// XScalar returns the affine x-coordinate of p modulo q, the r of ECDSA, and 0 for the identity.
func (p *Point) XScalar() *Scalar {
	s := new(Scalar)
	if a, ok := p.Affine(); ok {
		var b [32]byte
		a.x.PutBytesUnchecked(b[:])
		s.SetDigest(b[:])
	}
	return s
}

// RecoveryID returns the recovery id of an ECDSA signature whose nonce point is p and whose s was not negated: bit 0 is
// the parity of y, bit 1 tells that x is not below q.
func (p *Point) RecoveryID() byte {
	a, _ := p.Affine()
	id := byte(a.y.IsOddBit())
	if a.x.IsGtOrEqPrimeMinusOrder() {
		// x >= q exactly if x - q, that is XScalar, is below p - q and x itself is not XScalar.
		var b [32]byte
		a.x.PutBytesUnchecked(b[:])
		if _, err := new(Scalar).SetBytes(b[:]); err != nil {
			id |= 2
		}
	}
	return id
}
