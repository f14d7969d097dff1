package dkls23

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"
	"slices"
	"testing"

	"tandem/go/bip32"
	"tandem/go/deal"
	"tandem/go/internal/vectors"
	"tandem/go/secp256k1"
)

// vector is one signature with everything that an independent implementation can compare itself with. Strings are hex,
// long messages base64, or only their SHA-256; scalars have 32 bytes, points 33. Lists of 416 are given by their first and
// last element.
type vector struct {
	Name      string         `json:"name"`
	KeyID     string         `json:"keyId"`
	ChainCode string         `json:"chainCode"`
	PublicKey string         `json:"publicKey"`
	Signers   []int          `json:"signers"`
	Digest    string         `json:"digest"`
	Path      string         `json:"path"`
	Indices   []uint32       `json:"indices"`
	Terms     string         `json:"terms"`
	Tweak     string         `json:"tweak"`
	ChildKey  string         `json:"childPublicKey"`
	SID       string         `json:"sid"`
	Parties   []*partyVector `json:"parties"`
	Pairs     []*pairVector  `json:"pairs"`
	R         string         `json:"R"`
	RawS      string         `json:"sBeforeLow"`
	SigR      string         `json:"r"`
	SigS      string         `json:"s"`
	YParity   byte           `json:"yParity"`
	Address   string         `json:"address"`
}

type partyVector struct {
	Index          int            `json:"index"`
	X              string         `json:"x"`
	Seeds          map[int]string `json:"zeroSeeds"`
	Fresh          string         `json:"fresh"`
	Seed           string         `json:"seed"`
	Salt           string         `json:"salt"`
	Nonce          string         `json:"r"`
	Phi            string         `json:"phi"`
	NoncePoint     string         `json:"R"`
	Commitment     string         `json:"commitment"`
	Message1       string         `json:"message1,omitempty"`
	Message1SHA256 string         `json:"message1SHA256"`
	Digest         string         `json:"digest"`
	SK             string         `json:"sk"`
	PK             string         `json:"pk"`
	Message2       string         `json:"message2,omitempty"`
	Message2SHA256 string         `json:"message2SHA256"`
	U              string         `json:"u"`
	V              string         `json:"v"`
	W              string         `json:"w"`
	Message3       string         `json:"message3"`
}

// pairVector is one RVOLE: what its sender and its receiver have, and what the sender seals for the receiver.
type pairVector struct {
	Receiver  int       `json:"receiver"`
	Sender    int       `json:"sender"`
	OTID      string    `json:"otId"`
	Choices   string    `json:"choices"`
	X         [2]string `json:"xFirstLast"`
	Others    [2]string `json:"othersFirstLast"`
	T         string    `json:"T"`
	Gadget    [2]string `json:"gadgetFirstLast"`
	Chi       string    `json:"chi"`
	Y         string    `json:"y"`
	B         string    `json:"B"`
	Hat       string    `json:"aHat"`
	Theta     [2]string `json:"theta"`
	TauSHA256 string    `json:"tauSHA256"`
	Eta       string    `json:"eta"`
	Mu        string    `json:"mu"`
	C         [2]string `json:"c"`
	GammaU    string    `json:"gammaU"`
	GammaV    string    `json:"gammaV"`
	Psi       string    `json:"psi"` // of the sender of the RVOLE
	BoxKey    string    `json:"boxKey"`
	D         [2]string `json:"d"`
	Tag       string    `json:"tag"` // of the sender of the RVOLE
}

// given are the vectors before anything has happened: shares of the 2-of-3 or 3-of-5 key of that name, and what is signed.
var given = []struct {
	name    string
	signers []int
	n       int
	digest  [32]byte
	path    string
}{
	{"two", []int{1, 3}, 3, sha256.Sum256([]byte("tandem")), ""},
	{"three", []int{1, 5, 9}, 5, [32]byte(bytes.Repeat([]byte{0xff}, 32)), "m/0/5"},
}

func newExecution(t testing.TB, name string, shares map[int]*deal.KeyShare, signers []int, digest [32]byte, path string) *execution {
	t.Helper()
	indices, err := bip32.ParsePath(path)
	if err != nil {
		t.Fatal(err)
	}
	key := &shares[signers[0]].Key
	e := &execution{
		keyID: key.ID[:], chainCode: key.ChainCode[:], Q: key.Q,
		signers: signers, digest: digest[:], path: indices, ots: layout.OTs(), parties: map[int]*referenceParty{},
	}
	for _, i := range signers {
		p := &referenceParty{index: i, x: number(shares[i].X.Bytes()), seeds: map[int][]byte{}}
		fresh := named(name, fmt.Sprint("fresh ", i))
		p.fresh = fresh[:]
		for _, j := range e.others(i) {
			if p.seeds[j], err = shares[i].Seed(j); err != nil {
				t.Fatal(err)
			}
		}
		e.parties[i] = p
	}
	e.run(t)
	return e
}

// compare runs the real code with the same randomness, and fails if it does not do what the reference does.
func (e *execution) compare(t testing.TB, shares map[int]*deal.KeyShare, path string) *table {
	t.Helper()
	all := newTable(shares, e.signers, [32]byte(e.digest), path, nil)
	for round := 1; round <= 3; round++ {
		for _, i := range e.signers {
			all.random = bytes.NewReader(e.parties[i].fresh)
			if err := all.step(round, i); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(all.messages[round][i], e.parties[i].messages[round]) {
				t.Fatalf("the message of round %d of party %d is not that of the reference", round, i)
			}
		}
	}
	r, s, yParity, err := Finish(shares[e.signers[0]], all.sessions[3][e.signers[0]], all.sent(3, e.signers[0]))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(r[:], encode(e.r)) || !bytes.Equal(s[:], encode(e.finalS)) || yParity != e.yParity {
		t.Fatal("the signature is not that of the reference")
	}
	all.finish(t)
	return all
}

func (e *execution) vector(name, path string, address []byte, whole bool) *vector {
	h := hex.EncodeToString
	n := func(x *big.Int) string { return h(encode(x)) }
	p := func(q *secp256k1.Point) string { return h(q.Bytes()) }
	ends := func(xs []*big.Int) [2]string { return [2]string{n(xs[0]), n(xs[len(xs)-1])} }
	two := func(xs [2]*big.Int) [2]string { return [2]string{n(xs[0]), n(xs[1])} }
	sum := func(b []byte) string { s := sha256.Sum256(b); return h(s[:]) }
	long := func(b []byte) string {
		if !whole {
			return ""
		}
		return base64.StdEncoding.EncodeToString(b)
	}
	v := &vector{
		Name: name, KeyID: h(e.keyID), ChainCode: h(e.chainCode), PublicKey: p(e.Q), Signers: e.signers,
		Digest: h(e.digest), Path: path, Indices: slices.Concat([]uint32{}, e.path), Terms: h(e.terms), Tweak: n(e.tweak),
		ChildKey: p(e.childQ), SID: h(e.sid),
		R: p(e.R), RawS: n(e.s), SigR: n(e.r), SigS: n(e.finalS), YParity: e.yParity, Address: h(address),
	}
	if v.Indices == nil {
		v.Indices = []uint32{}
	}
	for _, i := range e.signers {
		a := e.parties[i]
		seeds := map[int]string{}
		for j, seed := range a.seeds {
			seeds[j] = h(seed)
		}
		v.Parties = append(v.Parties, &partyVector{
			Index: i, X: n(a.x), Seeds: seeds, Fresh: h(a.fresh), Seed: h(a.seed), Salt: h(a.salt), Nonce: n(a.r), Phi: n(a.phi),
			NoncePoint: p(a.R), Commitment: h(a.com), Message1: long(a.messages[1]), Message1SHA256: sum(a.messages[1]),
			Digest: h(a.digest), SK: n(a.sk), PK: p(a.pk), Message2: long(a.messages[2]), Message2SHA256: sum(a.messages[2]),
			U: n(a.u), V: n(a.v), W: n(a.w), Message3: h(a.messages[3]),
		})
		for _, j := range e.others(i) {
			b := e.parties[j]
			receiver, sender, sent := a.receivers[j], b.senders[i], b.sent[i]
			v.Pairs = append(v.Pairs, &pairVector{
				Receiver: i, Sender: j, OTID: h(receiver.id), Choices: h(receiver.choices), X: ends(receiver.x),
				Others: [2]string{h(receiver.others[0]), h(receiver.others[len(receiver.others)-1])},
				T:      h(receiver.T), Gadget: ends(receiver.gadget), Chi: n(receiver.chi),
				Y: n(sender.y), B: p(sender.B), Hat: n(sender.alpha[2]), Theta: two(referenceTheta(e.sid, sender.T, sender.B, sent.tau)),
				TauSHA256: sum(sent.tau), Eta: h(sent.eta), Mu: h(sent.mu), C: two(b.c[i]), GammaU: p(b.gammaU[i]), GammaV: p(b.gammaV[i]),
				Psi: n(b.psi[i]), BoxKey: h(b.boxKeys[i]), D: two(a.d[j]), Tag: h(b.tags[i]),
			})
		}
	}
	return v
}

// The real code does what the reference does, byte by byte, and both do what the vector file says. With -update the reference
// writes the file again.
func TestVectors(t *testing.T) {
	if race {
		t.Skip()
	}
	var signed []*vector
	for _, g := range given {
		shares := newShares(g.name, len(g.signers), g.n)
		e := newExecution(t, g.name, shares, g.signers, g.digest, g.path)
		all := e.compare(t, shares, g.path)
		signed = append(signed, e.vector(g.name, g.path, all.address(t), len(g.signers) == 2))
	}
	vectors.Compare(t, "dkls23.json", signed)
}

// The reference again, on more signers.
func TestReference(t *testing.T) {
	few(t, 9)
	for n := 2; n <= 4; n++ {
		name := fmt.Sprint("reference ", n)
		shares := newShares(name, n, n)
		newExecution(t, name, shares, parties(shares), [32]byte{byte(n)}, "m/1").compare(t, shares, "m/1")
	}
}
