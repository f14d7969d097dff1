package dkls18

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha512"
	"math/big"
	"testing"

	"tandem/go/internal/plain"
	"tandem/go/secp256k1"
	"tandem/go/transcript"
)

// This file is the protocol once more, written from the documentation of packages ot, vole and dkls18 alone, as plainly as
// possible: scalars are big.Ints, OTs go one at a time. The messages and the signature of the real code must be the same,
// byte by byte. It takes only single points, hash-to-curve and streams from the project; those have their own tests.

var (
	mod, add, sub, mul, inverse       = plain.Mod, plain.Add, plain.Sub, plain.Mul, plain.Inverse
	encode, uniform, u32, join, bitOf = plain.Encode, plain.Uniform, plain.U32, plain.Join, plain.Bit
	expand, hashScalar                = plain.Expand, plain.HashScalar
	times, plus, minus, xOf, G        = plain.Times, plain.Plus, plain.Minus, plain.X, plain.G
)

// execution is all that happens in one signature.
type execution struct {
	// what is given
	keyID, chainCode       []byte
	Q                      plain.Point
	user, action           int
	xU, xA                 *big.Int
	digest                 []byte
	path                   []uint32
	freshUser, freshAction []byte

	// both
	sid, ssid, T []byte
	tweak        *big.Int
	childQ       plain.Point
	tU, tA, m, r *big.Int

	// user
	seed, nonce, choices []byte
	x                    []*big.Int
	others               [][]byte // what the r_{1-c} are made from
	ot                   []byte
	gadget               [2][]*big.Int
	beta                 [2]*big.Int
	kU, delta            *big.Int
	D                    plain.Point
	request              []byte

	// action
	seedAction                     []byte
	kPrime, kA, proofNonce, phi, y *big.Int
	RPrime, R, B, gamma1, gamma2   plain.Point
	proof                          []byte
	hat                            [2]*big.Int
	a, c                           [2][]*big.Int
	theta                          [2][]*big.Int
	tau, eta, mu                   [2][]byte
	t1, t2, etaPhi, etaSigma       *big.Int
	response                       []byte

	// user
	d                 [2][]*big.Int
	u1, u2, thetaU, s *big.Int
	finalS            *big.Int
	yParity           byte
}

// The three blocks, and which RVOLE runs where: the list of its OTs.
func otsOf(v int) []int {
	var list []int
	for i := range 672 {
		inX, inY := i < 256, i >= 256 && i < 512
		if v == 0 && !inY || v == 1 && !inX {
			list = append(list, i)
		}
	}
	return list
}

// keyPart returns the part of the expanded key of OT i that RVOLE v takes, as scalars.
func keyPart(key []byte, i, v int) []*big.Int {
	part := key
	if i >= 512 { // both RVOLEs: three scalars, then two
		part = [][]byte{key[:144], key[144:]}[v]
	}
	var scalars []*big.Int
	for at := 0; at < len(part); at += 48 {
		scalars = append(scalars, uniform(part[at:at+48]))
	}
	return scalars
}

func keyLength(i int) int {
	switch {
	case i < 256:
		return 144
	case i < 512:
		return 96
	}
	return 240
}

func (e *execution) otHash(i, b int, r plain.Point) plain.Point {
	p, err := transcript.Point("OT-POINT", e.sid, u32(i), []byte{byte(b)}, r.Bytes())
	if err != nil {
		panic(err)
	}
	return p
}

func (e *execution) otKey(i, b int, k plain.Point) []byte {
	return expand("OT-KEY", keyLength(i), e.sid, e.T, e.B.Bytes(), u32(i), []byte{byte(b)}, k.Bytes())
}

func (e *execution) H(label string, p plain.Point) *big.Int {
	return hashScalar(label, e.ssid, p.Bytes())
}

func (e *execution) makeRequest(t testing.TB) {
	var err error
	received := join(e.keyID, u32(e.action))
	e.seed, err = transcript.HedgedSeed(bytes.NewReader(e.freshUser), "DKLS18-USER", encode(e.xU), received)
	if err != nil {
		t.Fatal(err)
	}
	draw := plain.DrawFrom(e.seed, "DKLS18-USER")
	e.nonce = draw.Bytes(32)
	e.sid = expand("DKLS18-SID", 32, e.keyID, u32(e.user), u32(e.action), e.nonce)

	e.choices = draw.Bytes(672 / 8)
	for range 672 {
		e.x = append(e.x, draw.Scalar())
	}
	for range 672 {
		e.others = append(e.others, draw.Bytes(96))
	}
	signs := make([]byte, 2*672/8)
	for i := range 672 {
		c := bitOf(e.choices, i)
		var r [2]plain.Point
		r[1-c] = plain.Map(e.others[i])
		r[c] = minus(times(e.x[i], G), e.otHash(i, c, r[1-c]))
		for b := range 2 {
			encoded := r[b].Bytes()
			e.ot = append(e.ot, encoded[1:]...)
			if encoded[0] == 3 {
				signs[(2*i+b)/8] |= 1 << ((2*i + b) % 8)
			}
		}
	}
	e.ot = append(e.ot, signs...)
	e.T = expand("OT-REQUEST", 32, e.sid, e.ot)

	for v := range 2 {
		e.beta[v] = new(big.Int)
		for j, i := range otsOf(v) {
			g := hashScalar("VOLE-GADGET", e.sid, e.T, u32(v), u32(j))
			e.gadget[v] = append(e.gadget[v], g)
			if bitOf(e.choices, i) == 1 {
				e.beta[v] = add(e.beta[v], g)
			}
		}
	}

	lambda := func(i, j int) *big.Int { // j / (j - i)
		return mul(big.NewInt(int64(j)), inverse(mod(big.NewInt(int64(j-i)))))
	}
	e.tU = mul(lambda(e.user, e.action), e.xU)
	e.tA = mul(lambda(e.action, e.user), e.xA)
	e.kU = inverse(e.beta[0])
	e.D = times(e.kU, G)
	e.delta = sub(mul(e.tU, e.beta[0]), e.beta[1])
	e.request = plain.Message(map[int]any{
		1: 1, 2: "dkls18/request", 3: e.keyID, 4: []int{e.user, e.action}, 5: e.nonce, 6: e.ot, 7: e.D.Bytes(), 8: encode(e.delta),
	})
}

func (e *execution) derive() {
	e.tweak, e.childQ = new(big.Int), e.Q
	chainCode := e.chainCode
	var indices []byte
	for _, index := range e.path {
		mac := hmac.New(sha512.New, chainCode)
		mac.Write(e.childQ.Bytes())
		mac.Write(u32(int(index)))
		sum := mac.Sum(nil)
		step := new(big.Int).SetBytes(sum[:32])
		e.tweak = add(e.tweak, step)
		e.childQ = plus(e.childQ, times(step, G))
		chainCode = sum[32:]
		indices = append(indices, u32(int(index))...)
	}
	e.tA = add(e.tA, e.tweak)
	e.m = mod(new(big.Int).SetBytes(e.digest))
	e.ssid = expand("DKLS18-SSID", 32, e.sid, indices, e.digest)
}

func (e *execution) makeResponse(t testing.TB) {
	var err error
	received := join(e.ssid, e.request)
	e.seedAction, err = transcript.HedgedSeed(bytes.NewReader(e.freshAction), "DKLS18-ACT", encode(e.xA), received)
	if err != nil {
		t.Fatal(err)
	}
	draw := plain.DrawFrom(e.seedAction, "DKLS18-ACT")

	e.kPrime = draw.Scalar()
	e.RPrime = times(e.kPrime, e.D)
	e.kA = add(e.H("DKLS18-R", e.RPrime), e.kPrime)
	e.R = times(e.kA, e.D)
	e.r = xOf(e.R)

	e.proofNonce = draw.Scalar()
	challenge := hashScalar("DKLS18-POK", e.D.Bytes(), e.R.Bytes(), times(e.proofNonce, e.D).Bytes(), e.ssid, u32(e.action))
	e.proof = join(encode(challenge), encode(add(e.proofNonce, mul(challenge, e.kA))))

	e.phi = draw.Scalar()
	k := inverse(e.kA)
	e.a = [2][]*big.Int{{add(e.phi, k), mul(e.tA, k)}, {k}}

	e.y = draw.Scalar()
	e.B = times(e.y, G)
	e.hat = [2]*big.Int{draw.Scalar(), draw.Scalar()}
	var keys [672][2][]byte
	for i := range 672 {
		var r [2]plain.Point
		for b := range 2 {
			at := 2*i + b
			sign := e.ot[64*672+at/8] >> (at % 8) & 1
			if r[b], err = new(secp256k1.Point).SetBytes(join([]byte{2 + sign}, e.ot[32*at:32*at+32])); err != nil {
				t.Fatal(err)
			}
		}
		for b := range 2 {
			keys[i][b] = e.otKey(i, b, times(e.y, plus(r[b], e.otHash(i, b, r[1-b]))))
		}
	}
	for v := range 2 {
		width := len(e.a[v])
		alpha := append(append([]*big.Int{}, e.a[v]...), e.hat[v])
		var c [][]*big.Int
		for _, i := range otsOf(v) {
			k0, k1 := keyPart(keys[i][0], i, v), keyPart(keys[i][1], i, v)
			var row []*big.Int
			for n := range alpha {
				e.tau[v] = append(e.tau[v], encode(add(sub(k0[n], k1[n]), alpha[n]))...)
				row = append(row, sub(new(big.Int), k0[n]))
			}
			c = append(c, row)
		}
		e.challenge(v, width)
		eta := e.hat[v]
		for n := range width {
			eta = add(eta, mul(e.theta[v][n], e.a[v][n]))
		}
		e.eta[v] = encode(eta)
		var rows []byte
		e.c[v] = zeros(width)
		for j := range c {
			sum := c[j][width]
			for n := range width {
				sum = add(sum, mul(e.theta[v][n], c[j][n]))
				e.c[v][n] = add(e.c[v][n], mul(e.gadget[v][j], c[j][n]))
			}
			rows = append(rows, encode(sum)...)
		}
		e.mu[v] = expand("VOLE-MU", 32, e.ssid, u32(v), rows)
	}

	e.t1 = e.c[0][0]
	e.t2 = add(e.c[0][1], e.c[1][0], mul(e.delta, k))
	e.gamma1 = minus(plus(G, times(mul(e.phi, e.kA), G)), times(e.t1, e.R))
	e.etaPhi = add(e.H("DKLS18-G1", e.gamma1), e.phi)
	e.gamma2 = minus(times(e.t1, e.childQ), times(e.t2, G))
	e.etaSigma = add(e.H("DKLS18-G2", e.gamma2), mul(e.m, e.t1), mul(e.r, e.t2))
	path := e.path
	if path == nil {
		path = []uint32{}
	}
	e.response = plain.Message(map[int]any{
		1: 1, 2: "dkls18/response", 3: e.sid, 4: e.digest, 5: path, 6: e.RPrime.Bytes(), 7: e.proof, 8: e.B.Bytes(),
		9: []map[int]any{
			{1: e.tau[0], 2: e.eta[0], 3: e.mu[0]},
			{1: e.tau[1], 2: e.eta[1], 3: e.mu[1]},
		},
		10: encode(e.etaPhi), 11: encode(e.etaSigma),
	})
}

func (e *execution) challenge(v, width int) {
	theta := expand("VOLE-THETA", 48*width, e.ssid, e.T, e.B.Bytes(), u32(v), e.tau[v])
	for n := range width {
		e.theta[v] = append(e.theta[v], uniform(theta[48*n:48*n+48]))
	}
}

func zeros(n int) []*big.Int {
	list := make([]*big.Int, n)
	for i := range list {
		list[i] = new(big.Int)
	}
	return list
}

func (e *execution) finish(t testing.TB) {
	R := plus(times(e.H("DKLS18-R", e.RPrime), e.D), e.RPrime)
	if R.Equal(e.R) != 1 {
		t.Fatal("reference: R")
	}
	for v := range 2 {
		width := len(e.a[v])
		e.d[v] = zeros(width)
		var rows []byte
		for j, i := range otsOf(v) {
			b := bitOf(e.choices, i)
			row := keyPart(e.otKey(i, b, times(e.x[i], e.B)), i, v)
			sum := new(big.Int)
			if b == 1 {
				sum.SetBytes(e.eta[v])
				for n := range row {
					row[n] = add(row[n], new(big.Int).SetBytes(e.tau[v][32*(j*len(row)+n):][:32]))
				}
			}
			sum = sub(sum, row[width])
			for n := range width {
				sum = sub(sum, mul(e.theta[v][n], row[n]))
				e.d[v][n] = add(e.d[v][n], mul(e.gadget[v][j], row[n]))
			}
			rows = append(rows, encode(sum)...)
		}
		if !bytes.Equal(expand("VOLE-MU", 32, e.ssid, u32(v), rows), e.mu[v]) {
			t.Fatal("reference: μ")
		}
	}
	e.u1, e.u2 = e.d[0][0], add(e.d[0][1], e.d[1][0])
	phi := sub(e.etaPhi, e.H("DKLS18-G1", times(e.u1, R)))
	if phi.Cmp(e.phi) != 0 {
		t.Fatal("reference: φ")
	}
	e.thetaU = sub(e.u1, mul(phi, e.beta[0]))
	gamma2 := minus(times(e.u2, G), times(e.thetaU, e.childQ))
	e.s = sub(add(mul(e.m, e.thetaU), mul(e.r, e.u2), e.etaSigma), e.H("DKLS18-G2", gamma2))
	e.finalS, e.yParity = e.s, R.Bytes()[0]&1
	if negated := sub(new(big.Int), e.s); negated.Cmp(e.s) < 0 {
		e.finalS, e.yParity = negated, 1^e.yParity
	}
}
