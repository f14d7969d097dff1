package secp256k1

import "unsafe"

// lookup sets p to the entry of the table at index, reading all of it.
//
//go:noinline
func (p *Affine) lookup(table []Affine, index uint32) {
	r := p.words()
	var r0, r1, r2, r3, r4, r5, r6, r7, r8, r9 uint64
	for i := range table {
		t, k := table[i].words(), isEqual(index, uint32(i))
		r0 |= t[0] & k
		r1 |= t[1] & k
		r2 |= t[2] & k
		r3 |= t[3] & k
		r4 |= t[4] & k
		r5 |= t[5] & k
		r6 |= t[6] & k
		r7 |= t[7] & k
		r8 |= t[8] & k
		r9 |= t[9] & k
	}
	r[0], r[1], r[2], r[3], r[4] = r0, r1, r2, r3, r4
	r[5], r[6], r[7], r[8], r[9] = r5, r6, r7, r8, r9
}

// words gives the limbs of both coordinates in pairs.
func (p *Affine) words() *[10]uint64 { return (*[10]uint64)(unsafe.Pointer(p)) }

// multiples holds what the digits of both halves of a scalar can stand for together, up to the sign: of a point p the
// (2i+1)p + (2j-3) lambda p at 4i+j, for i below 2 and j below 4.
type multiples [multiplesSize]Affine

const (
	multiplesSize = 1 << (2*glvWindow - 1)
	tableSize     = 1 << (combWindow - 1)
)

// ScalarMultBatch sets dst[i] = k*points[i], in constant time. dst may be points. It returns [ErrIdentity] if k is 0.
func ScalarMultBatch(dst, points []Affine, k *Scalar) error {
	if len(dst) != len(points) {
		panic("secp256k1: batches of different lengths")
	}
	if k.IsZero() == 1 {
		return ErrIdentity
	}
	m := newMultiplier(min(len(dst), batchSize))
	defer m.clear()
	k.split(&m.u, &m.v)
	for at := 0; at < len(dst); at += batchSize {
		end := min(at+batchSize, len(dst))
		if !m.run(dst[at:end], points[at:end]) {
			// A partial sum met a multiple of the same point, which a random k does with negligible probability.
			for i := at; i < end; i++ {
				p := points[i].Point()
				dst[i], _ = p.ScalarMult(k, p).Affine()
			}
		}
	}
	return nil
}

// multiplier multiplies many points by one scalar, all in lockstep.
type multiplier struct {
	u, v     Scalar // of split
	multiple []multiples
	acc, sum []Affine
	batch    *doubleAdder
}

func newMultiplier(n int) *multiplier {
	return &multiplier{
		multiple: make([]multiples, n), acc: make([]Affine, n), sum: make([]Affine, n), batch: newDoubleAdder(n),
	}
}

// clear forgets the scalar and all points: those that it was given may be secret as well.
func (m *multiplier) clear() {
	m.u.Clear()
	m.v.Clear()
	clear(m.multiple)
	clear(m.acc)
	clear(m.sum)
	m.batch.clear()
}

func (m *multiplier) run(dst, points []Affine) bool {
	n := len(points)
	acc, sum := m.acc[:n], m.sum[:n]
	m.tabulate(points)
	m.gather(acc, glvDigits-1)
	for w := glvDigits - 2; w >= 0; w-- {
		m.batch.double(acc)
		m.gather(sum, w)
		if !m.batch.doubleAdd(acc, sum) {
			return false
		}
	}
	for i := range dst {
		dst[i] = acc[i]
		dst[i].normalize()
	}
	return true
}

// tabulate sets the multiples of the points. No addition in it is exceptional, as none of p, 2p, j lambda p and i p, for the small
// odd i and j here, are equal or opposite.
func (m *multiplier) tabulate(points []Affine) {
	n := len(points)
	acc, sum := m.acc[:n], m.sum[:n]
	copy(acc, points)
	copy(sum, points)
	m.batch.double(sum)
	m.batch.add(sum, acc)
	for i, p := range [2][]Affine{acc, sum} {
		for j, q := range [2][]Affine{acc, sum} {
			for k := range n {
				m.pushSums(k, &p[k], &q[k])
			}
			m.batch.invert(&m.batch.prod[n])
			for k := n - 1; k >= 0; k-- {
				m.popSums(k, &p[k], &q[k], &m.multiple[k][4*i+2+j], &m.multiple[k][4*i+1-j])
			}
		}
	}
}

// pushSums prepares p + lambda q and p - lambda q, whose slopes have one denominator.
//
//go:noinline
func (m *multiplier) pushSums(k int, p, q *Affine) {
	b := m.batch
	b.x[k].Mul(&q.x, &beta)
	b.den[k].Sub(&b.x[k], &p.x)
	b.prod[k+1].Mul(&b.prod[k], &b.den[k])
}

//go:noinline
func (m *multiplier) popSums(k int, p, q, sum, difference *Affine) {
	b := m.batch
	inv, slope, x := b.pop(k, &b.prod[k]), &b.slope[k], &b.x[k]
	*sum = *p
	b.t.Sub(&q.y, &p.y)
	slope.Mul(inv, &b.t)
	b.finish(sum, x, slope)
	*difference = *p
	b.t.Add(&p.y, &q.y)
	b.t.Negate(&b.t)
	slope.Mul(inv, &b.t)
	b.finish(difference, x, slope)
}

// gather sets p to the multiples by the digits w of the scalar's two halves.
func (m *multiplier) gather(p []Affine, w int) {
	d := pair(&m.u, &m.v, w)
	for i := range p {
		p[i].gather(m.multiple[i][:], d)
	}
}

// gather sets p to the multiple that d stands for, given those by 1, 3, 5, ...
//
//go:noinline
func (p *Affine) gather(table []Affine, d digit) {
	p.lookup(table, d.index)
	p.y.CondNegate(d.negative)
}

// Table holds multiples of one point, so that multiplying it by many scalars needs no doublings. It takes 67 KB.
type Table [combDigits][tableSize]Affine // by (2j+1) 32^i

// NewTable returns the table of p, which must not be the identity.
func NewTable(p *Point) *Table {
	t := new(Table)
	b := newBatch(combDigits)
	acc, sum := make([]Affine, combDigits), make([]Affine, combDigits)
	q := *p
	for i := range acc {
		acc[i] = Affine{q.x, q.y}
		b.den[i].Set(&q.z)
		for range combWindow {
			q.double(&q)
		}
	}
	if !b.invertAll(combDigits) {
		panic("secp256k1: table of the identity")
	}
	for i := range acc {
		acc[i].x.Mul(&acc[i].x, &b.den[i])
		acc[i].y.Mul(&acc[i].y, &b.den[i])
	}
	copy(sum, acc)
	b.double(sum)
	for j := range tableSize {
		for i := range acc {
			t[i][j] = acc[i]
		}
		if j < tableSize-1 {
			b.add(acc, sum) // never fails: 2j+1 and 2 are not multiples of q
		}
	}
	return t
}

// ScalarMultBatch sets dst[i] = ks[i] times the table's point, in constant time. It returns [ErrIdentity] if a scalar is 0.
func (t *Table) ScalarMultBatch(dst []Affine, ks []Scalar) error {
	if len(dst) != len(ks) {
		panic("secp256k1: batches of different lengths")
	}
	n := min(len(dst), batchSize)
	c := &comber{table: t, u: make([]Scalar, n), sum: make([]Affine, n), batch: newBatch(n)}
	defer c.clear()
	for at := 0; at < len(dst); at += batchSize {
		end := min(at+batchSize, len(dst))
		if c.run(dst[at:end], ks[at:end]) {
			continue
		}
		// A scalar is 0, or one of the few whose partial sums meet an entry of the table.
		p := new(Point)
		for i := at; i < end; i++ {
			var ok bool
			if dst[i], ok = p.ScalarMult(&ks[i], t[0][0].Point()).Affine(); !ok {
				return ErrIdentity
			}
		}
	}
	return nil
}

// comber multiplies one point by many scalars, all in lockstep.
type comber struct {
	table *Table
	u     []Scalar // of comb
	sum   []Affine
	batch *batch
}

func (c *comber) clear() {
	clear(c.u)
	clear(c.sum)
	c.batch.clear()
}

func (c *comber) run(dst []Affine, ks []Scalar) bool {
	sum := c.sum[:len(dst)]
	for i := range ks {
		c.u[i].comb(&ks[i])
		c.gather(&dst[i], i, 0)
	}
	for w := 1; w < combDigits; w++ {
		for i := range sum {
			c.gather(&sum[i], i, w)
		}
		if !c.batch.add(dst, sum) {
			return false
		}
	}
	for i := range dst {
		dst[i].normalize()
	}
	return true
}

//go:noinline
func (c *comber) gather(p *Affine, i, w int) {
	p.gather(c.table[w][:], c.u[i].digit(w, combWindow))
}
