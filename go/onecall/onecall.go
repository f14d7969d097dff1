// Package onecall makes up to eight ECDSA signatures with two shares of a 2-of-n key in one round trip, from a correlation
// (package correlation) that the two set up once. The user asks, an action answers, the user finishes. The nonce is that of
// DKLs18 (ePrint 2018/499), and so are masks that only an honest user can take off, in the place of proofs of correct
// multiplication; that the action's part of a signature is one affine function of the user's share is Lindell's (ePrint
// 2017/552), in one round trip as in ePrint 2024/1950. The composition is this project's own: docs/protocol.md argues for it.
//
// The action stores nothing and checks nothing against a secret: it may be asked again at will, with any message. The user,
// who remembers, is the one with checks.
//
// # Notation
//
// That of package correlation. t_U + t_A is the private key of Q, the public key after derivation: for a path (package bip32) its
// tweak is added to t_A. T_U = t_U·G, which the action computes from X_U of its own share. m_i is digest i modulo q, i < n, and
// n is 1 to 8. Points are 33 bytes, compressed; a point that comes out as the identity enters a hash as 33 zero bytes.
//
//	terms = Hash("ONE-TERMS", key id, U32(U), U32(A), id, U32 of each index of the path one after the other, the digests one
//	        after the other)
//	sid   = Hash("ONE-SID", terms, nonce)
//	ssid  = Hash("ONE-SSID", sid, path, digests, seed, δ, D_0 ‖ ... ‖ D_(n-1))
//	H_R(i, R') = Scalar("ONE-R", ssid, U32(i), R'), H_Γ(i, Γ) = Scalar("ONE-GAMMA", ssid, U32(i), Γ)
//
// with path and digests in ssid as in terms, and id, seed and δ those of the correlation. ssid binds all that the user
// sends, so that what a relay alters shows as a wrong MAC.
//
// # Messages
//
// Request, from the user. Its randomness is a stream hedged under the label "ONE-USER" with x_U as the secret and terms as what
// was received. It draws the nonce, 32 bytes, and then for each i: k_i (below: k_{U,i}), and the nonce of its proof, 48 bytes
// modulo q each.
//
//	D_i = k_i·G          transcript.Prove("ONE-POK-U", base G, k_i, context sid, U32(U), U32(i))
//
//	1 version: 1   2 kind: "onecall/request"   3 key id   4 [U, A]   5 id   6 seed   7 δ   8 nonce
//	9 a list of n: 1 D_i   2 the proof of k_i
//
// Digests and path are not in it: the action computes them itself, from what it agrees to sign.
//
// Response, from the action. Its randomness is a stream hedged under the label "ONE-ACT" with x_A ‖ K as the secret and
// ssid ‖ Hash("ONE-INPUT", request, inputs) as what was received, where inputs stands for whatever else the action read. It
// draws for each i: k'_i, and the nonce of π_i; and then â; 48 bytes modulo q each.
//
//	R'_i = k'_i·D_i          k_{A,i} = H_R(i, R'_i) + k'_i          R_i = k_{A,i}·D_i          r_i = R_i.x mod q
//	π_i = transcript.Prove("ONE-POK-A", base D_i, k_{A,i}, context ssid, U32(A), U32(i))
//	a_i = r_i/k_{A,i}          ρ = the first 15 bytes of Hash("ONE-RHO", ssid, R'_0 ‖ ... ‖ R'_(n-1))
//
// The vector OLE of package correlation under ssid and ρ for α = (a_0, ..., a_(n-1), â) gives τ, η̂, μ, T and the outputs V_i.
//
//	w_i = V_i + a_i δ          Γ_i = a_i·T_U - w_i·G
//	η_i = (m_i + r_i t_A)/k_{A,i} + w_i + H_Γ(i, Γ_i)
//	mac = HMAC-SHA256(MAC key, ssid ‖ T ‖ η̂ ‖ μ ‖ R'_0 ‖ π_0 ‖ η_0 ‖ R'_1 ‖ ...)
//
//	1 version: 1   2 kind: "onecall/response"   3 sid   4 a list of the digests   5 τ   6 η̂   7 μ
//	8 a list of n: 1 R'_i   2 π_i   3 η_i          9 mac
//
// Finish, by the user: sid, digests and mac come first, and no secret meets an answer with a wrong one. From then on
// everything wrong is the action's doing, a scalar that is not canonical too. The vector OLE gives outputs E_i, if μ is right.
//
//	R_i = H_R(i, R'_i)·D_i + R'_i; check π_i
//	s_i = (η_i - H_Γ(i, E_i·G) + E_i)/k_i
//
// The signatures (r_i, s_i) are verified, then brought to low s.
//
// # What the caller must see to
//
// A session lives in memory only and is given to Finish until that finds something else than stale or input, and then never
// again: two signatures from one request share k_U, from which an action that cheats would compute the key. Sending the same
// request again after a lost answer is safe.
//
// Before Finish, and after Check, the correlation is taken out of its store, and put back only when Finish has returned signatures.
// If Finish fails with code check, the answer may have cost digits of Δ: the correlation must be destroyed and the share
// locked before the error is shown. An action that may guess again and again at one Δ gets t_U.
package onecall

import (
	"tandem/go/bip32"
	"tandem/go/correlation"
	"tandem/go/deal"
	"tandem/go/internal/mac"
	"tandem/go/internal/sha2"
	"tandem/go/secp256k1"
	"tandem/go/transcript"
	"tandem/go/wire"
)

// MaxDigests is the most signatures that one call makes.
const MaxDigests = correlation.MaxWidth

const (
	kindRequest  = "onecall/request"
	kindResponse = "onecall/response"
	kindSession  = "onecall/session"

	labelUser   = "ONE-USER" // the user's stream
	labelAct    = "ONE-ACT"  // the action's
	labelTerms  = "ONE-TERMS"
	labelSID    = "ONE-SID"
	labelSSID   = "ONE-SSID"
	labelInput  = "ONE-INPUT"
	labelProofU = "ONE-POK-U"
	labelProofA = "ONE-POK-A"
	labelR      = "ONE-R"
	labelRho    = "ONE-RHO"
	labelGamma  = "ONE-GAMMA"
)

const maxRequest = MaxDigests*(secp256k1.PointSize+transcript.ProofSize+16) + 512

var (
	maxResponse = correlation.TauSize(MaxDigests) + MaxDigests*256 + 512
	maxSession  = MaxDigests*128 + 5*bip32.MaxDepth + 1024
)

// requestMessage goes from the user to the action.
type requestMessage struct {
	KeyID   [32]byte
	Signers []int    // user, action
	ID      [32]byte // of the correlation
	Seed    [32]byte
	Delta   [32]byte
	Nonce   [32]byte
	Items   []requestItem
}

// Fields names the fields to package wire.
func (m *requestMessage) Fields(c *wire.Coder) {
	c.Header(kindRequest)
	c.Key(3).Array(m.KeyID[:])
	c.Key(4).Ints(&m.Signers)
	c.Key(5).Array(m.ID[:])
	c.Key(6).Array(m.Seed[:])
	c.Key(7).Array(m.Delta[:])
	c.Key(8).Array(m.Nonce[:])
	wire.List(c.Key(9), &m.Items)
	for i := range m.Items {
		c.Struct(m.Items[i].Fields)
	}
}

type requestItem struct {
	D     [33]byte
	Proof [64]byte
}

// Fields names the fields to package wire.
func (m *requestItem) Fields(c *wire.Coder) {
	c.Key(1).Array(m.D[:])
	c.Key(2).Array(m.Proof[:])
}

// responseMessage is the answer.
type responseMessage struct {
	SID     [32]byte
	Digests [][32]byte
	Items   []responseItem
	MAC     [32]byte

	correlation.Message // 5 to 7
}

// Fields names the fields to package wire.
func (m *responseMessage) Fields(c *wire.Coder) {
	c.Header(kindResponse)
	c.Key(3).Array(m.SID[:])
	wire.List(c.Key(4), &m.Digests)
	for i := range m.Digests {
		c.Array(m.Digests[i][:])
	}
	m.Message.Fields(c)
	wire.List(c.Key(8), &m.Items)
	for i := range m.Items {
		c.Struct(m.Items[i].Fields)
	}
	c.Key(9).Array(m.MAC[:])
}

type responseItem struct {
	RPrime [33]byte
	Proof  [64]byte
	Eta    [32]byte
}

// Fields names the fields to package wire.
func (m *responseItem) Fields(c *wire.Coder) {
	c.Key(1).Array(m.RPrime[:])
	c.Key(2).Array(m.Proof[:])
	c.Key(3).Array(m.Eta[:])
}

// sessionState is what the user keeps between Request and Finish.
type sessionState struct {
	Round  int
	ID     [32]byte // of the correlation
	MACKey [32]byte
	Action int
	Q      [33]byte // that the path derives
	SID    [32]byte
	SSID   [32]byte
	Items  []sessionItem
}

// Fields names the fields to package wire.
func (s *sessionState) Fields(c *wire.Coder) {
	c.Header(kindSession)
	c.Key(3).Int(&s.Round)
	c.Key(4).Array(s.ID[:])
	c.Key(5).Array(s.MACKey[:])
	c.Key(6).Int(&s.Action)
	c.Key(7).Array(s.Q[:])
	c.Key(8).Array(s.SID[:])
	c.Key(9).Array(s.SSID[:])
	wire.List(c.Key(10), &s.Items)
	for i := range s.Items {
		c.Struct(s.Items[i].Fields)
	}
}

type sessionItem struct {
	Digest [32]byte
	K      [32]byte // k_i
	D      [33]byte
}

// Fields names the fields to package wire.
func (s *sessionItem) Fields(c *wire.Coder) {
	c.Key(1).Array(s.Digest[:])
	c.Key(2).Array(s.K[:])
	c.Key(3).Array(s.D[:])
}

func (s *sessionState) clear() {
	clear(s.MACKey[:])
	clear(s.Items)
}

// instance is what an execution signs, and under which ids.
type instance struct {
	terms   [32]byte
	sid     [32]byte
	ssid    [32]byte
	key     *bip32.Child
	path    []byte // encoded
	digests []byte // one after the other
}

func newInstance(key *deal.Key, user, action int, id [32]byte, digests [][32]byte, path string) (*instance, error) {
	if len(digests) < 1 || len(digests) > MaxDigests {
		return nil, wire.Errorf(wire.CodeInput, "%d digests, 1 to %d are signed in one call", len(digests), MaxDigests)
	}
	indices, err := bip32.ParsePath(path)
	if err != nil {
		return nil, err
	}
	n := new(instance)
	if n.key, err = bip32.Derive(key.Q, key.ChainCode[:], indices); err != nil {
		return nil, err
	}
	for _, index := range indices {
		n.path = append(n.path, transcript.U32(int(index))...)
	}
	for i := range digests {
		n.digests = append(n.digests, digests[i][:]...)
	}
	n.terms = transcript.Hash(labelTerms, key.ID[:], transcript.U32(user), transcript.U32(action), id[:], n.path, n.digests)
	return n, nil
}

// begin sets the sid.
func (n *instance) begin(nonce *[32]byte) { n.sid = transcript.Hash(labelSID, n.terms[:], nonce[:]) }

// bind sets the ssid, for the request's seed, δ and D_i.
func (n *instance) bind(m *requestMessage) {
	var points []byte
	for i := range m.Items {
		points = append(points, m.Items[i].D[:]...)
	}
	n.ssid = transcript.Hash(labelSSID, n.sid[:], n.path, n.digests, m.Seed[:], m.Delta[:], points)
}

// hash is H_R or H_Γ of an encoded point.
func hash(label string, ssid *[32]byte, i int, point []byte) *secp256k1.Scalar {
	return transcript.Scalar(label, ssid[:], transcript.U32(i), point)
}

// contextU is what the proof of k_i is bound to, contextA what π_i is.
func contextU(sid *[32]byte, user, i int) [][]byte {
	return [][]byte{sid[:], transcript.U32(user), transcript.U32(i)}
}

func contextA(ssid *[32]byte, action, i int) [][]byte {
	return [][]byte{ssid[:], transcript.U32(action), transcript.U32(i)}
}

// rho is ρ.
func (m *responseMessage) rho(ssid *[32]byte) []byte {
	var points []byte
	for i := range m.Items {
		points = append(points, m.Items[i].RPrime[:]...)
	}
	sum := transcript.Hash(labelRho, ssid[:], points)
	return sum[:correlation.RhoSize]
}

// mac is that of a response, given T.
func (m *responseMessage) mac(key, ssid, t *[32]byte) [32]byte {
	parts := [][]byte{ssid[:], t[:], m.EtaHat[:], m.Mu[:]}
	for i := range m.Items {
		parts = append(parts, m.Items[i].RPrime[:], m.Items[i].Proof[:], m.Items[i].Eta[:])
	}
	var sum [32]byte
	mac.HMAC(sum[:], sha2.New256(), key[:], parts...)
	return sum
}

func clearScalars(scalars []secp256k1.Scalar) {
	for i := range scalars {
		scalars[i].Clear()
	}
}

func internal(err error) error { return wire.Errorf(wire.CodeInternal, "onecall: %v", err) }
