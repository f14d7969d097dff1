// Package correlation is what two signers set up once, so that any number of signatures (package onecall) follow by
// symmetric cryptography: a vector OLE in which the user's input Δ is fixed. The user keeps Δ and all but one leaf of each of
// 72 trees; the action keeps nothing, for the trees follow from its share. Trees over oblivious transfers, with a check of
// the leaves, are those of SoftSpokenOT (ePrint 2022/192); the fixed Δ in the place of a party's key share, under Paillier
// encryption there, is Lindell's (ePrint 2017/552). The composition is this project's own: docs/protocol.md argues for it.
//
// # Notation
//
// U is the index of the user, A that of the action, t_U the user's summand of the private key (deal.KeyShare.Summand), q the
// order of the group. Hash, Scalar and Expand are those of package transcript; U32 is 4 bytes, big endian. A scalar is 32 bytes,
// big endian, below q. Messages are maps with the integer keys given here; wire.cddl is their schema.
//
// There are 72 digits Δ_c of 6 bits, c = 0..71, and for each a tree of depth 6. bit_l(x) is bit l of x < 64 from the most
// significant, l = 0..5. The OTs are one batch of 432 of package ot; that with index 6c + l belongs to level l of tree c.
//
// # Set-up
//
// Request, from the user, who has a seed of 32 bytes: transcript.HedgedSeed with the label "CORR-USER", a secret of the
// user's and U32(A) as what was received. All else comes from the stream of that seed under the same label, in this order:
// the nonce, 32 bytes, which is the session id of the OTs; their choice bits, 54 bytes; what package ot draws. The choice bit of
// OT 6c + l is 1 - bit_l(Δ_c): that is what Δ is. M is the whole encoded request.
//
//	1 version: 1   2 kind: "correlation/request"   3 nonce   4 message of the OT receiver
//
// It does not tell for which key it is: both compute
//
//	id = Hash("CORR-ID", U32(1), Hash("CORR-M", M), key id, U32(epoch), U32(U), U32(A))
//
// the action from M as received, and from the share that it opened.
//
// Answer, from the action: K is 32 bytes of HKDF-SHA256 of x_A without salt, with info "onecall-v1-K" ‖ id; y, the secret of
// the OT sender, is 48 bytes of the same with info "onecall-v1-y" ‖ id, modulo q. (Nothing else of the answer is random
// but the nonce of the proof.) ChaCha20 is that of RFC 8439; its key stream begins with block 0.
//
//   - The root of tree c is bytes 32c to 32c+31 of the key stream under K with nonce 0.
//   - The children of a node are the first block of the key stream under the node with nonce 0: 32 bytes are the left child,
//     32 the right. Leaf x is reached by bit_0(x), ..., bit_5(x), 0 being left.
//   - The sums of level l are the XOR of all left children at depth l + 1, and that of all right ones. They are what OT
//     6c + l transfers: e_b = sum_b ⊕ 32 bytes of key_b.
//   - The check value of a leaf is SHA-256 of the 20 characters "TANDEM-V1-CORR-CHECK" and the leaf. The sum of tree c is the
//     XOR of its 64. All of them, tree by tree, leaf by leaf, are hashed: h = Hash("CORR-ALL", id, all).
//   - The proof is transcript.Prove("CORR-PROOF", G, x_A, context digest, U32(A)), where
//     digest = Hash("CORR-ANSWER", id, B, e, sums, h). Its nonce is the first 48 bytes of the stream that is hedged under the
//     label "CORR-ACT" with x_A as the secret and digest as what was received.
//
// So nobody else can answer in the action's place, and a relay that changes M or the answer is noticed.
//
//	1 version: 1   2 kind: "correlation/answer"   3 B   4 e: e_0 and e_1 of OT 0, of OT 1, ...   5 the sums of the trees
//	6 h   7 the proof
//
// The user checks the proof before all else. It then knows from the OTs the sums that are not on its path, from these all
// leaves but Δ_c, from the sum of the tree the one check value that is missing, and compares h once. It keeps
//
//	seed = Hash("CORR-SEED", the seed of the stream)
//	g_c: 32 bytes of Expand("CORR-GADGET", 2304, seed, id), modulo q, c = 0..71
//	δ = t_U - Σ g_c Δ_c
//	MAC key = Hash("CORR-MAC", id, the 64 check values of tree 0)
//
// and of each tree the nodes that hang off the path, at depth 1 to 6: siblings of the path's, from which all other leaves
// follow.
//
// # Vector OLE
//
// For α in Z_q^(n+1), known to the action, under an ssid that binds what is signed, and 15 bytes ρ that are never used twice:
//
//   - Pads: p_{c,x,2b} and p_{c,x,2b+1} are the halves of the ChaCha20 block under leaf x of tree c, 32 bytes big endian, modulo
//     q. The nonce is bytes 0 to 11 of ρ; the counter is, little endian, the byte b and bytes 12 to 14 of ρ.
//   - The action: τ_{c,h} = α_h - Σ_x p_{c,x,h} and v_{c,h} = Σ_x x·p_{c,x,h}, for h = 0..n. τ on the wire is that of tree 0, h = 0..n,
//     then that of tree 1, and so on.
//   - T = Hash("CORR-TAU", ssid, ρ, τ); θ_0, ..., θ_(n-1) are 48 bytes each of Expand("CORR-THETA", 48n, T), modulo q.
//     η̂ = α_n + Σ θ_h α_h; μ = Hash("CORR-MU", ssid, rows), where row c is v_{c,n} + Σ θ_h v_{c,h}, and rows are all 72 of them.
//   - The user: e_{c,h} = Σ_{x ≠ Δ_c} (Δ_c - x) p_{c,x,h} + Δ_c τ_{c,h}, which is Δ_c α_h - v_{c,h}. It accepts if μ is the hash of
//     the rows Δ_c η̂ - e_{c,n} - Σ θ_h e_{c,h}.
//   - Outputs, h < n: Σ g_c v_{c,h} of the action, Σ g_c e_{c,h} of the user. They add up to (t_U - δ)·α_h.
//
// # What the caller must see to
//
// The session of a request lives in memory only, is never written, and ends with the first answer that Accept does not
// call stale or input. A fresh request is made for every attempt. A correlation is a secret that outlives no failed check of
// package onecall, no reshare and no copy: see there.
package correlation

import (
	"slices"

	"tandem/go/deal"
	"tandem/go/internal/mac"
	"tandem/go/secp256k1"
	"tandem/go/transcript"
	"tandem/go/wire"
)

const (
	// Digits is N, the number of digits of Δ.
	Digits = 72
	// Bits is the width of a digit, and the depth of a tree.
	Bits = 6

	leaves     = 1 << Bits
	ots        = Digits * Bits
	nodeSize   = 32
	hashSize   = 32
	checksSize = leaves * hashSize // the check values of a tree
	wordCount  = 8                 // of a node

	kindRequest     = "correlation/request"
	kindAnswer      = "correlation/answer"
	kindSession     = "correlation/session"
	kindCorrelation = "correlation"

	labelUser   = "CORR-USER" // the user's stream
	labelAct    = "CORR-ACT"  // the action's
	labelM      = "CORR-M"
	labelID     = "CORR-ID"
	labelAll    = "CORR-ALL"
	labelAnswer = "CORR-ANSWER"
	labelProof  = "CORR-PROOF"
	labelSeed   = "CORR-SEED"
	labelGadget = "CORR-GADGET"
	labelMAC    = "CORR-MAC"
	labelTau    = "CORR-TAU"
	labelTheta  = "CORR-THETA"
	labelMu     = "CORR-MU"

	tagCheck = "TANDEM-V1-CORR-CHECK"
	infoK    = "onecall-v1-K"
	infoY    = "onecall-v1-y"
)

// Correlation is what the user keeps. It is secret: Clear it.
type Correlation struct {
	ID     [32]byte
	KeyID  [32]byte
	Epoch  uint32
	User   int
	Action int
	Seed   [32]byte          // of the gadget; the action sees it with the first signature
	Delta  *secp256k1.Scalar // δ; likewise
	MACKey [32]byte          // known to the action too

	digits [Digits]byte                   // Δ
	nodes  [Digits * Bits * nodeSize]byte // siblings of the paths, by tree and depth
}

// Check returns an error of code session unless the correlation is one of the share's party with peer, at the share's epoch.
func (c *Correlation) Check(share *deal.KeyShare, peer int) error {
	if c.KeyID != share.ID || c.Epoch != share.Epoch || c.User != share.Index || c.Action != peer {
		return wire.Errorf(wire.CodeSession, "the correlation is one of another key, epoch or pair of signers")
	}
	return nil
}

// Clear forgets the correlation.
func (c *Correlation) Clear() {
	clear(c.digits[:])
	clear(c.nodes[:])
	clear(c.MACKey[:])
	clear(c.Seed[:])
	if c.Delta != nil {
		c.Delta.Clear()
	}
}

type correlationMessage struct {
	ID      [32]byte
	KeyID   [32]byte
	Epoch   uint32
	Signers []int // user, action
	Seed    [32]byte
	Delta   [32]byte
	MACKey  [32]byte

	Digits [Digits]byte
	Nodes  [Digits * Bits * nodeSize]byte
}

// Fields names the fields to package wire.
func (m *correlationMessage) Fields(c *wire.Coder) {
	c.Header(kindCorrelation)
	c.Key(3).Array(m.ID[:])
	c.Key(4).Array(m.KeyID[:])
	c.Key(5).Uint32(&m.Epoch)
	c.Key(6).Ints(&m.Signers)
	c.Key(7).Array(m.Seed[:])
	c.Key(8).Array(m.Delta[:])
	c.Key(9).Array(m.MACKey[:])
	c.Key(10).Array(m.Digits[:])
	c.Key(11).Array(m.Nodes[:])
}

const maxCorrelation = Digits*Bits*nodeSize + 512

func (m *correlationMessage) clear() {
	clear(m.Seed[:])
	clear(m.Delta[:])
	clear(m.MACKey[:])
	clear(m.Digits[:])
	clear(m.Nodes[:])
}

// Encode returns the encoding of the correlation, a secret of some 14.1 KB.
func (c *Correlation) Encode() ([]byte, error) {
	m := &correlationMessage{
		ID:      c.ID,
		KeyID:   c.KeyID,
		Epoch:   c.Epoch,
		Signers: []int{c.User, c.Action},
		Seed:    c.Seed,
		MACKey:  c.MACKey,
		Digits:  c.digits,
		Nodes:   c.nodes,
	}
	defer m.clear()
	c.Delta.PutBytes(m.Delta[:])
	return wire.Marshal(m.Fields)
}

// Decode is the inverse of Encode. Everything else is an error of code session.
func Decode(data []byte) (*Correlation, error) {
	m := new(correlationMessage)
	defer m.clear()
	if wire.Unmarshal(data, maxCorrelation, m.Fields) != nil {
		return nil, errCorrelation()
	}
	delta, err := new(secp256k1.Scalar).SetBytes(m.Delta[:])
	if err != nil || len(m.Signers) != 2 || slices.Max(m.Digits[:]) >= leaves {
		return nil, errCorrelation()
	}
	return &Correlation{
		ID:     m.ID,
		KeyID:  m.KeyID,
		Epoch:  m.Epoch,
		User:   m.Signers[0],
		Action: m.Signers[1],
		Seed:   m.Seed,
		Delta:  delta,
		MACKey: m.MACKey,
		digits: m.Digits,
		nodes:  m.Nodes,
	}, nil
}

func errCorrelation() error { return wire.Errorf(wire.CodeSession, "not a correlation") }

// identity is the id of the correlation that the request M sets up.
func identity(mHash [32]byte, key *deal.Key, user, action int) [32]byte {
	return transcript.Hash(labelID, transcript.U32(wire.Version), mHash[:], key.ID[:], transcript.U32(int(key.Epoch)),
		transcript.U32(user), transcript.U32(action))
}

// derive returns n bytes of HKDF of a share's secret for one use under a correlation's id. The caller clears them.
func derive(x *secp256k1.Scalar, info string, id *[32]byte, n int) []byte {
	secret := x.Bytes()
	defer clear(secret)
	key := make([]byte, n)
	mac.HKDF(key, secret, nil, info+string(id[:]))
	return key
}

// Gadget is the g_c.
type Gadget [Digits]secp256k1.Scalar

// NewGadget returns the gadget of a seed.
func NewGadget(seed, id *[32]byte) *Gadget {
	g := new(Gadget)
	uniform := transcript.Expand(labelGadget, Digits*hashSize, seed[:], id[:])
	for c := range g {
		g[c].SetDigest(uniform[hashSize*c:][:hashSize])
	}
	return g
}

// macKey sets dst to the key of the MACs, given the check values of tree 0.
func macKey(dst, id *[32]byte, checks []byte) {
	h := transcript.NewPrefix(labelMAC)
	h.Expand(dst[:], id[:], checks)
	h.Clear()
}

func internal(err error) error { return wire.Errorf(wire.CodeInternal, "correlation: %v", err) }

func clearScalars(scalars []secp256k1.Scalar) {
	for i := range scalars {
		scalars[i].Clear()
	}
}
