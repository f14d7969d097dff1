package secp256k1

import (
	"errors"
	"math/bits"
)

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

// Clear sets p to the identity.
func (p *Point) Clear() { *p = Point{y: fieldOne} }

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
	p.x, p.y, p.z = a[0].x, a[0].y, fieldOne
	clear(a[:])
	return p, nil
}

// Bytes returns the 33-byte compressed encoding of p, or 33 zero bytes, which do not decode, if p is the identity.
func (p *Point) Bytes() []byte {
	b := make([]byte, PointSize)
	p.PutBytes(b)
	return b
}

// PutBytes writes what Bytes returns to dst.
func (p *Point) PutBytes(dst []byte) {
	clear(dst[:PointSize])
	if a, ok := p.Affine(); ok {
		a.PutBytes(dst)
	}
}

// Uncompressed returns the 65-byte uncompressed encoding of p (SEC 1, section 2.3.3), or 65 zero bytes if p is the identity.
func (p *Point) Uncompressed() []byte {
	b := make([]byte, 65)
	if a, ok := p.Affine(); ok {
		b[0] = 4
		a.x.PutBytes(b[1:33])
		a.y.PutBytes(b[33:])
	}
	return b
}

// Affine returns p in affine coordinates, and false if p is the identity. Timing shows whether it is, and
// whether p is as it was decoded: other points have a z of 1 only by chance.
func (p *Point) Affine() (Affine, bool) {
	var a Affine
	if p.z.IsOne() != 0 {
		a.x, a.y = p.x, p.y
		a.normalize()
		return a, true
	}
	var zInv field
	zInv.Invert(&p.z)
	zInv.Normalize()
	if zInv.IsZero() != 0 {
		return a, false
	}
	a.x.Mul(&p.x, &zInv)
	a.y.Mul(&p.y, &zInv)
	a.normalize()
	return a, true
}

// Add sets p = a + b.
func (p *Point) Add(a, b *Point) *Point {
	p.add(a, b)
	return p
}

// Like double and lookup, add returns nothing: TinyGo then knows that its arguments do not escape, and callers keep theirs
// on the stack.
func (p *Point) add(a, b *Point) {
	var t0, t1, t2, t3, t4, t5, u field
	t0.Mul(&a.x, &b.x)
	t1.Mul(&a.y, &b.y)
	t2.Mul(&a.z, &b.z)
	cross(&t3, &a.x, &a.y, &b.x, &b.y, &t0, &t1, &u) // X1 Y2 + X2 Y1
	cross(&t4, &a.y, &a.z, &b.y, &b.z, &t1, &t2, &u) // Y1 Z2 + Y2 Z1
	cross(&t5, &a.x, &a.z, &b.x, &b.z, &t0, &t2, &u) // X1 Z2 + X2 Z1
	t0.MulInt(&t0, 3)
	t2.MulInt(&t2, 3*curveB)
	t5.MulInt(&t5, 3*curveB)
	var z3, v field
	z3.Add(&t1, &t2)
	t1.SubWeak(&t1, &t2)

	u.Mul(&t4, &t5)
	v.Mul(&t3, &t1)
	p.x.SubWeak(&v, &u)
	u.Mul(&t5, &t0)
	v.Mul(&t1, &z3)
	p.y.Add(&v, &u)
	u.Mul(&t0, &t3)
	v.Mul(&z3, &t4)
	p.z.Add(&v, &u)
}

// cross sets r = a1 b2 + a2 b1, given a1 b1 and a2 b2.
func cross(r, a1, a2, b1, b2, a1b1, a2b2, u *field) {
	r.Add(a1, a2)
	u.Add(b1, b2)
	r.Mul(r, u)
	r.SubSub(r, a1b1, a2b2)
}

// Double sets p = 2a.
func (p *Point) Double(a *Point) *Point {
	p.double(a)
	return p
}

func (p *Point) double(a *Point) {
	var t0, t1, t2, x3, y3, z3 field
	t0.Square(&a.y)
	z3.MulInt(&t0, 8)
	t1.Mul(&a.y, &a.z)
	t2.Square(&a.z)
	t2.MulInt(&t2, 3*curveB)
	x3.Mul(&t2, &z3)
	y3.Add(&t0, &t2)
	z3.Mul(&z3, &t1)
	t1.MulInt(&t2, 3)
	t0.SubWeak(&t0, &t1)
	y3.Mul(&y3, &t0)
	y3.Add(&y3, &x3)
	t1.Mul(&a.x, &a.y)
	x3.Mul(&t0, &t1)
	p.x.Add(&x3, &x3)
	p.y.Set(&y3)
	p.z.Set(&z3)
}

// Negate sets p = -a.
func (p *Point) Negate(a *Point) *Point {
	p.x.Set(&a.x)
	p.y.Negate(&a.y)
	p.z.Set(&a.z)
	return p
}

// Sub sets p = a - b.
func (p *Point) Sub(a, b *Point) *Point {
	t := *b
	t.y.Negate(&t.y)
	p.add(a, &t)
	return p
}

// Select sets p = a if cond is 1, p = b if it is 0.
func (p *Point) Select(a, b *Point, cond int) *Point {
	p.sel(a, b, -uint64(cond))
	return p
}

func (p *Point) sel(a, b *Point, mask uint64) {
	p.x.Select(&a.x, &b.x, mask)
	p.y.Select(&a.y, &b.y, mask)
	p.z.Select(&a.z, &b.z, mask)
}

// IsIdentity returns 1 if p is the identity, and 0 otherwise.
func (p *Point) IsIdentity() int {
	z := p.z
	z.Normalize()
	return int(z.IsZero() & 1)
}

// Equal returns 1 if p = a, and 0 otherwise.
func (p *Point) Equal(a *Point) int {
	t := *a
	t.y.Negate(&t.y)
	t.add(p, &t)
	return t.IsIdentity()
}

// ScalarMult sets p = k*a. Several multiplications of one point are faster by its [Comb].
func (p *Point) ScalarMult(k *Scalar, a *Point) *Point {
	var c Comb
	c.set(a)
	c.mult(p, k)
	return p
}

// ScalarMultVarTime sets p = k*a for a public k, in a time that shows it: a short one if k or -k is below 2^64.
func (p *Point) ScalarMultVarTime(k *Scalar, a *Point) *Point {
	n, b := *k, *a
	if n.IsHigh() == 1 {
		n.Neg(&n)
		b.y.Negate(&b.y)
	}
	limbs := n.limbs()
	if *(*[6]uint32)(limbs[2:]) != [6]uint32{} {
		return p.ScalarMult(k, a)
	}
	small := uint64(limbs[1])<<32 | uint64(limbs[0])
	*p = Point{y: fieldOne}
	for i := bits.Len64(small) - 1; i >= 0; i-- {
		p.double(p)
		if small>>i&1 == 1 {
			p.add(p, &b)
		}
	}
	return p
}

// isEqual returns all ones if a = b, both below 2^31, and zero otherwise.
func isEqual(a, b uint32) uint64 {
	return uint64(int64(int32((a^b)-1)) >> 63)
}

// ScalarBaseMult sets p = k*G.
func (p *Point) ScalarBaseMult(k *Scalar) *Point { return baseComb.ScalarMult(p, k) }

// XScalar returns the affine x-coordinate of p modulo q, the r of ECDSA, and 0 for the identity.
func (p *Point) XScalar() *Scalar {
	s := new(Scalar)
	if a, ok := p.Affine(); ok {
		var b [32]byte
		a.x.PutBytes(b[:])
		s.SetDigest(b[:])
	}
	return s
}

// RecoveryID returns the recovery id of an ECDSA signature whose nonce point is p and whose s was not negated: bit 0 is
// the parity of y, bit 1 tells that x is not below q.
func (p *Point) RecoveryID() byte {
	a, _ := p.Affine()
	id := byte(a.y.IsOdd())
	var b [32]byte
	a.x.PutBytes(b[:])
	if _, err := new(Scalar).SetBytes(b[:]); err != nil {
		id |= 2
	}
	return id
}
