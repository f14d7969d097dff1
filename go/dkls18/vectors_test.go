package dkls18

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"math/big"
	"testing"

	"tandem/go/internal/vectors"
	"tandem/go/secp256k1"
)

// vector is one signature with everything that an independent implementation can compare itself with. Strings are hex,
// long ones (ot, request, response) base64; scalars have 32 bytes, points 33. Lists of 672 are given by their first and last
// element.
type vector struct {
	Name string `json:"name"`

	KeyID       string   `json:"keyId"`
	ChainCode   string   `json:"chainCode"`
	PublicKey   string   `json:"publicKey"`
	User        int      `json:"user"`
	Action      int      `json:"action"`
	UserShare   string   `json:"xUser"`
	ActionShare string   `json:"xAction"`
	Digest      string   `json:"digest"`
	Path        string   `json:"path"`
	Indices     []uint32 `json:"indices"`
	FreshUser   string   `json:"freshUser"`
	FreshAction string   `json:"freshAction"`

	SID     string    `json:"sid"`
	TU      string    `json:"tUser"`
	SeedU   string    `json:"seedUser"`
	Nonce   string    `json:"nonce"`
	Choices string    `json:"choices"`
	X       [2]string `json:"xFirstLast"`
	Others  [2]string `json:"othersFirstLast"`
	OT      string    `json:"ot"`
	T       string    `json:"T"`
	Gadget0 [2]string `json:"gadget0FirstLast"`
	Gadget1 [2]string `json:"gadget1FirstLast"`
	Beta    []string  `json:"beta"`
	KU      string    `json:"kUser"`
	D       string    `json:"D"`
	Delta   string    `json:"delta"`
	Request string    `json:"request"`

	SSID       string   `json:"ssid"`
	Tweak      string   `json:"tweak"`
	ChildKey   string   `json:"childPublicKey"`
	TA         string   `json:"tAction"`
	SeedA      string   `json:"seedAction"`
	KPrime     string   `json:"kPrime"`
	RPrime     string   `json:"RPrime"`
	KA         string   `json:"kAction"`
	R          string   `json:"R"`
	ProofNonce string   `json:"proofNonce"`
	Proof      string   `json:"proof"`
	Phi        string   `json:"phi"`
	Y          string   `json:"y"`
	B          string   `json:"B"`
	Hat        []string `json:"aHat"`
	A0         []string `json:"a0"`
	A1         []string `json:"a1"`
	Theta0     []string `json:"theta0"`
	Theta1     []string `json:"theta1"`
	TauSHA256  []string `json:"tauSHA256"`
	Eta        []string `json:"eta"`
	Mu         []string `json:"mu"`
	C0         []string `json:"c0"`
	C1         []string `json:"c1"`
	T1         string   `json:"t1"`
	T2         string   `json:"t2"`
	Gamma1     string   `json:"gamma1"`
	Gamma2     string   `json:"gamma2"`
	EtaPhi     string   `json:"etaPhi"`
	EtaSigma   string   `json:"etaSigma"`
	Response   string   `json:"response"`

	D0     []string `json:"d0"`
	D1     []string `json:"d1"`
	U1     string   `json:"u1"`
	U2     string   `json:"u2"`
	ThetaU string   `json:"theta"`
	RawS   string   `json:"sBeforeLow"`

	SigR    string `json:"r"`
	SigS    string `json:"s"`
	YParity byte   `json:"yParity"`
	Address string `json:"address"`
}

// given are the vectors before anything has happened: shares of the 2-of-3 key of that name, and what is signed.
var given = []struct {
	name         string
	user, action int
	digest       [32]byte
	path         string
	indices      []uint32
}{
	{"plain", 1, 2, sha256.Sum256([]byte("tandem")), "", nil},
	{"derived", 3, 2, [32]byte(bytes.Repeat([]byte{0xff}, 32)), "m/0/5", []uint32{0, 5}},
}

func (e *execution) run(t testing.TB) {
	e.makeRequest(t)
	e.derive()
	e.makeResponse(t)
	e.finish(t)
}

func (e *execution) vector(name, path string, address []byte) *vector {
	h := hex.EncodeToString
	b64 := base64.StdEncoding.EncodeToString
	n := func(x *big.Int) string { return h(encode(x)) }
	list := func(xs []*big.Int) []string {
		out := []string{}
		for _, x := range xs {
			out = append(out, n(x))
		}
		return out
	}
	ends := func(xs []*big.Int) [2]string { return [2]string{n(xs[0]), n(xs[len(xs)-1])} }
	sum := func(b []byte) string { s := sha256.Sum256(b); return h(s[:]) }
	p := func(q *secp256k1.Point) string { return h(q.Bytes()) }
	indices := e.path
	if indices == nil {
		indices = []uint32{}
	}
	return &vector{
		Name:  name,
		KeyID: h(e.keyID), ChainCode: h(e.chainCode), PublicKey: p(e.Q), User: e.user, Action: e.action,
		UserShare: n(e.xU), ActionShare: n(e.xA), Digest: h(e.digest), Path: path, Indices: indices,
		FreshUser: h(e.freshUser), FreshAction: h(e.freshAction),

		SID: h(e.sid), TU: n(e.tU), SeedU: h(e.seed), Nonce: h(e.nonce), Choices: h(e.choices),
		X: ends(e.x), Others: [2]string{h(e.others[0]), h(e.others[len(e.others)-1])}, OT: b64(e.ot), T: h(e.T),
		Gadget0: ends(e.gadget[0]), Gadget1: ends(e.gadget[1]), Beta: list(e.beta[:]),
		KU: n(e.kU), D: p(e.D), Delta: n(e.delta), Request: b64(e.request),

		SSID: h(e.ssid), Tweak: n(e.tweak), ChildKey: p(e.childQ), TA: n(e.tA), SeedA: h(e.seedAction),
		KPrime: n(e.kPrime), RPrime: p(e.RPrime), KA: n(e.kA), R: p(e.R),
		ProofNonce: n(e.proofNonce), Proof: h(e.proof), Phi: n(e.phi), Y: n(e.y), B: p(e.B), Hat: list(e.hat[:]),
		A0: list(e.a[0]), A1: list(e.a[1]), Theta0: list(e.theta[0]), Theta1: list(e.theta[1]),
		TauSHA256: []string{sum(e.tau[0]), sum(e.tau[1])},
		Eta:       []string{h(e.eta[0]), h(e.eta[1])}, Mu: []string{h(e.mu[0]), h(e.mu[1])},
		C0: list(e.c[0]), C1: list(e.c[1]), T1: n(e.t1), T2: n(e.t2), Gamma1: p(e.gamma1), Gamma2: p(e.gamma2),
		EtaPhi: n(e.etaPhi), EtaSigma: n(e.etaSigma), Response: b64(e.response),

		D0: list(e.d[0]), D1: list(e.d[1]), U1: n(e.u1), U2: n(e.u2), ThetaU: n(e.thetaU), RawS: n(e.s),
		SigR: n(e.r), SigS: n(e.finalS), YParity: e.yParity, Address: h(address),
	}
}

// The real code does what the reference does, byte by byte, and both do what the vector file says. With -update the reference
// writes the file again.
func TestVectors(t *testing.T) {
	skipShort(t)
	var all []*vector
	for _, g := range given {
		name, path, digest := g.name, g.path, g.digest
		shares := newShares(name)
		user, action := shares[g.user], shares[g.action]
		e := &execution{
			keyID: user.ID[:], chainCode: user.ChainCode[:], Q: user.Q,
			user: g.user, action: g.action, xU: uniform(user.X.Bytes()), xA: uniform(action.X.Bytes()),
			digest: digest[:], path: g.indices,
			freshUser: named(name, "fresh user"), freshAction: named(name, "fresh action"),
		}
		e.run(t)

		session, request, err := Request(user, e.action, bytes.NewReader(e.freshUser))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(request, e.request) {
			t.Fatalf("%s: the request is not that of the reference", name)
		}
		response, err := Respond(action, e.user, digest, path, request, bytes.NewReader(e.freshAction))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(response, e.response) {
			t.Fatalf("%s: the response is not that of the reference", name)
		}
		r, s, yParity, err := Finish(user, session, digest, path, response)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(r[:], encode(e.r)) || !bytes.Equal(s[:], encode(e.finalS)) || yParity != e.yParity {
			t.Fatalf("%s: the signature is not that of the reference", name)
		}
		address := addressOf(t, e.childQ.Bytes())
		checkSignature(t, address, digest, r, s, yParity)
		all = append(all, e.vector(name, path, address))
	}
	vectors.Compare(t, "dkls18.json", all)
}
