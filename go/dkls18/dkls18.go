// Package dkls18 makes an ECDSA signature with two shares of a 2-of-n key in one round trip: the two-party protocol of
// Doerner, Kondi, Lee and shelat (ePrint 2018/499, protocol 4), with its multiplications on package vole, whose oblivious
// transfers need no set-up. The user (Bob in the paper) asks, an action (Alice) answers, the user finishes. Every answer is
// a complete execution from fresh randomness, and the action has nothing to check against its secrets: an action that
// forgets, and that can be asked again at will, gives nothing away.
//
// # Notation
//
// U and A are the indices of user and action. G is the generator, q its order. t_U + t_A is the private key of Q, where
// t_i = λ_i x_i with the Lagrange coefficients for the set {U, A}, and Q is the public key after derivation: for a path
// (package bip32) from the shared key, its tweak is added to t_A. m is the digest modulo q. Scalars are 32 bytes, big
// endian, below q; points are 33 bytes, compressed; a point that comes out as the identity enters a hash as 33 zero bytes.
// All hashes are those of package transcript; U32 is 4 bytes, big endian.
//
//	sid  = Hash("DKLS18-SID", key id, U32(U), U32(A), nonce)
//	ssid = Hash("DKLS18-SSID", sid, U32 of each index of the path one after the other, digest)
//	H(R') = Scalar("DKLS18-R", ssid, R'), H1(Γ) = Scalar("DKLS18-G1", ssid, Γ), H2(Γ) = Scalar("DKLS18-G2", ssid, Γ)
//
// The sid leaves out digest and path, so that a request can be prepared before they are known.
//
// One batch of 672 OTs in the blocks X (256), Y (256) and Z (160) carries two RVOLEs: RVOLE 0 of width 2 on X and Z,
// RVOLE 1 of width 1 on Y and Z. Their ids in package vole are sid and ssid.
//
// # Messages
//
// Messages are maps with the integer keys given here; wire.cddl is their schema.
//
// Request, from the user, who has a seed of 32 bytes (transcript.HedgedSeed with the label "DKLS18-USER", x_U as the secret,
// and key id ‖ U32(A) as what was received). All else comes from the stream of that seed under the same label, in this
// order: the nonce, 32 bytes; the choice bits and OT secrets of package vole, giving β_0 and β_1 (if one is 0, all starts
// again with another seed). D = β_0^-1·G, δ = t_U·β_0 - β_1.
//
//	1 version: 1   2 kind: "dkls18/request"   3 key id   4 [U, A]   5 nonce   6 message of the OT receiver   7 D   8 δ
//
// Response, from the action, whose randomness is a stream hedged under the label "DKLS18-ACT" with x_A as the secret and
// ssid ‖ request as what was received. It draws in this order, each 48 bytes modulo q: k', the nonce of π, φ, and what
// package vole draws.
//
//	R' = k'·D          k_A = H(R') + k'          R = k_A·D
//	π: transcript.Prove("DKLS18-POK", base D, k_A, context ssid, U32(A))
//	RVOLE 0 with (φ + 1/k_A, t_A/k_A) → (c_1, c_2)          RVOLE 1 with (1/k_A) → c_3
//	t1 = c_1           t2 = c_2 + c_3 + δ/k_A
//	Γ1 = G + φ k_A·G - t1·R          η_φ = H1(Γ1) + φ
//	σ = m t1 + r t2 with r = R.x mod q
//	Γ2 = t1·Q - t2·G                 η_σ = H2(Γ2) + σ
//
//	1 version: 1   2 kind: "dkls18/response"   3 sid   4 digest   5 path, a list of indices   6 R'   7 π   8 B
//	9 the messages of the RVOLE senders: a list of two   10 η_φ   11 η_σ
//
// Finish, by the user: R = H(R')·D + R'; check π; finish the RVOLEs: (d_1, d_2) and d_3.
//
//	u1 = d_1           u2 = d_2 + d_3
//	φ = η_φ - H1(u1·R)               θ = u1 - φ β_0
//	s = m θ + r u2 + η_σ - H2(u2·G - θ·Q)
//
// The signature (r, s) is verified, then brought to low s.
//
// # Shared check bits
//
// The paper runs two multiplications on disjoint OTs. Here they have the 160 bits of block Z in common, 672 OTs in place of
// 832. A sender that cheats and gets through has guessed some j bits, with probability 2^-j. For the bit vectors of two
// independent receivers that agree with the guess, the probability that both (β_0, β_1) are equal is at most
// q^-2 (1 + 3·2^-(160-j)): either both β collide by chance (q^-2), or the bits of X and Z are equal and β_1 collides, or
// those of Y and Z are equal and β_0 collides, or all are equal. By the leftover hash lemma (β_0, β_1) is then within
// 2^-(160-j)/2 of uniform; times 2^-j, that is below 2^-80 for every j. The branch in which the sender fails is everything
// minus the passing one, so it is off by no more than these two are together: with the outcome, (β_0, β_1) is within 2^-79
// of uniform in all, as with two separate encodings. docs/protocol.md has the sums.
//
// As there, this takes the guess to be independent of the gadget, and that is an assumption: a sender that cheats sees the
// request first, and so the gadget, D and δ. For guesses of single bits that are chosen with knowledge of the gadget there
// is no bound of this kind.
//
// # What the caller must see to
//
// A request is finished at most once and never stored: two signatures from one request share the user's nonce, from which an
// action that cheats would compute the key. Sending the same request again after a lost answer is safe. For the same reason
// the user's random source must not repeat itself: it is hedged with the share and the peer only, since a request knows
// nothing else. The action's is hedged with the request and all that is signed besides.
//
// If Finish fails with code check, the answer may have cost the user one secret bit. The share must be locked before the
// error is shown. Codes stale and input mean that the answer was refused before it met a secret.
package dkls18

import (
	"tandem/go/bip32"
	"tandem/go/deal"
	"tandem/go/ot"
	"tandem/go/secp256k1"
	"tandem/go/transcript"
	"tandem/go/vole"
	"tandem/go/wire"
)

const (
	kindRequest  = "dkls18/request"
	kindResponse = "dkls18/response"
	kindSession  = "dkls18/session"

	labelSID   = "DKLS18-SID"
	labelSSID  = "DKLS18-SSID"
	labelUser  = "DKLS18-USER" // the user's stream
	labelAct   = "DKLS18-ACT"  // the action's stream
	labelProof = "DKLS18-POK"
	labelR     = "DKLS18-R"
	labelG1    = "DKLS18-G1"
	labelG2    = "DKLS18-G2"
)

// layout is that of the two RVOLEs.
var layout = &vole.Layout{
	Widths: []int{2, 1},
	Blocks: []vole.Block{
		{Size: 256, RVOLEs: []int{0}},    // X
		{Size: 256, RVOLEs: []int{1}},    // Y
		{Size: 160, RVOLEs: []int{0, 1}}, // Z
	},
}

const ots = 256 + 256 + 160

var (
	maxRequest  = ot.MessageSize(ots) + 512
	maxResponse = 5*vole.Xi*secp256k1.ScalarSize + 5*bip32.MaxDepth + 1024
)

const maxSession = 512

// requestMessage goes from the user to the action.
type requestMessage struct {
	KeyID   [32]byte
	Signers []int // user, action
	Nonce   [32]byte
	OT      []byte
	D       [33]byte
	Delta   [32]byte
}

// Fields names the fields to package wire.
func (m *requestMessage) Fields(c *wire.Coder) {
	c.Header(kindRequest)
	c.Key(3).Array(m.KeyID[:])
	c.Key(4).Ints(&m.Signers)
	c.Key(5).Array(m.Nonce[:])
	c.Key(6).Bytes(&m.OT)
	c.Key(7).Array(m.D[:])
	c.Key(8).Array(m.Delta[:])
}

// responseMessage is the answer.
type responseMessage struct {
	SID      [32]byte
	Digest   [32]byte
	Path     []uint32
	RPrime   [33]byte
	Proof    [64]byte
	B        [33]byte
	RVOLE    []vole.Message
	EtaPhi   [32]byte
	EtaSigma [32]byte
}

// Fields names the fields to package wire.
func (m *responseMessage) Fields(c *wire.Coder) {
	c.Header(kindResponse)
	c.Key(3).Array(m.SID[:])
	c.Key(4).Array(m.Digest[:])
	wire.List(c.Key(5), &m.Path)
	for i := range m.Path {
		c.Uint32(&m.Path[i])
	}
	c.Key(6).Array(m.RPrime[:])
	c.Key(7).Array(m.Proof[:])
	c.Key(8).Array(m.B[:])
	wire.List(c.Key(9), &m.RVOLE)
	for i := range m.RVOLE {
		c.Struct(m.RVOLE[i].Fields)
	}
	c.Key(10).Array(m.EtaPhi[:])
	c.Key(11).Array(m.EtaSigma[:])
}

// sessionState is what the user keeps between Request and Finish.
type sessionState struct {
	Round      int
	SID        [32]byte
	Peer       int
	Seed       [32]byte // of the user's stream
	Transcript [32]byte // T of the request
}

// Fields names the fields to package wire.
func (s *sessionState) Fields(c *wire.Coder) {
	c.Header(kindSession)
	c.Key(3).Int(&s.Round)
	c.Key(4).Array(s.SID[:])
	c.Key(5).Int(&s.Peer)
	c.Key(6).Array(s.Seed[:])
	c.Key(7).Array(s.Transcript[:])
}

// instance is what an execution signs under: the derived key and the ids.
type instance struct {
	sid  [32]byte
	ssid [32]byte
	path []uint32
	key  *bip32.Child
	m    *secp256k1.Scalar
}

func sessionID(keyID [32]byte, user, action int, nonce [32]byte) [32]byte {
	return transcript.Hash(labelSID, keyID[:], transcript.U32(user), transcript.U32(action), nonce[:])
}

func newInstance(key *deal.Key, sid [32]byte, digest [32]byte, path string) (*instance, error) {
	indices, err := bip32.ParsePath(path)
	if err != nil {
		return nil, err
	}
	child, err := bip32.Derive(key.Q, key.ChainCode[:], indices)
	if err != nil {
		return nil, err
	}
	var encoded []byte
	for _, index := range indices {
		encoded = append(encoded, transcript.U32(int(index))...)
	}
	return &instance{
		sid:  sid,
		ssid: transcript.Hash(labelSSID, sid[:], encoded, digest[:]),
		path: indices,
		key:  child,
		m:    new(secp256k1.Scalar).SetDigest(digest[:]),
	}, nil
}

// hash is H, H1 or H2.
func (n *instance) hash(label string, p *secp256k1.Point) *secp256k1.Scalar {
	encoded := p.Bytes()
	defer clear(encoded)
	return transcript.Scalar(label, n.ssid[:], encoded)
}

// context is what π is bound to.
func (n *instance) context(action int) [][]byte {
	return [][]byte{n.ssid[:], transcript.U32(action)}
}

func internal(err error) error { return wire.Errorf(wire.CodeInternal, "dkls18: %v", err) }
