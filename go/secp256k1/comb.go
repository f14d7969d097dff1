package secp256k1

import "unsafe"

// Comb holds multiples of one point, so that multiplying it takes few doublings: 2^104 ± 2^78 ± 2^52 ± 2^26 ± 1 times the
// point. Both halves of a scalar (see split) are 130 signs; 26 times five of each are read together.
type Comb [combSize]Point

const (
	combSteps = 26 // and the distance of the signs that are read together
	combWidth = 5
	combSize  = 1 << (combWidth - 1)
)

// NewComb returns the comb of p.
func NewComb(p *Point) *Comb {
	c := new(Comb)
	c.set(p)
	return c
}

// set fills c for p. Bit i of an index tells whether the sign of 2^(26i) is plus.
func (c *Comb) set(p *Point) {
	var twice [combWidth - 1]Point
	power, sum := *p, *p
	for i := range twice {
		if i > 0 {
			sum.add(&sum, &power)
		}
		twice[i].double(&power)
		power.doubleTimes(&twice[i], combSteps-1)
	}
	c[0].Sub(&power, &sum)
	for i := range twice {
		for j := range 1 << i {
			c[1<<i+j].add(&c[j], &twice[i])
		}
	}
}

// ScalarMult sets p = k times the comb's point, in constant time, and returns p.
func (c *Comb) ScalarMult(p *Point, k *Scalar) *Point {
	c.mult(p, k)
	return p
}

func (c *Comb) mult(p *Point, k *Scalar) {
	var u, v Scalar
	var t Point
	k.split(&u, &v, &glvOffset)
	*p = Point{y: fieldOne}
	for i := combSteps - 1; i >= 0; i-- {
		p.double(p)
		t.gather(c, u.tooth(i, combSteps, combWidth))
		p.add(p, &t)
		t.gather(c, v.tooth(i, combSteps, combWidth))
		t.x.Mul(&t.x, &beta)
		p.add(p, &t)
	}
	u.Clear()
	v.Clear()
	t = Point{}
}

// tooth reads w signs of half a scalar, i and every one at the distance from the one before.
func (s *Scalar) tooth(i, distance, w int) digit {
	n, b := s.limbs(), uint32(0)
	for j := range w {
		at := i + distance*j
		b |= (n[at/32] >> (at % 32) & 1) << j
	}
	return makeDigit(b, w)
}

// words gives the limbs of all coordinates in pairs.
func (p *Point) words() *[15]uint64 { return (*[15]uint64)(unsafe.Pointer(p)) }

// gather sets p to the multiple that d stands for, reading all of them.
//
//go:noinline
func (p *Point) gather(c *Comb, d digit) {
	var sum [15]uint64
	for i := range c {
		entry, k := c[i].words(), isEqual(d.index, uint32(i))
		for j := range 14 { // an even number, for vector instructions
			sum[j] |= entry[j] & k
		}
		sum[14] |= entry[14] & k
	}
	*p.words() = sum
	p.y.CondNegate(d.negative)
}

// The generator has a larger comb, in affine coordinates and of two rows: the second one, times 2^11, halves the doublings.
// 22 times six signs of each half are read together.
type baseComb [baseRows][baseSize]Affine

const (
	baseRows     = 2
	baseSteps    = 11
	baseDistance = baseRows * baseSteps
	baseWidth    = 6
	baseSize     = 1 << (baseWidth - 1)
)

// ScalarBaseMult sets p = k*G, in constant time.
func (p *Point) ScalarBaseMult(k *Scalar) *Point {
	var u, v Scalar
	var t Affine
	k.split(&u, &v, &baseOffset)
	*p = Point{y: fieldOne}
	for i := baseSteps - 1; i >= 0; i-- {
		p.double(p)
		for row := range baseRows {
			at := baseSteps*row + i
			t.scan(&base[row], u.tooth(at, baseDistance, baseWidth))
			p.addAffine(p, &t)
			t.scan(&base[row], v.tooth(at, baseDistance, baseWidth))
			t.x.Mul(&t.x, &beta)
			p.addAffine(p, &t)
		}
	}
	u.Clear()
	v.Clear()
	t = Affine{}
	return p
}

// scan is gather for the generator's comb.
//
//go:noinline
func (p *Affine) scan(row *[baseSize]Affine, d digit) {
	var sum [10]uint64
	for i := range row {
		entry, k := row[i].words(), isEqual(d.index, uint32(i))
		for j := range sum {
			sum[j] |= entry[j] & k
		}
	}
	*p.words() = sum
	p.y.CondNegate(d.negative)
}
