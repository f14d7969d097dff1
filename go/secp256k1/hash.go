package secp256k1

// The simplified SWU map of RFC 9380, section 6.6.2, for the curve E': y^2 = x^3 + A'x + B' of section 8.7, and the
// 3-isogeny of appendix E.1 from E' to secp256k1. The isogeny is a homomorphism, so the two points of a hash are added on
// E' and mapped once. Its denominators are the square and the cube of x - x0, where x0 is the x-coordinate of its kernel.
var (
	isoA        = mustField("3f8731abdd661adca08a5558f0f5d272e953d363cb6f0e5d405447c01a444533")
	isoKernel   = mustField("89291c84de3e11f1041da6957255eed5fc964a4df050df221d6ad4ce6ab9c5a5") // x0
	sswuMinusBA = mustField("0bc56cee718538b2a00c4df5d3e87b0c6df4ff98e82d74fdaa01d58e8d2345c3") // -B'/A'
	sswuBZA     = mustField("bb407e4438dd90ca6ba40716591522757e5c173c7232ad8b6c8bcd97de490391") // B'/(Z A')
	sswuRoot    = mustField("25e9711ae8c0dadc46fdbcb72aadd8f4250b65073012ec80bc6ecb9c12973975") // sqrt(-Z^3)
	field256    = mustField("00000000000000000000000000000000000000000000000000000001000003d1") // 2^256

	isoX = [4]field{
		mustField("8e38e38e38e38e38e38e38e38e38e38e38e38e38e38e38e38e38e38daaaaa8c7"),
		mustField("07d3d4c80bc321d5b9f315cea7fd44c5d595d2fc0bf63b92dfff1044f17c6581"),
		mustField("534c328d23f234e6e2a413deca25caece4506144037c40314ecbd0b53d9dd262"),
		mustField("8e38e38e38e38e38e38e38e38e38e38e38e38e38e38e38e38e38e38daaaaa88c"),
	}
	isoY = [4]field{
		mustField("4bda12f684bda12f684bda12f684bda12f684bda12f684bda12f684b8e38e23c"),
		mustField("c75e0c32d5cb7c0fa9d0a54b12a0a6d5647ab046d686da6fdffc90fc201d71a3"),
		mustField("29a6194691f91a73715209ef6512e576722830a201be2018a765e85a9ecee931"),
		mustField("2f684bda12f684bda12f684bda12f684bda12f684bda12f684bda12f38e38d84"),
	}
)

const (
	isoB       = 1771
	sswuMinusZ = 11 // Z = -11
)

// MapToCurveBatch sets dst[i] to the point that the hash_to_curve of RFC 9380 gives for the uniform bytes
// uniform[96i:96i+96], in constant time: two field elements, the simplified SWU map of both, their sum. It panics if uniform
// has another length. It returns [ErrIdentity] if a result is the identity, and likewise if both field elements of one
// point map to the same or to opposite points of E': that happens with probability 2^-254.
func MapToCurveBatch(dst []Affine, uniform []byte) error {
	if len(uniform) != 2*UniformSize*len(dst) {
		panic("secp256k1: MapToCurveBatch wants 96 bytes a point")
	}
	n := min(len(dst), batchSize)
	m := &mapper{u: make([]field, 2*n), zu2: make([]field, 2*n), q: make([]Affine, 2*n), batch: newBatch(2 * n)}
	defer m.clear()
	for at := 0; at < len(dst); at += batchSize {
		end := min(at+batchSize, len(dst))
		if err := m.run(dst[at:end], uniform[2*UniformSize*at:]); err != nil {
			return err
		}
	}
	return nil
}

// mapper is the scratch of a batch of maps. The first halves of its slices belong to the first field element of each
// point, the second halves to the second.
type mapper struct {
	u, zu2  []field
	q       []Affine
	batch   *batch
	s, t, w field
}

func (m *mapper) clear() {
	clear(m.u)
	clear(m.zu2)
	clear(m.q)
	m.batch.clear()
	m.s, m.t, m.w = field{}, field{}, field{}
}

func (m *mapper) run(dst []Affine, uniform []byte) error {
	n := len(dst)
	for i := range n {
		m.load(i, (*[UniformSize]byte)(uniform[2*UniformSize*i:]))
		m.load(n+i, (*[UniformSize]byte)(uniform[2*UniformSize*i+UniformSize:]))
	}
	exceptional := !m.batch.invertAll(2 * n)
	for i := range 2 * n {
		if exceptional {
			m.loadAlone(i)
		}
		m.swu(i)
	}
	if !m.batch.add(m.q[:n], m.q[n:2*n]) {
		return ErrIdentity
	}
	for i := range n {
		m.batch.den[i].Sub(&m.q[i].x, &isoKernel)
	}
	if !m.batch.invertAll(n) {
		return ErrIdentity
	}
	for i := range n {
		m.isogeny(&dst[i], &m.q[i], &m.batch.den[i])
	}
	return nil
}

// load reads u = OS2IP(48 bytes) mod p, and prepares the inversion of Z^2 u^4 + Z u^2.
//
//go:noinline
func (m *mapper) load(i int, b *[UniformSize]byte) {
	u, zu2, den := &m.u[i], &m.zu2[i], &m.batch.den[i]
	var hi [32]byte
	copy(hi[16:], b[:16])
	u.SetBytes(&hi)
	u.Mul(u, &field256)
	m.t.SetBytes((*[32]byte)(b[16:]))
	u.Add(u, &m.t)
	u.Normalize()
	zu2.Square(u)
	zu2.MulInt(zu2, sswuMinusZ)
	zu2.Negate(zu2)
	den.Square(zu2)
	den.Add(den, zu2)
}

// loadAlone makes up for a batch in which an inversion failed: only u = 0 does that in practice.
func (m *mapper) loadAlone(i int) {
	t := &m.t
	t.Square(&m.zu2[i])
	t.Add(t, &m.zu2[i])
	m.batch.den[i].Invert(t)
}

// swu sets q[i] to the simplified SWU map of u[i] on E'. At its start den[i] is 1/(Z^2 u^4 + Z u^2), or 0.
//
//go:noinline
func (m *mapper) swu(i int) {
	u, zu2, q := &m.u[i], &m.zu2[i], &m.q[i]
	inv, s, t, w := &m.batch.den[i], &m.s, &m.t, &m.w

	// x1 = -B'/A' (1 + inv), or B'/(Z A') if inv is 0.
	t.Set(inv)
	t.Normalize()
	zero := t.IsZero()
	t.Add(t, &fieldOne)
	t.Mul(t, &sswuMinusBA)
	q.x.Select(&sswuBZA, t, zero)

	// s = gx1 = x1^3 + A' x1 + B', and w = sqrt(gx1) or sqrt(-gx1).
	s.Square(&q.x)
	s.Add(s, &isoA)
	s.Mul(s, &q.x)
	s.AddInt(isoB)
	w.Sqrt(s)
	t.Square(w)
	square := t.Equal(s)

	// If gx1 is not a square, gx2 = (Z u^2)^3 gx1 = (w u^3)^2 (-Z^3) is one, and x2 = Z u^2 x1.
	t.Square(u)
	t.Mul(t, u)
	t.Mul(t, &sswuRoot)
	t.Mul(t, w)
	q.y.Select(w, t, square)
	t.Mul(zu2, &q.x)
	q.x.Select(&q.x, t, square)

	// sgn0(y) = sgn0(u).
	q.y.Normalize()
	q.y.CondNegate(-uint64(q.y.IsOdd() ^ u.IsOdd()))
}

// isogeny sets p to the image of q, given 1/(q.x - x0).
//
//go:noinline
func (m *mapper) isogeny(p, q *Affine, inv *field) {
	horner(&m.s, &isoX, &q.x)
	horner(&m.t, &isoY, &q.x)
	m.w.Square(inv)
	p.x.Mul(&m.s, &m.w)
	p.x.Normalize()
	m.w.Mul(&m.w, inv)
	m.t.Mul(&m.t, &m.w)
	p.y.Mul(&q.y, &m.t)
	p.y.Normalize()
}

// horner sets r = k[0] + k[1] x + k[2] x^2 + k[3] x^3.
func horner(r *field, k *[4]field, x *field) {
	r.Mul(&k[3], x)
	for i := 2; i >= 0; i-- {
		r.Add(r, &k[i])
		if i > 0 {
			r.Mul(r, x)
		}
	}
}
