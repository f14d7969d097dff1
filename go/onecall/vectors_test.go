package onecall

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"
	"testing"

	"tandem/go/correlation"
	"tandem/go/deal"
	"tandem/go/internal/vectors"
	"tandem/go/secp256k1"
	"tandem/go/wire"
)

// setUpVector is a correlation's set-up with everything that an independent implementation can compare itself with, and
// signatures from it. Strings are hex, long ones (request, answer, correlation, response) base64; scalars have 32 bytes, points
// 33. Long lists are represented by their first and last elements.
type setUpVector struct {
	Name string `json:"name"`

	KeyID       string `json:"keyId"`
	ChainCode   string `json:"chainCode"`
	PublicKey   string `json:"publicKey"`
	Epoch       int    `json:"epoch"`
	User        int    `json:"user"`
	Action      int    `json:"action"`
	UserShare   string `json:"xUser"`
	ActionShare string `json:"xAction"`
	Hedge       string `json:"hedge"`
	FreshUser   string `json:"freshUser"`
	FreshAction string `json:"freshAction"`

	SeedUser string    `json:"seedUser"`
	Nonce    string    `json:"nonce"`
	Choices  string    `json:"choices"`
	X        [2]string `json:"xFirstLast"`
	Others   [2]string `json:"othersFirstLast"`
	T        string    `json:"T"`
	Request  string    `json:"request"`
	MHash    string    `json:"mHash"`
	ID       string    `json:"id"`

	K            string    `json:"K"`
	Y            string    `json:"y"`
	B            string    `json:"B"`
	Leaves       [2]string `json:"leavesFirstLast"` // leaf 0 of tree 0, leaf 63 of tree 71
	Checks       [2]string `json:"checksFirstLast"` // likewise
	Encrypted    [2]string `json:"encryptedFirstLast"`
	Sums         [2]string `json:"sumsFirstLast"`
	All          string    `json:"all"`
	AnswerDigest string    `json:"answerDigest"`
	SeedAction   string    `json:"seedAction"`
	ProofNonce   string    `json:"proofNonce"`
	Proof        string    `json:"proof"`
	Answer       string    `json:"answer"`

	Digits      string    `json:"digits"`
	Nodes       [2]string `json:"nodesFirstLast"`
	Seed        string    `json:"seed"`
	Gadget      [2]string `json:"gadgetFirstLast"`
	TU          string    `json:"tUser"`
	Beta        string    `json:"beta"`
	Delta       string    `json:"delta"`
	MACKey      string    `json:"macKey"`
	Correlation string    `json:"correlation"`

	Signatures []*signVector `json:"signatures"`
}

type signVector struct {
	Digests       []string `json:"digests"`
	Path          string   `json:"path"`
	Indices       []uint32 `json:"indices"`
	FreshRequest  string   `json:"freshRequest"`
	FreshResponse string   `json:"freshResponse"`
	Inputs        string   `json:"inputs"`

	Tweak       string   `json:"tweak"`
	ChildKey    string   `json:"childPublicKey"`
	Terms       string   `json:"terms"`
	SeedRequest string   `json:"seedRequest"`
	Nonce       string   `json:"nonce"`
	SID         string   `json:"sid"`
	K           []string `json:"k"`
	ProofNonceU []string `json:"proofNonceUser"`
	D           []string `json:"D"`
	ProofU      []string `json:"proofUser"`
	Request     string   `json:"request"`
	SSID        string   `json:"ssid"`

	TA           string    `json:"tAction"`
	SeedResponse string    `json:"seedResponse"`
	KPrime       []string  `json:"kPrime"`
	RPrime       []string  `json:"RPrime"`
	KA           []string  `json:"kAction"`
	R            []string  `json:"R"`
	ProofNonceA  []string  `json:"proofNonceAction"`
	ProofA       []string  `json:"proofAction"`
	A            []string  `json:"a"`
	Hat          string    `json:"aHat"`
	Rho          string    `json:"rho"`
	Pads         [2]string `json:"padsFirstLast"` // p_{0,0,0} and p_{71,63,n}
	Tau          [2]string `json:"tauFirstLast"`
	V            [2]string `json:"vFirstLast"` // v_{0,0} and v_{71,n}
	TauT         string    `json:"tauHash"`    // the T of the vector OLE
	Theta        []string  `json:"theta"`
	EtaHat       string    `json:"etaHat"`
	Mu           string    `json:"mu"`
	W            []string  `json:"w"`
	Gamma        []string  `json:"gamma"`
	Eta          []string  `json:"eta"`
	MAC          string    `json:"mac"`
	Response     string    `json:"response"`

	E       [2]string `json:"eFirstLast"` // e_{0,0} and e_{71,n}
	Sums    []string  `json:"E"`
	RawS    []string  `json:"sBeforeLow"`
	SigR    []string  `json:"r"`
	SigS    []string  `json:"s"`
	YParity []int     `json:"yParity"`
	Address string    `json:"address"`
}

var (
	h   = hex.EncodeToString
	b64 = base64.StdEncoding.EncodeToString
)

func number(x *big.Int) string       { return h(encode(x)) }
func numbers(xs []*big.Int) []string { return each(xs, number) }
func points(ps []*secp256k1.Point) []string {
	return each(ps, func(p *secp256k1.Point) string { return h(p.Bytes()) })
}

func each[T any](list []T, text func(T) string) []string {
	out := []string{}
	for _, x := range list {
		out = append(out, text(x))
	}
	return out
}

// ends are the first and the last of parts of that size.
func ends(b []byte, size int) [2]string { return [2]string{h(b[:size]), h(b[len(b)-size:])} }

func (s *setUp) vector(name string) *setUpVector {
	return &setUpVector{
		Name:  name,
		KeyID: h(s.keyID), ChainCode: h(s.chainCode), PublicKey: h(s.Q.Bytes()), Epoch: s.epoch,
		User: s.user, Action: s.action, UserShare: number(s.xU), ActionShare: number(s.xA),
		Hedge: h(s.hedge), FreshUser: h(s.freshUser), FreshAction: h(s.freshAction),

		SeedUser: h(s.seedUser), Nonce: h(s.nonce), Choices: h(s.choices),
		X:      [2]string{number(s.x[0]), number(s.x[431])},
		Others: [2]string{h(s.others[0]), h(s.others[431])},
		T:      h(s.T), Request: b64(s.request), MHash: h(s.mHash), ID: h(s.id),

		K: h(s.K), Y: number(s.y), B: h(s.B.Bytes()),
		Leaves:    [2]string{h(s.trees[0][0]), h(s.trees[71][63])},
		Checks:    [2]string{h(s.checks[0][0]), h(s.checks[71][63])},
		Encrypted: ends(s.encrypted, 32), Sums: ends(s.sums, 32), All: h(s.all), AnswerDigest: h(s.digest),
		SeedAction: h(s.seedAction), ProofNonce: number(s.proofNonce), Proof: h(s.proofOf), Answer: b64(s.answer),

		Digits: h(s.digits), Nodes: ends(s.nodes, 32), Seed: h(s.seed),
		Gadget: [2]string{number(s.gadget[0]), number(s.gadget[71])},
		TU:     number(s.tU()), Beta: number(s.beta), Delta: number(s.delta), MACKey: h(s.macKey),
		Correlation: b64(s.correlation),
	}
}

func (e *execution) vector(path string, address []byte) *signVector {
	n := len(e.digests)
	bytesOf := func(b []byte) string { return h(b) }
	indices := e.path
	if indices == nil {
		indices = []uint32{}
	}
	v := &signVector{
		Digests: each(e.digests, bytesOf), Path: path, Indices: indices,
		FreshRequest: h(e.freshRequest), FreshResponse: h(e.freshResponse), Inputs: h(e.inputs),

		Tweak: number(e.tweak), ChildKey: h(e.childQ.Bytes()), Terms: h(e.terms),
		SeedRequest: h(e.seedRequest), Nonce: h(e.nonceU), SID: h(e.sid),
		K: numbers(e.k), ProofNonceU: numbers(e.proofNonceU), D: points(e.D), ProofU: each(e.proofU, bytesOf),
		Request: b64(e.request), SSID: h(e.ssid),

		TA: number(add(e.tA(), e.tweak)), SeedResponse: h(e.seedResponse),
		KPrime: numbers(e.kPrime), RPrime: points(e.RPrime), KA: numbers(e.kA), R: points(e.R),
		ProofNonceA: numbers(e.proofNonceA), ProofA: each(e.proofA, bytesOf), A: numbers(e.a), Hat: number(e.hat),
		Rho: h(e.rho), Pads: [2]string{number(e.pad(0, 0, 0)), number(e.pad(71, 63, n))}, Tau: ends(e.tau, 32),
		V:    [2]string{number(e.v[0][0]), number(e.v[71][n])},
		TauT: h(e.T), Theta: numbers(e.theta), EtaHat: number(e.etaHat), Mu: h(e.mu),
		W: numbers(e.w), Gamma: points(e.gamma), Eta: numbers(e.eta), MAC: h(e.mac), Response: b64(e.response),

		E:    [2]string{number(e.e[0][0]), number(e.e[71][n])},
		Sums: numbers(e.E), RawS: numbers(e.s), SigR: numbers(e.r), SigS: numbers(e.finalS), Address: h(address),
	}
	for _, parity := range e.parity {
		v.YParity = append(v.YParity, int(parity))
	}
	return v
}

// given are the vectors before anything has happened: shares of the 2-of-3 key of that name, and what is signed.
var given = []struct {
	name         string
	user, action int
	calls        []givenCall
}{
	{"plain", 1, 2, []givenCall{
		{[][32]byte{sha256.Sum256([]byte("tandem"))}, "", nil, ""},
		{digestsOf(8), "m/0/5", []uint32{0, 5}, "what else the action read"},
	}},
	{"another pair", 3, 1, []givenCall{
		{[][32]byte{{}, [32]byte(bytes.Repeat([]byte{0xff}, 32)), {31: 1}}, "m/2147483647", []uint32{1<<31 - 1}, ""},
	}},
}

type givenCall struct {
	digests [][32]byte
	path    string
	indices []uint32
	inputs  string
}

func newSetUp(name string, user, action *deal.KeyShare) *setUp {
	return &setUp{
		pair: &pair{
			keyID: user.ID[:], chainCode: user.ChainCode[:], Q: user.Q, epoch: int(user.Epoch),
			user: user.Index, action: action.Index, xU: uniform(user.X.Bytes()), xA: uniform(action.X.Bytes()),
		},
		hedge: named(name, "hedge"), freshUser: named(name, "fresh user"), freshAction: named(name, "fresh action"),
	}
}

func (s *setUp) newExecution(name string, k int, call givenCall) *execution {
	e := &execution{
		setUp: s, path: call.indices, inputs: []byte(call.inputs),
		freshRequest:  named(name, fmt.Sprint("fresh request", k)),
		freshResponse: named(name, fmt.Sprint("fresh response", k)),
	}
	for i := range call.digests {
		e.digests = append(e.digests, call.digests[i][:])
	}
	return e
}

// The real code does what the reference does, byte by byte, and both do what the vector file says. With -update the reference
// writes the file again.
func TestVectors(t *testing.T) {
	var all []*setUpVector
	for _, g := range given {
		shares := newShares(g.name)
		user, action := shares[g.user], shares[g.action]
		s := newSetUp(g.name, user, action)
		s.run(t)
		same := func(what string, got, want []byte) {
			t.Helper()
			if !bytes.Equal(got, want) {
				t.Fatalf("%s: the %s is not that of the reference", g.name, what)
			}
		}
		session, request, err := correlation.Request(s.hedge, g.action, bytes.NewReader(s.freshUser))
		if err != nil {
			t.Fatal(err)
		}
		same("set-up request", request, s.request)
		answer, err := correlation.Respond(action, g.user, request, bytes.NewReader(s.freshAction))
		if err != nil {
			t.Fatal(err)
		}
		same("set-up answer", answer, s.answer)
		c, err := correlation.Accept(user, session, answer)
		if err != nil {
			t.Fatal(err)
		}
		encoded, err := c.Encode()
		if err != nil {
			t.Fatal(err)
		}
		same("correlation", encoded, s.correlation)

		vector := s.vector(g.name)
		for k, call := range g.calls {
			e := s.newExecution(g.name, k, call)
			e.run(t)

			session, request, err := Request(user, c, g.action, call.digests, call.path, bytes.NewReader(e.freshRequest))
			if err != nil {
				t.Fatal(err)
			}
			same("request", request, e.request)
			response, err := Respond(
				action, g.user, call.digests, call.path, request, []byte(call.inputs), bytes.NewReader(e.freshResponse))
			if err != nil {
				t.Fatal(err)
			}
			same("response", response, e.response)
			signatures, err := Finish(c, session, response)
			if err != nil {
				t.Fatal(err)
			}
			address := addressOf(t, e.childQ.Bytes())
			for i, signature := range signatures {
				same("r", signature.R[:], encode(e.r[i]))
				same("s", signature.S[:], encode(e.finalS[i]))
				same("parity", []byte{signature.YParity}, e.parity[i:i+1])
				checkSignature(t, address, call.digests[i], signature)
			}
			vector.Signatures = append(vector.Signatures, e.vector(call.path, address))
		}
		all = append(all, vector)
	}
	vectors.Compare(t, "onecall.json", all)
}

// An action that deviates in one digit and has guessed it right gets a signature made, and learns so; if it was wrong, the check
// fails. What guessing on comes to is in package correlation.
func TestGuessingAction(t *testing.T) {
	shares := newShares("guess")
	s := newSetUp("guess", shares[1], shares[2])
	s.run(t)
	c, err := correlation.Decode(s.correlation)
	if err != nil {
		t.Fatal(err)
	}
	call := givenCall{digests: digestsOf(1)}
	for _, wrong := range []int{0, 1, 63} {
		e := s.newExecution("guess", 0, call)
		e.derive()
		e.makeRequest(t)
		session, request, err := Request(shares[1], c, 2, call.digests, "", bytes.NewReader(e.freshRequest))
		if err != nil || !bytes.Equal(request, e.request) {
			t.Fatal(err)
		}
		const tree, shift = 5, 12345
		guess := int(s.digits[tree]) ^ wrong
		e.makeResponse(t, func() {
			tau := e.tau[2*32*tree:][:32]
			copy(tau, encode(add(new(big.Int).SetBytes(tau), big.NewInt(shift))))
			e.v[tree][0] = sub(e.v[tree][0], big.NewInt(int64(guess)*shift))
		})
		signatures, err := Finish(c, session, e.response)
		switch {
		case wrong == 0 && err != nil:
			t.Errorf("a right guess: %v", err)
		case wrong == 0:
			checkSignature(t, addressOf(t, e.childQ.Bytes()), call.digests[0], signatures[0])
		case wire.CodeOf(err) != wire.CodeCheck:
			t.Errorf("a wrong guess: %v, want a failed check", err)
		}
	}
}
