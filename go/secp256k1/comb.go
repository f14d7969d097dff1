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

// BaseComb returns the comb of the generator.
func BaseComb() *Comb { return &baseComb }

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
		power = twice[i]
		for range combSteps - 1 {
			power.double(&power)
		}
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
	k.split(&u, &v)
	*p = Point{y: fieldOne}
	for i := combSteps - 1; i >= 0; i-- {
		p.double(p)
		t.gather(c, u.tooth(i))
		p.add(p, &t)
		t.gather(c, v.tooth(i))
		t.x.Mul(&t.x, &beta)
		p.add(p, &t)
	}
	u.Clear()
	v.Clear()
	t = Point{}
}

// tooth reads the signs i, i+26, ... of half a scalar.
func (s *Scalar) tooth(i int) digit {
	n, b := s.limbs(), uint32(0)
	for j := range combWidth {
		at := i + combSteps*j
		b |= (n[at/32] >> (at % 32) & 1) << j
	}
	return makeDigit(b, combWidth)
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
