package onecall

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"math/big"
	"testing"

	"golang.org/x/crypto/chacha20"

	"tandem/go/internal/plain"
	"tandem/go/secp256k1"
	"tandem/go/transcript"
)

// This file is the set-up of a correlation and the protocol once more, written from the documentation of packages ot,
// correlation and onecall alone, as plainly as possible: scalars are big.Ints, trees are grown leaf by leaf. The messages, the
// correlation and the signatures of the real code must be the same, byte by byte. It takes only single points,
// hash-to-curve and streams from the project; those have their own tests.

var (
	mod, add, sub, mul, inverse       = plain.Mod, plain.Add, plain.Sub, plain.Mul, plain.Inverse
	encode, uniform, u32, join, bitOf = plain.Encode, plain.Uniform, plain.U32, plain.Join, plain.Bit
	expand, hashScalar                = plain.Expand, plain.HashScalar
	times, plus, minus, xOf, G        = plain.Times, plain.Plus, plain.Minus, plain.X, plain.G
)

// chacha is n bytes of the key stream of a key and a nonce, from the block of that number on.
func chacha(key, nonce []byte, block uint32, n int) []byte {
	cipher, err := chacha20.NewUnauthenticatedCipher(key, nonce)
	if err != nil {
		panic(err)
	}
	cipher.SetCounter(block)
	out := make([]byte, n)
	cipher.XORKeyStream(out, out)
	return out
}

func hkdfOf(x *big.Int, info string, id []byte, n int) []byte {
	out, err := hkdf.Key(sha256.New, encode(x), nil, info+string(id), n)
	if err != nil {
		panic(err)
	}
	return out
}

func xor(parts ...[]byte) []byte {
	out := make([]byte, len(parts[0]))
	for _, part := range parts {
		for i := range out {
			out[i] ^= part[i]
		}
	}
	return out
}

// children are the two of a node.
func children(node []byte) (left, right []byte) {
	block := chacha(node, make([]byte, 12), 0, 64)
	return block[:32], block[32:]
}

func checkOf(leaf []byte) []byte {
	sum := sha256.Sum256(append([]byte("TANDEM-V1-CORR-CHECK"), leaf...))
	return sum[:]
}

func proof(label string, base plain.Point, x, nonce *big.Int, context ...[]byte) []byte {
	parts := [][]byte{base.Bytes(), times(x, base).Bytes(), times(nonce, base).Bytes()}
	c := hashScalar(label, append(parts, context...)...)
	return join(encode(c), encode(add(nonce, mul(c, x))))
}

func hedged(t testing.TB, fresh []byte, label string, secret, received []byte) []byte {
	t.Helper()
	seed, err := transcript.HedgedSeed(bytes.NewReader(fresh), label, secret, received)
	if err != nil {
		t.Fatal(err)
	}
	return seed
}

// pair is two signers of a key.
type pair struct {
	keyID, chainCode []byte
	Q                plain.Point
	epoch            int
	user, action     int
	xU, xA           *big.Int
}

// lambda is the Lagrange coefficient of i for the set of i and j.
func lambda(i, j int) *big.Int {
	return mul(big.NewInt(int64(j)), inverse(mod(big.NewInt(int64(j-i)))))
}

func (p *pair) tU() *big.Int { return mul(lambda(p.user, p.action), p.xU) }
func (p *pair) tA() *big.Int { return mul(lambda(p.action, p.user), p.xA) }

// setUp is all that happens in a set-up.
type setUp struct {
	*pair
	// what is given
	hedge, freshUser, freshAction []byte

	// user
	seedUser, nonce, choices []byte
	x                        []*big.Int
	others                   [][]byte // what the r_{1-c} are made from
	ot, T, request           []byte

	// both
	mHash, id []byte

	// action
	K                   []byte
	y                   *big.Int
	B                   plain.Point
	trees               [72][64][]byte // leaves
	encrypted           []byte
	checks              [72][64][]byte
	sums, all, digest   []byte
	seedAction, proofOf []byte
	proofNonce          *big.Int
	answer              []byte

	// user
	digits      []byte
	nodes       []byte
	seed        []byte
	gadget      []*big.Int
	beta, delta *big.Int
	macKey      []byte
	correlation []byte
}

func (s *setUp) run(t testing.TB) {
	s.makeRequest(t)
	s.makeAnswer(t)
	s.accept(t)
}

func (s *setUp) otHash(i, b int, r plain.Point) plain.Point {
	p, err := transcript.Point("OT-POINT", s.nonce, u32(i), []byte{byte(b)}, r.Bytes())
	if err != nil {
		panic(err)
	}
	return p
}

func (s *setUp) otKey(i, b int, k plain.Point) []byte {
	return expand("OT-KEY", 32, s.nonce, s.T, s.B.Bytes(), u32(i), []byte{byte(b)}, k.Bytes())
}

func (s *setUp) makeRequest(t testing.TB) {
	s.seedUser = hedged(t, s.freshUser, "CORR-USER", s.hedge, u32(s.action))
	draw := plain.DrawFrom(s.seedUser, "CORR-USER")
	s.nonce = draw.Bytes(32)
	s.choices = draw.Bytes(54)
	for range 432 {
		s.x = append(s.x, draw.Scalar())
	}
	for range 432 {
		s.others = append(s.others, draw.Bytes(96))
	}
	signs := make([]byte, 2*432/8)
	for i := range 432 {
		c := bitOf(s.choices, i)
		var r [2]plain.Point
		r[1-c] = plain.Map(s.others[i])
		r[c] = minus(times(s.x[i], G), s.otHash(i, c, r[1-c]))
		for b := range 2 {
			encoded := r[b].Bytes()
			s.ot = append(s.ot, encoded[1:]...)
			if encoded[0] == 3 {
				signs[(2*i+b)/8] |= 1 << ((2*i + b) % 8)
			}
		}
	}
	s.ot = append(s.ot, signs...)
	s.T = expand("OT-REQUEST", 32, s.nonce, s.ot)
	s.request = plain.Message(map[int]any{1: 1, 2: "correlation/request", 3: s.nonce, 4: s.ot})
	s.mHash = expand("CORR-M", 32, s.request)
	s.id = expand("CORR-ID", 32, u32(1), s.mHash, s.keyID, u32(s.epoch), u32(s.user), u32(s.action))
}

// node returns the node of tree c that the lowest bits of place lead to, the highest of them first.
func (s *setUp) node(c, depth, place int) []byte {
	node := chacha(s.K, make([]byte, 12), 0, 72*32)[32*c : 32*c+32]
	for l := depth - 1; l >= 0; l-- {
		left, right := children(node)
		node = left
		if place>>l&1 == 1 {
			node = right
		}
	}
	return node
}

func (s *setUp) makeAnswer(t testing.TB) {
	s.K = hkdfOf(s.xA, "onecall-v1-K", s.id, 32)
	s.y = uniform(hkdfOf(s.xA, "onecall-v1-y", s.id, 48))
	s.B = times(s.y, G)
	var everything []byte
	for c := range 72 {
		for l := range 6 {
			i := 6*c + l
			var r [2]plain.Point
			for b := range 2 {
				at := 2*i + b
				sign := s.ot[64*432+at/8] >> (at % 8) & 1
				var err error
				if r[b], err = new(secp256k1.Point).SetBytes(join([]byte{2 + sign}, s.ot[32*at:32*at+32])); err != nil {
					t.Fatal(err)
				}
			}
			for b := range 2 {
				sum := make([]byte, 32)
				for place := b; place < 2<<l; place += 2 {
					sum = xor(sum, s.node(c, l+1, place))
				}
				key := s.otKey(i, b, times(s.y, plus(r[b], s.otHash(i, b, r[1-b]))))
				s.encrypted = append(s.encrypted, xor(sum, key)...)
			}
		}
		for x := range 64 {
			s.trees[c][x] = s.node(c, 6, x)
			s.checks[c][x] = checkOf(s.trees[c][x])
			everything = append(everything, s.checks[c][x]...)
		}
		s.sums = append(s.sums, xor(s.checks[c][:]...)...)
	}
	s.all = expand("CORR-ALL", 32, s.id, everything)
	s.digest = expand("CORR-ANSWER", 32, s.id, s.B.Bytes(), s.encrypted, s.sums, s.all)
	s.seedAction = hedged(t, s.freshAction, "CORR-ACT", encode(s.xA), s.digest)
	s.proofNonce = plain.DrawFrom(s.seedAction, "CORR-ACT").Scalar()
	s.proofOf = proof("CORR-PROOF", G, s.xA, s.proofNonce, s.digest, u32(s.action))
	s.answer = plain.Message(map[int]any{
		1: 1, 2: "correlation/answer", 3: s.B.Bytes(), 4: s.encrypted, 5: s.sums, 6: s.all, 7: s.proofOf,
	})
}

func (s *setUp) accept(t testing.TB) {
	for c := range 72 {
		digit := 0
		known := map[[2]int][]byte{} // nodes of tree c, by depth and place
		for l := range 6 {
			i := 6*c + l
			choice := bitOf(s.choices, i)
			bit := 1 - choice
			sum := xor(s.encrypted[64*i+32*choice:][:32], s.otKey(i, choice, times(s.x[i], s.B)))
			for place := range 1 << l {
				if place != digit {
					known[[2]int{l + 1, 2 * place}], known[[2]int{l + 1, 2*place + 1}] = children(known[[2]int{l, place}])
				}
			}
			digit = 2*digit + bit
			for place := choice; place < 2<<l; place += 2 {
				if place != digit^1 {
					sum = xor(sum, known[[2]int{l + 1, place}])
				}
			}
			known[[2]int{l + 1, digit ^ 1}] = sum
			s.nodes = append(s.nodes, sum...)
		}
		s.digits = append(s.digits, byte(digit))
		missing := s.sums[32*c : 32*c+32]
		for x := range 64 {
			if x == digit {
				continue
			}
			if !bytes.Equal(known[[2]int{6, x}], s.trees[c][x]) {
				t.Fatalf("reference: leaf %d of tree %d", x, c)
			}
			missing = xor(missing, s.checks[c][x])
		}
		if !bytes.Equal(missing, s.checks[c][digit]) {
			t.Fatalf("reference: missing check value of tree %d", c)
		}
	}
	s.seed = expand("CORR-SEED", 32, s.seedUser)
	gadget := expand("CORR-GADGET", 72*32, s.seed, s.id)
	s.beta = new(big.Int)
	for c := range 72 {
		s.gadget = append(s.gadget, uniform(gadget[32*c:32*c+32]))
		s.beta = add(s.beta, mul(s.gadget[c], big.NewInt(int64(s.digits[c]))))
	}
	s.delta = sub(s.tU(), s.beta)
	s.macKey = expand("CORR-MAC", 32, s.id, join(s.checks[0][:]...))
	s.correlation = plain.Message(map[int]any{
		1: 1, 2: "correlation", 3: s.id, 4: s.keyID, 5: s.epoch, 6: []int{s.user, s.action}, 7: s.seed, 8: encode(s.delta),
		9: s.macKey, 10: s.digits, 11: s.nodes,
	})
}

// execution is all that happens in one call.
type execution struct {
	*setUp
	// what is given
	digests                     [][]byte
	path                        []uint32
	freshRequest, freshResponse []byte
	inputs                      []byte

	// both
	tweak                  *big.Int
	childQ                 plain.Point
	terms, sid, ssid       []byte
	pathBytes, digestBytes []byte

	// user
	seedRequest []byte
	nonceU      []byte
	k           []*big.Int
	proofNonceU []*big.Int
	D           []plain.Point
	proofU      [][]byte
	request     []byte

	// action
	seedResponse []byte
	kPrime, kA   []*big.Int
	RPrime, R    []plain.Point
	r, a         []*big.Int
	proofNonceA  []*big.Int
	proofA       [][]byte
	hat          *big.Int
	rho          []byte
	tau          []byte
	v            [][]*big.Int // by tree and h
	T            []byte
	theta        []*big.Int
	etaHat       *big.Int
	mu           []byte
	w, eta       []*big.Int
	gamma        []plain.Point
	mac          []byte
	response     []byte

	// user
	e      [][]*big.Int
	E      []*big.Int
	s      []*big.Int
	finalS []*big.Int
	parity []byte
}

func (e *execution) run(t testing.TB) {
	e.derive()
	e.makeRequest(t)
	e.makeResponse(t, func() {})
	e.finish(t)
}

func (e *execution) H(label string, i int, p plain.Point) *big.Int {
	return hashScalar(label, e.ssid, u32(i), p.Bytes())
}

func (e *execution) derive() {
	e.tweak, e.childQ = new(big.Int), e.Q
	chainCode := e.chainCode
	for _, index := range e.path {
		mac := hmac.New(sha512.New, chainCode)
		mac.Write(e.childQ.Bytes())
		mac.Write(u32(int(index)))
		sum := mac.Sum(nil)
		step := new(big.Int).SetBytes(sum[:32])
		e.tweak = add(e.tweak, step)
		e.childQ = plus(e.childQ, times(step, G))
		chainCode = sum[32:]
		e.pathBytes = append(e.pathBytes, u32(int(index))...)
	}
	e.digestBytes = join(e.digests...)
	e.terms = expand("ONE-TERMS", 32, e.keyID, u32(e.user), u32(e.action), e.id, e.pathBytes, e.digestBytes)
}

func (e *execution) makeRequest(t testing.TB) {
	e.seedRequest = hedged(t, e.freshRequest, "ONE-USER", encode(e.xU), e.terms)
	draw := plain.DrawFrom(e.seedRequest, "ONE-USER")
	e.nonceU = draw.Bytes(32)
	e.sid = expand("ONE-SID", 32, e.terms, e.nonceU)
	var items []map[int]any
	var points []byte
	for i := range e.digests {
		k := draw.Scalar()
		nonce := draw.Scalar()
		D := times(k, G)
		e.k, e.proofNonceU, e.D = append(e.k, k), append(e.proofNonceU, nonce), append(e.D, D)
		e.proofU = append(e.proofU, proof("ONE-POK-U", G, k, nonce, e.sid, u32(e.user), u32(i)))
		items = append(items, map[int]any{1: D.Bytes(), 2: e.proofU[i]})
		points = append(points, D.Bytes()...)
	}
	e.request = plain.Message(map[int]any{
		1: 1, 2: "onecall/request", 3: e.keyID, 4: []int{e.user, e.action}, 5: e.id, 6: e.seed, 7: encode(e.delta),
		8: e.nonceU, 9: items,
	})
	e.ssid = expand("ONE-SSID", 32, e.sid, e.pathBytes, e.digestBytes, e.seed, encode(e.delta), points)
}

// pad is p_{c,x,h}, of the leaf at x of tree c.
func (e *execution) pad(c, x, h int) *big.Int {
	b := h / 2
	counter := uint32(b) | uint32(e.rho[12])<<8 | uint32(e.rho[13])<<16 | uint32(e.rho[14])<<24
	return uniform(chacha(e.trees[c][x], e.rho[:12], counter, 64)[32*(h%2):][:32])
}

// makeResponse makes the response. cheat may change τ and v once they are there.
func (e *execution) makeResponse(t testing.TB, cheat func()) {
	n := len(e.digests)
	received := join(e.ssid, expand("ONE-INPUT", 32, e.request, e.inputs))
	e.seedResponse = hedged(t, e.freshResponse, "ONE-ACT", join(encode(e.xA), e.K), received)
	draw := plain.DrawFrom(e.seedResponse, "ONE-ACT")
	var points []byte
	for i := range n {
		kPrime, nonce := draw.Scalar(), draw.Scalar()
		RPrime := times(kPrime, e.D[i])
		kA := add(e.H("ONE-R", i, RPrime), kPrime)
		R := times(kA, e.D[i])
		r := xOf(R)
		e.kPrime, e.kA, e.RPrime, e.R = append(e.kPrime, kPrime), append(e.kA, kA), append(e.RPrime, RPrime), append(e.R, R)
		e.r, e.a, e.proofNonceA = append(e.r, r), append(e.a, mul(r, inverse(kA))), append(e.proofNonceA, nonce)
		e.proofA = append(e.proofA, proof("ONE-POK-A", e.D[i], kA, nonce, e.ssid, u32(e.action), u32(i)))
		points = append(points, RPrime.Bytes()...)
	}
	e.hat = draw.Scalar()
	e.rho = expand("ONE-RHO", 32, e.ssid, points)[:15]

	alpha := append(append([]*big.Int{}, e.a...), e.hat)
	for c := range 72 {
		var row []*big.Int
		for h := range alpha {
			sum, weighted := new(big.Int), new(big.Int)
			for x := range 64 {
				p := e.pad(c, x, h)
				sum, weighted = add(sum, p), add(weighted, mul(big.NewInt(int64(x)), p))
			}
			e.tau = append(e.tau, encode(sub(alpha[h], sum))...)
			row = append(row, weighted)
		}
		e.v = append(e.v, row)
	}
	cheat()
	e.T = expand("CORR-TAU", 32, e.ssid, e.rho, e.tau)
	theta := expand("CORR-THETA", 48*n, e.T)
	e.etaHat = e.hat
	for h := range n {
		e.theta = append(e.theta, uniform(theta[48*h:48*h+48]))
		e.etaHat = add(e.etaHat, mul(e.theta[h], e.a[h]))
	}
	var rows []byte
	for c := range 72 {
		sum := e.v[c][n]
		for h := range n {
			sum = add(sum, mul(e.theta[h], e.v[c][h]))
		}
		rows = append(rows, encode(sum)...)
	}
	e.mu = expand("CORR-MU", 32, e.ssid, rows)

	TU := times(e.tU(), G)
	tA := add(e.tA(), e.tweak)
	var items []map[int]any
	rest := join(encode(e.etaHat), e.mu)
	for i := range n {
		V := new(big.Int)
		for c := range 72 {
			V = add(V, mul(e.gadget[c], e.v[c][i]))
		}
		w := add(V, mul(e.a[i], e.delta))
		gamma := minus(times(e.a[i], TU), times(w, G))
		m := uniform(e.digests[i])
		eta := add(mul(add(m, mul(e.r[i], tA)), inverse(e.kA[i])), w, e.H("ONE-GAMMA", i, gamma))
		e.w, e.gamma, e.eta = append(e.w, w), append(e.gamma, gamma), append(e.eta, eta)
		items = append(items, map[int]any{1: e.RPrime[i].Bytes(), 2: e.proofA[i], 3: encode(eta)})
		rest = join(rest, e.RPrime[i].Bytes(), e.proofA[i], encode(eta))
	}
	mac := hmac.New(sha256.New, e.macKey)
	mac.Write(join(e.ssid, e.T, rest))
	e.mac = mac.Sum(nil)
	e.response = plain.Message(map[int]any{
		1: 1, 2: "onecall/response", 3: e.sid, 4: e.digests, 5: e.tau, 6: encode(e.etaHat), 7: e.mu, 8: items, 9: e.mac,
	})
}

func (e *execution) finish(t testing.TB) {
	n := len(e.digests)
	var rows []byte
	for c := range 72 {
		digit := int(e.digits[c])
		var row []*big.Int
		for h := range n + 1 {
			sum := mul(big.NewInt(int64(digit)), new(big.Int).SetBytes(e.tau[32*((n+1)*c+h):][:32]))
			for x := range 64 {
				if x != digit {
					sum = add(sum, mul(mod(big.NewInt(int64(digit-x))), e.pad(c, x, h)))
				}
			}
			row = append(row, sum)
		}
		e.e = append(e.e, row)
		sum := sub(mul(big.NewInt(int64(digit)), e.etaHat), row[n])
		for h := range n {
			sum = sub(sum, mul(e.theta[h], row[h]))
		}
		rows = append(rows, encode(sum)...)
	}
	if !bytes.Equal(expand("CORR-MU", 32, e.ssid, rows), e.mu) {
		t.Fatal("reference: μ")
	}
	for i := range n {
		R := plus(times(e.H("ONE-R", i, e.RPrime[i]), e.D[i]), e.RPrime[i])
		if R.Equal(e.R[i]) != 1 {
			t.Fatal("reference: R")
		}
		E := new(big.Int)
		for c := range 72 {
			E = add(E, mul(e.gadget[c], e.e[c][i]))
		}
		point := times(E, G)
		if point.Equal(e.gamma[i]) != 1 {
			t.Fatal("reference: Γ")
		}
		s := mul(add(sub(e.eta[i], e.H("ONE-GAMMA", i, point)), E), inverse(e.k[i]))
		final, parity := s, R.Bytes()[0]&1
		if negated := sub(new(big.Int), s); negated.Cmp(s) < 0 {
			final, parity = negated, 1^parity
		}
		e.E, e.s, e.finalS, e.parity = append(e.E, E), append(e.s, s), append(e.finalS, final), append(e.parity, parity)
	}
}
