package secp256k1

import "errors"

// ErrIdentity is returned by a batch function if one of its results would be the identity.
var ErrIdentity = errors.New("secp256k1: a result is the identity")

// Affine is an element of the group other than the identity, in affine coordinates. It is what the batch functions work
// on: many equal steps on many points share one field inversion (Montgomery's trick), which makes an affine addition
// cheaper than any other. Its zero value is not valid.
type Affine struct{ x, y field }

// Point returns a as a [Point].
func (a *Affine) Point() *Point { return &Point{a.x, a.y, fieldOne} }

// PutBytes writes the 33-byte compressed encoding of a to dst.
func (a *Affine) PutBytes(dst []byte) {
	dst[0] = 2 | byte(a.y.IsOdd())
	a.x.PutBytes(dst[1:PointSize])
}

// Select sets a = x if cond is 1, a = y if it is 0. It runs in constant time.
func (a *Affine) Select(x, y *Affine, cond int) {
	mask := -uint64(cond)
	a.x.Select(&x.x, &y.x, mask)
	a.y.Select(&x.y, &y.y, mask)
}

func (a *Affine) normalize() {
	a.x.Normalize()
	a.y.Normalize()
}

// batch is the scratch of lockstep arithmetic on at most n points. A step goes through the points twice: forwards to make
// the products of the denominators of their slopes, and, after one inversion, backwards to take the inverses apart and
// finish each point. The work on one point is a function of its own, called often, because V8 optimises a wasm function
// only after many calls.
type batch struct {
	den, prod []field // prod[i] is the product of den[:i]
	inv, next *field  // inv is the inverse of the product of what is left
	s, t      field
}

// batchSize bounds the points that go through a multiplication together: enough for the shared inversion to cost next to
// nothing, few enough for tables and accumulators to stay in a cache.
const batchSize = 672

func newBatch(n int) *batch {
	b := &batch{den: make([]field, n), prod: make([]field, n+1), inv: new(field), next: new(field)}
	b.prod[0].Set(&fieldOne)
	return b
}

// clear forgets the points that went through.
func (b *batch) clear() {
	clear(b.den)
	clear(b.prod)
	*b.inv, *b.next, b.s, b.t = field{}, field{}, field{}, field{}
}

// invert ends the way forwards, with the product of all denominators. It returns false if one is zero.
func (b *batch) invert(product *field) bool {
	t := &b.t
	t.Set(product)
	t.Normalize()
	if t.IsZero() != 0 {
		return false
	}
	b.inv.Invert(t)
	return true
}

// pop returns 1/den[i], given the product of the denominators that are left after it.
func (b *batch) pop(i int, left *field) *field {
	b.next.Mul(b.inv, &b.den[i])
	b.den[i].Mul(b.inv, left)
	b.inv, b.next = b.next, b.inv
	return &b.den[i]
}

// invertAll replaces the first n of den by their inverses. It returns false, and leaves them, if one is zero.
func (b *batch) invertAll(n int) bool {
	for i := range n {
		b.push(i)
	}
	if !b.invert(&b.prod[n]) {
		return false
	}
	for i := n - 1; i >= 0; i-- {
		b.pop(i, &b.prod[i])
	}
	return true
}

//go:noinline
func (b *batch) push(i int) { b.prod[i+1].Mul(&b.prod[i], &b.den[i]) }

// add sets p[i] = p[i] + q[i]. It returns false if p[i] = q[i] or p[i] = -q[i] for some i; p is unchanged then.
func (b *batch) add(p, q []Affine) bool {
	for i := range p {
		b.pushAdd(i, &p[i], &q[i])
	}
	if !b.invert(&b.prod[len(p)]) {
		return false
	}
	for i := len(p) - 1; i >= 0; i-- {
		b.popAdd(i, &p[i], &q[i])
	}
	return true
}

//go:noinline
func (b *batch) pushAdd(i int, p, q *Affine) {
	b.den[i].Sub(&q.x, &p.x)
	b.prod[i+1].Mul(&b.prod[i], &b.den[i])
}

//go:noinline
func (b *batch) popAdd(i int, p, q *Affine) {
	slope := b.pop(i, &b.prod[i])
	b.t.Sub(&q.y, &p.y)
	slope.Mul(slope, &b.t)
	b.finish(p, &q.x, slope)
}

// double sets p[i] = 2 p[i]. There is no point of order two: it cannot fail.
func (b *batch) double(p []Affine) {
	for i := range p {
		b.pushDouble(i, &p[i])
	}
	b.invert(&b.prod[len(p)])
	for i := len(p) - 1; i >= 0; i-- {
		b.popDouble(i, &p[i])
	}
}

//go:noinline
func (b *batch) pushDouble(i int, p *Affine) {
	b.den[i].Double(&p.y)
	b.prod[i+1].Mul(&b.prod[i], &b.den[i])
}

//go:noinline
func (b *batch) popDouble(i int, p *Affine) {
	slope := b.pop(i, &b.prod[i])
	b.t.Square(&p.x)
	b.t.Triple(&b.t)
	slope.Mul(slope, &b.t)
	b.finish(p, &p.x, slope)
}

// finish sets p to the third point, negated, of the line through p with the given slope that also meets qx.
func (b *batch) finish(p *Affine, qx, slope *field) {
	x, t := &b.s, &b.t
	t.Square(slope)
	x.SubSub(t, &p.x, qx)
	t.Sub(&p.x, x)
	t.Mul(slope, t)
	p.x.Set(x)
	p.y.SubWeak(t, &p.y)
}

// doubleAdder is the scratch of lockstep steps that double and add.
type doubleAdder struct {
	*batch
	tail  []field // tail[i] is the product of den[i:], in the second half of a step
	slope []field // of the first half of a step, negated
	x     []field // of the sum of the first half
}

func newDoubleAdder(n int) *doubleAdder {
	return &doubleAdder{newBatch(n), make([]field, n+1), make([]field, n), make([]field, n)}
}

func (b *doubleAdder) clear() {
	b.batch.clear()
	clear(b.tail)
	clear(b.slope)
	clear(b.x)
}

// doubleAdd sets p[i] = 2 p[i] + q[i], as (p[i] + q[i]) + p[i] without the y-coordinate of the first sum (Eisenträger,
// Lauter and Montgomery, 2003). It returns false, and p is undefined, if an addition is exceptional.
//
//go:noinline
func (b *doubleAdder) doubleAdd(p, q []Affine) bool {
	n := len(p)
	for i := range p {
		b.pushAdd(i, &p[i], &q[i])
	}
	if !b.invert(&b.prod[n]) {
		return false
	}
	b.tail[n].Set(&fieldOne)
	for i := n - 1; i >= 0; i-- {
		b.popSum(i, &p[i], &q[i])
	}
	if !b.invert(&b.tail[0]) {
		return false
	}
	for i := range p {
		b.popDoubleAdd(i, &p[i])
	}
	return true
}

// popSum computes the slope of p + q, negated, and the x-coordinate of the sum, and pushes the denominator of the slope of
// (p + q) + p.
//
//go:noinline
func (b *doubleAdder) popSum(i int, p, q *Affine) {
	slope, x := &b.slope[i], &b.x[i]
	b.t.Sub(&p.y, &q.y)
	slope.Mul(b.pop(i, &b.prod[i]), &b.t)
	b.s.Square(slope)
	x.SubSub(&b.s, &p.x, &q.x)
	b.den[i].Sub(x, &p.x)
	b.tail[i].Mul(&b.tail[i+1], &b.den[i])
}

// popDoubleAdd finishes p + (p + q): its slope is that of p + q, negated, less 2y/(x - p.x).
//
//go:noinline
func (b *doubleAdder) popDoubleAdd(i int, p *Affine) {
	inv, slope := b.pop(i, &b.tail[i+1]), &b.slope[i]
	b.t.Double(&p.y)
	b.t.Mul(inv, &b.t)
	slope.SubWeak(slope, &b.t)
	b.finish(p, &b.x[i], slope)
}

// AddBatch sets dst[i] = a[i] + b[i], in constant time. dst may be a or b. It returns [ErrIdentity] if a result is the
// identity; dst is undefined then.
func AddBatch(dst, a, b []Affine) error { return addBatch(dst, a, b, 0) }

// SubBatch sets dst[i] = a[i] - b[i], in constant time. dst may be a or b. It returns [ErrIdentity] if a result is the
// identity; dst is undefined then.
func SubBatch(dst, a, b []Affine) error { return addBatch(dst, a, b, ^uint64(0)) }

func addBatch(dst, a, b []Affine, negate uint64) error {
	if len(dst) != len(a) || len(dst) != len(b) {
		panic("secp256k1: batches of different lengths")
	}
	n := min(len(dst), batchSize)
	scratch := newBatch(n)
	defer scratch.clear()
	p, q := make([]Affine, n), make([]Affine, n)
	defer clear(p)
	defer clear(q)
	for at := 0; at < len(dst); at += n {
		n := min(n, len(dst)-at)
		copy(p, a[at:at+n])
		copy(q, b[at:at+n])
		if negate != 0 {
			for i := range n {
				q[i].y.Negate(&q[i].y)
			}
		}
		if !scratch.add(p[:n], q[:n]) {
			if err := addSlow(p[:n], q[:n]); err != nil {
				return err
			}
		}
		for i := range n {
			p[i].normalize()
			dst[at+i] = p[i]
		}
	}
	return nil
}

// addSlow sets p[i] = p[i] + q[i] whatever they are. Random points get here with negligible probability.
func addSlow(p, q []Affine) error {
	for i := range p {
		var ok bool
		sum := p[i].Point()
		if p[i], ok = sum.Add(sum, q[i].Point()).Affine(); !ok {
			return ErrIdentity
		}
	}
	return nil
}

// DecodeBatch sets dst[i] to the point whose x-coordinate is xs[32i:32i+32], big endian, and whose y-coordinate is odd if
// bit i%8 of signs[i/8] is set. It returns [ErrPoint] if the lengths are not 32*len(dst) and ceil(len(dst)/8), if an x is
// not below p or not that of a point, or if an unused bit is set. It takes time that depends on whether it fails.
func DecodeBatch(dst []Affine, xs, signs []byte) error {
	n := len(dst)
	if len(xs) != 32*n || len(signs) != (n+7)/8 {
		return ErrPoint
	}
	if n%8 != 0 && signs[n/8]>>(n%8) != 0 {
		return ErrPoint
	}
	d := new(decoder)
	for i := range dst {
		if !d.decode(&dst[i], (*[32]byte)(xs[32*i:]), uint32(signs[i/8]>>(i%8))&1) {
			return ErrPoint
		}
	}
	return nil
}

type decoder struct{ s, t field }

//go:noinline
func (d *decoder) decode(a *Affine, x *[32]byte, odd uint32) bool {
	if !a.x.SetBytes(x) {
		return false
	}
	t := &d.t
	t.Square(&a.x)
	t.Mul(t, &a.x)
	t.AddInt(curveB)
	a.y.Sqrt(t)
	d.s.Square(&a.y)
	if d.s.Equal(t) == 0 {
		return false
	}
	a.y.Normalize()
	a.y.CondNegate(-uint64(a.y.IsOdd() ^ odd))
	a.y.Normalize()
	return true
}
