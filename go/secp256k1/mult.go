package secp256k1

import "sync"

// masks holds all ones at the index of a digit and zero elsewhere.
type masks [16]uint64

func (m *masks) set(index uint32) {
	for i := range m {
		m[i] = isEqual(index, uint32(i))
	}
}

// lookup sets r to the entry of a table of at most 16 that m points at, reading all of it.
//
//go:noinline
func (m *masks) lookup(r *field, table []field) {
	x := words(r)
	var x0, x1, x2, x3, x4 uint64
	for i := range table {
		t, k := words(&table[i]), m[i&15]
		x0 |= t[0] & k
		x1 |= t[1] & k
		x2 |= t[2] & k
		x3 |= t[3] & k
		x4 |= t[4] & k
	}
	x[0], x[1], x[2], x[3], x[4] = x0, x1, x2, x3, x4
}

// multiples holds a point's multiples by 1, 3, ..., 15, and beta times their x-coordinates: those of lambda times them.
type multiples struct{ x, y, betaX [multiplesSize]field }

const (
	multiplesSize = 1 << (glvWindow - 1)
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
	m.clear()
	return nil
}

// multiplier multiplies many points by one scalar, all in lockstep.
type multiplier struct {
	u, v     [glvDigits]digit
	multiple []multiples
	acc, sum []Affine
	batch    *batch
	masks    masks
	s        field
}

func newMultiplier(n int) *multiplier {
	return &multiplier{multiple: make([]multiples, n), acc: make([]Affine, n), sum: make([]Affine, n), batch: newBatch(n)}
}

func (m *multiplier) clear() {
	clear(m.u[:])
	clear(m.v[:])
	clear(m.acc)
	clear(m.sum)
	clear(m.masks[:])
}

func (m *multiplier) run(dst, points []Affine) bool {
	n := len(points)
	acc, sum := m.acc[:n], m.sum[:n]
	copy(acc, points)
	copy(sum, points)
	m.batch.double(sum)
	for j := range multiplesSize {
		for i := range n {
			m.store(i, j)
		}
		if j < multiplesSize-1 && !m.batch.add(acc, sum) {
			return false
		}
	}
	m.gather(acc, glvDigits-1)
	m.gatherLambda(sum, glvDigits-1)
	if !m.batch.add(acc, sum) {
		return false
	}
	for w := glvDigits - 2; w >= 0; w-- {
		for range glvWindow - 1 {
			m.batch.double(acc)
		}
		m.gather(sum, w)
		if !m.batch.doubleAdd(acc, sum) {
			return false
		}
		m.gatherLambda(sum, w)
		if !m.batch.add(acc, sum) {
			return false
		}
	}
	for i := range dst {
		dst[i] = acc[i]
		dst[i].normalize()
	}
	return true
}

//go:noinline
func (m *multiplier) store(i, j int) {
	t, p := &m.multiple[i], &m.acc[i]
	t.x[j].Set(&p.x)
	t.y[j].Set(&p.y)
	t.betaX[j].Mul2(&p.x, &beta)
}

// gather sets p to the multiples by digit w of the first half of the scalar.
func (m *multiplier) gather(p []Affine, w int) {
	d := &m.u[w]
	m.masks.set(d.index)
	for i := range p {
		m.gatherOne(&p[i], m.multiple[i].x[:], m.multiple[i].y[:], d.negative)
	}
}

// gatherLambda does the same for the second half.
func (m *multiplier) gatherLambda(p []Affine, w int) {
	d := &m.v[w]
	m.masks.set(d.index)
	for i := range p {
		m.gatherOne(&p[i], m.multiple[i].betaX[:], m.multiple[i].y[:], d.negative)
	}
}

//go:noinline
func (m *multiplier) gatherOne(p *Affine, x, y []field, negative uint64) {
	m.masks.lookup(&p.x, x)
	m.masks.lookup(&p.y, y)
	fieldCondNegate(&p.y, negative, &m.s)
}

// Table holds multiples of one point, so that multiplying it by many scalars needs no doublings. It takes 67 KB.
type Table struct {
	x, y [combDigits][tableSize]field // by (2j+1) 32^i
}

// NewTable returns the table of p, which must not be the identity.
func NewTable(p *Point) *Table {
	t := new(Table)
	b := newBatch(combDigits)
	acc, sum := make([]Affine, combDigits), make([]Affine, combDigits)
	q := new(Point).Set(p)
	for i := range acc {
		acc[i] = Affine{q.x, q.y}
		b.den[i].Set(&q.z)
		for range combWindow {
			q.Double(q)
		}
	}
	if !b.invertAll(combDigits) {
		panic("secp256k1: table of the identity")
	}
	for i := range acc {
		acc[i].x.Mul(&b.den[i])
		acc[i].y.Mul(&b.den[i])
	}
	copy(sum, acc)
	b.double(sum)
	for j := range tableSize {
		for i := range acc {
			t.x[i][j].Set(&acc[i].x)
			t.y[i][j].Set(&acc[i].y)
		}
		if j < tableSize-1 {
			b.add(acc, sum) // never fails: 2j+1 and 2 are no multiples of q
		}
	}
	return t
}

// BaseTable returns the table of the generator, which is made when it is first asked for.
var BaseTable = sync.OnceValue(func() *Table { return NewTable(NewGenerator()) })

// ScalarMult sets p = k times the table's point, in constant time, and returns p.
func (t *Table) ScalarMult(p *Point, k *Scalar) *Point {
	var u [combDigits]digit
	var m masks
	var a Affine
	var s field
	k.comb(&u)
	acc := NewIdentity()
	q := &Point{z: fieldOne}
	for i := range combDigits {
		m.set(u[i].index)
		m.lookup(&a.x, t.x[i][:])
		m.lookup(&a.y, t.y[i][:])
		fieldCondNegate(&a.y, u[i].negative, &s)
		q.x.Set(&a.x)
		q.y.Set(&a.y)
		acc.Add(acc, q)
	}
	clear(u[:])
	return p.Set(acc)
}

// ScalarMultBatch sets dst[i] = ks[i] times the table's point, in constant time. It returns [ErrIdentity] if a scalar is 0.
func (t *Table) ScalarMultBatch(dst []Affine, ks []Scalar) error {
	if len(dst) != len(ks) {
		panic("secp256k1: batches of different lengths")
	}
	n := min(len(dst), batchSize)
	c := &comber{table: t, u: make([][combDigits]digit, n), sum: make([]Affine, n), batch: newBatch(n)}
	for at := 0; at < len(dst); at += batchSize {
		end := min(at+batchSize, len(dst))
		if c.run(dst[at:end], ks[at:end]) {
			continue
		}
		// A scalar is 0, or one of the few whose partial sums meet an entry of the table.
		p := new(Point)
		for i := at; i < end; i++ {
			var ok bool
			if dst[i], ok = t.ScalarMult(p, &ks[i]).Affine(); !ok {
				return ErrIdentity
			}
		}
	}
	clear(c.u)
	clear(c.masks[:])
	return nil
}

// comber multiplies one point by many scalars, all in lockstep.
type comber struct {
	table *Table
	u     [][combDigits]digit
	sum   []Affine
	batch *batch
	masks masks
	s     field
}

func (c *comber) run(dst []Affine, ks []Scalar) bool {
	sum := c.sum[:len(dst)]
	for i := range ks {
		ks[i].comb(&c.u[i])
		c.gatherOne(&dst[i], i, 0)
	}
	for w := 1; w < combDigits; w++ {
		for i := range sum {
			c.gatherOne(&sum[i], i, w)
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
func (c *comber) gatherOne(p *Affine, i, w int) {
	d := &c.u[i][w]
	c.masks.set(d.index)
	c.masks.lookup(&p.x, c.table.x[w][:])
	c.masks.lookup(&p.y, c.table.y[w][:])
	fieldCondNegate(&p.y, d.negative, &c.s)
}
