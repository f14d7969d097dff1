package dkls23

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha512"
	"math/big"
	"testing"

	"golang.org/x/crypto/chacha20poly1305"

	"tandem/go/internal/plain"
	"tandem/go/secp256k1"
	"tandem/go/transcript"
)

// This file is the protocol once more, written from the documentation of packages ot, vole and dkls23 alone, as plainly as
// possible: scalars are big.Ints, OTs go one at a time. The messages and the signature of the real code must be the same,
// byte by byte. It takes only single points, hash-to-curve and streams from the project; those have their own tests.

var (
	mod, add, sub, mul, inverse = plain.Mod, plain.Add, plain.Sub, plain.Mul, plain.Inverse
	number, uniform, encode     = plain.Number, plain.Uniform, plain.Encode
	u32, join, bitOf            = plain.U32, plain.Join, plain.Bit
	expand, hash, hashScalar    = plain.Expand, plain.Hash, plain.HashScalar
	times, plus, minus, xOf, G  = plain.Times, plain.Plus, plain.Minus, plain.X, plain.G
)

// referenceOT is what both sides of a batch of n OTs hash with.
type referenceOT struct {
	id []byte
	n  int
}

func (o *referenceOT) point(i, b int, r plain.Point) plain.Point {
	p, err := transcript.Point("OT-POINT", o.id, u32(i), []byte{byte(b)}, r.Bytes())
	if err != nil {
		panic(err)
	}
	return p
}

// key returns the key of OT i for b: three scalars.
func (o *referenceOT) key(T []byte, B plain.Point, i, b int, k plain.Point) (scalars [3]*big.Int) {
	key := expand("OT-KEY", 144, o.id, T, B.Bytes(), u32(i), []byte{byte(b)}, k.Bytes())
	for n := range scalars {
		scalars[n] = uniform(key[48*n:][:48])
	}
	return scalars
}

func (o *referenceOT) gadget(T []byte) []*big.Int {
	g := make([]*big.Int, o.n)
	for j := range g {
		g[j] = hashScalar("VOLE-GADGET", o.id, T, u32(0), u32(j))
	}
	return g
}

func referenceTheta(sid, T []byte, B plain.Point, tau []byte) [2]*big.Int {
	b := expand("VOLE-THETA", 96, sid, T, B.Bytes(), u32(0), tau)
	return [2]*big.Int{uniform(b[:48]), uniform(b[48:])}
}

// referenceReceiver is the receiver of an RVOLE.
type referenceReceiver struct {
	referenceOT
	choices []byte
	x       []*big.Int
	others  [][]byte // what the r_{1-c} are made from
	message []byte
	T       []byte
	gadget  []*big.Int
	chi     *big.Int
}

func newReferenceReceiver(id []byte, n int, draw plain.Draws) *referenceReceiver {
	v := &referenceReceiver{referenceOT: referenceOT{id, n}, choices: draw.Bytes((n + 7) / 8), chi: new(big.Int)}
	for range n {
		v.x = append(v.x, draw.Scalar())
	}
	for range n {
		v.others = append(v.others, draw.Bytes(96))
	}
	signs := make([]byte, (2*n+7)/8)
	for i := range n {
		c := bitOf(v.choices, i)
		var r [2]plain.Point
		r[1-c] = plain.Map(v.others[i])
		r[c] = minus(times(v.x[i], G), v.point(i, c, r[1-c]))
		for b := range r {
			encoded := r[b].Bytes()
			v.message = append(v.message, encoded[1:]...)
			signs[(2*i+b)/8] |= (encoded[0] & 1) << ((2*i + b) % 8)
		}
	}
	v.message = append(v.message, signs...)
	v.T = hash("OT-REQUEST", id, v.message)
	v.gadget = v.referenceOT.gadget(v.T)
	for j, g := range v.gadget {
		if bitOf(v.choices, j) == 1 {
			v.chi = add(v.chi, g)
		}
	}
	return v
}

// finish returns d.
func (v *referenceReceiver) finish(t testing.TB, sid []byte, sent *referenceSent) (d [2]*big.Int) {
	theta := referenceTheta(sid, v.T, sent.B, sent.tau)
	d = [2]*big.Int{new(big.Int), new(big.Int)}
	var rows []byte
	for j := range v.n {
		b := bitOf(v.choices, j)
		row, sum := v.key(v.T, sent.B, j, b, times(v.x[j], sent.B)), new(big.Int)
		if b == 1 {
			sum = number(sent.eta)
			for n := range row {
				row[n] = add(row[n], number(sent.tau[32*(3*j+n):][:32]))
			}
		}
		rows = append(rows, encode(sub(sum, add(row[2], mul(theta[0], row[0]), mul(theta[1], row[1]))))...)
		for n := range d {
			d[n] = add(d[n], mul(v.gadget[j], row[n]))
		}
	}
	if !bytes.Equal(hash("VOLE-MU", sid, u32(0), rows), sent.mu) {
		t.Fatal("reference: μ")
	}
	return d
}

// referenceSender is the sender of an RVOLE, before it has sent anything.
type referenceSender struct {
	referenceOT
	sid, T []byte
	y      *big.Int
	B      plain.Point
	keys   [][2][3]*big.Int
	alpha  [3]*big.Int // a, â
	gadget []*big.Int
}

// referenceSent is what it sends.
type referenceSent struct {
	B            plain.Point
	tau, eta, mu []byte
}

func newReferenceSender(t testing.TB, id, sid []byte, n int, message []byte, a [2]*big.Int, draw plain.Draws) *referenceSender {
	s := &referenceSender{referenceOT: referenceOT{id, n}, sid: sid, T: hash("OT-REQUEST", id, message), y: draw.Scalar()}
	s.B = times(s.y, G)
	s.alpha = [3]*big.Int{a[0], a[1], draw.Scalar()}
	s.gadget = s.referenceOT.gadget(s.T)
	for i := range n {
		var r [2]plain.Point
		for b := range r {
			at := 2*i + b
			sign := message[64*n+at/8] >> (at % 8) & 1
			p, err := new(secp256k1.Point).SetBytes(join([]byte{2 + sign}, message[32*at:32*at+32]))
			if err != nil {
				t.Fatal(err)
			}
			r[b] = p
		}
		var keys [2][3]*big.Int
		for b := range r {
			keys[b] = s.key(s.T, s.B, i, b, times(s.y, plus(r[b], s.point(i, b, r[1-b]))))
		}
		s.keys = append(s.keys, keys)
	}
	return s
}

// send returns the message and the output c. A sender that cheats adds 1 to the first correlation of OT cheat: to τ, and to
// nothing else.
func (s *referenceSender) send(cheat int) (*referenceSent, [2]*big.Int) {
	sent, c := &referenceSent{B: s.B}, [2]*big.Int{new(big.Int), new(big.Int)}
	for j, k := range s.keys {
		for n, a := range s.alpha {
			tau := add(sub(k[0][n], k[1][n]), a)
			if j == cheat && n == 0 {
				tau = add(tau, big.NewInt(1))
			}
			sent.tau = append(sent.tau, encode(tau)...)
		}
	}
	theta := referenceTheta(s.sid, s.T, s.B, sent.tau)
	sent.eta = encode(add(s.alpha[2], mul(theta[0], s.alpha[0]), mul(theta[1], s.alpha[1])))
	var rows []byte
	for j, k := range s.keys {
		rows = append(rows, encode(sub(new(big.Int), add(k[0][2], mul(theta[0], k[0][0]), mul(theta[1], k[0][1]))))...)
		for n := range c {
			c[n] = sub(c[n], mul(s.gadget[j], k[0][n]))
		}
	}
	sent.mu = hash("VOLE-MU", s.sid, u32(0), rows)
	return sent, c
}

// referenceParty is one signer.
type referenceParty struct {
	// what is given
	index int
	x     *big.Int
	seeds map[int][]byte // in common with each other signer
	fresh []byte

	seed, salt           []byte
	r, phi               *big.Int
	R, pk                plain.Point
	com, digest          []byte
	sk                   *big.Int
	receivers            map[int]*referenceReceiver
	senders              map[int]*referenceSender
	sent                 map[int]*referenceSent
	c, d                 map[int][2]*big.Int
	psi                  map[int]*big.Int
	gammaU, gammaV       map[int]plain.Point
	boxKeys, plain, tags map[int][]byte
	u, v, w              *big.Int
	messages             [4][]byte
}

// execution is all that happens in one signature.
type execution struct {
	// what is given
	keyID, chainCode []byte
	Q                plain.Point
	signers          []int
	digest           []byte
	path             []uint32
	ots              int
	parties          map[int]*referenceParty

	terms, sid []byte
	tweak      *big.Int
	childQ     plain.Point
	m, r, s    *big.Int
	R          plain.Point
	finalS     *big.Int
	yParity    byte
}

func (e *execution) others(i int) []int {
	var list []int
	for _, j := range e.signers {
		if j != i {
			list = append(list, j)
		}
	}
	return list
}

func (e *execution) otID(receiver *referenceParty, sender int) []byte {
	return hash("DKLS23-OT", e.terms, u32(receiver.index), u32(sender), receiver.com)
}

func (e *execution) run(t testing.TB) {
	e.derive()
	for _, i := range e.signers {
		e.round1(t, e.parties[i])
	}
	var digests []byte
	for _, i := range e.signers {
		digests = append(digests, e.parties[i].digest...)
	}
	e.sid = hash("DKLS23-SID", e.terms, digests)
	for _, i := range e.signers {
		e.round2(t, e.parties[i])
	}
	e.round3(t)
	e.finish(t)
}

func (e *execution) derive() {
	e.tweak, e.childQ = new(big.Int), e.Q
	chainCode := e.chainCode
	var signers, path []byte
	for _, index := range e.path {
		mac := hmac.New(sha512.New, chainCode)
		mac.Write(e.childQ.Bytes())
		mac.Write(u32(int(index)))
		sum := mac.Sum(nil)
		e.tweak = add(e.tweak, number(sum[:32]))
		e.childQ = plus(e.childQ, times(number(sum[:32]), G))
		chainCode = sum[32:]
		path = append(path, u32(int(index))...)
	}
	for _, i := range e.signers {
		signers = append(signers, byte(i))
	}
	e.m = uniform(e.digest)
	e.terms = hash("DKLS23-TERM", e.keyID, signers, path, e.digest)
}

func (e *execution) round1(t testing.TB, p *referenceParty) {
	var err error
	p.seed, err = transcript.HedgedSeed(bytes.NewReader(p.fresh), "DKLS23-SEED", encode(p.x), e.terms)
	if err != nil {
		t.Fatal(err)
	}
	draw := plain.DrawFrom(p.seed, "DKLS23-SELF")
	p.salt, p.r, p.phi = draw.Bytes(32), draw.Scalar(), draw.Scalar()
	p.R = times(p.r, G)
	p.com = hash("DKLS23-COM", e.terms, u32(p.index), p.R.Bytes(), p.salt)
	p.receivers = map[int]*referenceReceiver{}
	transcripts, ots, all := map[int][]byte{}, map[int][]byte{}, []byte{}
	for _, j := range e.others(p.index) {
		v := newReferenceReceiver(e.otID(p, j), e.ots, plain.DrawFrom(draw.Bytes(32), "DKLS23-RECV"))
		p.receivers[j], transcripts[j], ots[j] = v, v.T, v.message
		all = append(all, v.T...)
	}
	p.digest = hash("DKLS23-MSG", e.terms, u32(p.index), p.com, all)
	path := e.path
	if path == nil {
		path = []uint32{}
	}
	p.messages[1] = plain.Message(map[int]any{
		1: 1, 2: "dkls23/1", 3: p.index, 4: map[int]any{1: e.keyID, 2: e.signers, 3: path, 4: e.digest},
		5: p.com, 6: transcripts, 7: ots,
	})
}

func (e *execution) round2(t testing.TB, p *referenceParty) {
	p.sk = p.x
	for _, j := range e.others(p.index) {
		p.sk = mul(p.sk, mul(big.NewInt(int64(j)), inverse(mod(big.NewInt(int64(j-p.index))))))
	}
	for _, j := range e.others(p.index) {
		z := hashScalar("DKLS23-ZERO", p.seeds[j], e.sid)
		if p.index < j {
			p.sk = add(p.sk, z)
		} else {
			p.sk = sub(p.sk, z)
		}
	}
	if p.index == e.signers[0] {
		p.sk = add(p.sk, e.tweak)
	}
	p.pk = times(p.sk, G)
	p.senders, p.sent = map[int]*referenceSender{}, map[int]*referenceSent{}
	p.c, p.psi = map[int][2]*big.Int{}, map[int]*big.Int{}
	p.gammaU, p.gammaV = map[int]plain.Point{}, map[int]plain.Point{}
	p.boxKeys, p.plain = map[int][]byte{}, map[int][]byte{}
	draw := plain.DrawFrom(hash("DKLS23-SEND", p.seed, e.sid), "DKLS23-SEND")
	digests, boxes := map[int][]byte{}, map[int][]byte{}
	for _, k := range e.signers {
		digests[k] = e.parties[k].digest
	}
	for _, j := range e.others(p.index) {
		other := e.parties[j]
		a := [2]*big.Int{p.r, p.sk}
		p.senders[j] = newReferenceSender(t, e.otID(other, p.index), e.sid, e.ots, other.receivers[p.index].message, a, draw)
		p.sent[j], p.c[j] = p.senders[j].send(-1)
		p.gammaU[j], p.gammaV[j] = times(p.c[j][0], G), times(p.c[j][1], G)
		p.psi[j] = sub(p.phi, p.receivers[j].chi)
		p.plain[j] = encodeContents(p, p.psi[j], p.gammaU[j], p.gammaV[j], p.sent[j])
		p.boxKeys[j] = hash("DKLS23-BOX", p.seeds[j], e.sid, u32(p.index), u32(j))
		boxes[j] = sealBox(p.boxKeys[j], p.plain[j])
	}
	p.messages[2] = plain.Message(map[int]any{1: 1, 2: "dkls23/2", 3: p.index, 4: digests, 5: boxes})
}

func encodeContents(p *referenceParty, psi *big.Int, gammaU, gammaV plain.Point, sent *referenceSent) []byte {
	return plain.Message(map[int]any{
		1: p.R.Bytes(), 2: p.salt, 3: p.pk.Bytes(), 4: encode(psi), 5: gammaU.Bytes(), 6: gammaV.Bytes(), 7: sent.B.Bytes(),
		8: map[int]any{1: sent.tau, 2: sent.eta, 3: sent.mu},
	})
}

func sealBox(key, plain []byte) []byte {
	aead, err := chacha20poly1305.New(key)
	if err != nil {
		panic(err)
	}
	return aead.Seal(nil, make([]byte, 12), plain, nil)
}

func (e *execution) round3(t testing.TB) {
	e.R = secp256k1.NewIdentity()
	pk := secp256k1.NewIdentity()
	for _, i := range e.signers {
		e.R = plus(e.R, e.parties[i].R)
		pk = plus(pk, e.parties[i].pk)
	}
	if pk.Equal(e.childQ) != 1 {
		t.Fatal("reference: Σ pk")
	}
	e.r = xOf(e.R)
	for _, i := range e.signers {
		p := e.parties[i]
		p.d, p.tags = map[int][2]*big.Int{}, map[int][]byte{}
		p.u, p.v = new(big.Int), new(big.Int)
		mask := p.phi
		for _, j := range e.others(i) {
			other, chi := e.parties[j], p.receivers[j].chi
			p.d[j] = p.receivers[j].finish(t, e.sid, other.sent[i])
			if minus(times(chi, other.R), other.gammaU[i]).Equal(times(p.d[j][0], G)) != 1 ||
				minus(times(chi, other.pk), other.gammaV[i]).Equal(times(p.d[j][1], G)) != 1 {
				t.Fatal("reference: Γ")
			}
			mask = add(mask, other.psi[i])
			p.u = add(p.u, p.c[j][0], p.d[j][0])
			p.v = add(p.v, p.c[j][1], p.d[j][1])
		}
		p.u = add(p.u, mul(p.r, mask))
		p.v = add(p.v, mul(p.sk, mask))
		p.w = add(mul(e.m, p.phi), mul(e.r, p.v))
		for _, j := range e.others(i) {
			p.tags[j] = hash("DKLS23-TAG", p.seeds[j], e.sid, u32(i), u32(j), encode(p.u), encode(p.w))
		}
		p.messages[3] = plain.Message(map[int]any{
			1: 1, 2: "dkls23/3", 3: i, 4: e.sid, 5: encode(p.u), 6: encode(p.w), 7: p.tags,
		})
	}
}

func (e *execution) finish(t testing.TB) {
	u, w := new(big.Int), new(big.Int)
	for _, i := range e.signers {
		u, w = add(u, e.parties[i].u), add(w, e.parties[i].w)
	}
	e.s = mul(w, inverse(u))
	point := plus(times(mul(e.m, inverse(e.s)), G), times(mul(e.r, inverse(e.s)), e.childQ))
	if point.Equal(e.R) != 1 {
		t.Fatal("reference: the signature is wrong")
	}
	e.finalS, e.yParity = e.s, e.R.Bytes()[0]&1
	if negated := sub(new(big.Int), e.s); negated.Cmp(e.s) < 0 {
		e.finalS, e.yParity = negated, 1^e.yParity
	}
}
