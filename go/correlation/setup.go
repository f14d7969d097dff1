package correlation

import (
	"bytes"
	"crypto/subtle"
	"io"

	"tandem/go/deal"
	"tandem/go/internal/chacha"
	"tandem/go/ot"
	"tandem/go/secp256k1"
	"tandem/go/transcript"
	"tandem/go/wire"
)

// requestMessage goes from the user to the action.
type requestMessage struct {
	Nonce [32]byte
	OT    []byte
}

// Fields names the fields to package wire.
func (m *requestMessage) Fields(c *wire.Coder) {
	c.Header(kindRequest)
	c.Key(3).Array(m.Nonce[:])
	c.Key(4).Bytes(&m.OT)
}

// answerMessage is the answer.
type answerMessage struct {
	B         [33]byte
	Encrypted [ots * 2 * nodeSize]byte
	Sums      [Digits * hashSize]byte
	All       [hashSize]byte
	Proof     [transcript.ProofSize]byte
}

// Fields names the fields to package wire.
func (m *answerMessage) Fields(c *wire.Coder) {
	c.Header(kindAnswer)
	c.Key(3).Array(m.B[:])
	c.Key(4).Array(m.Encrypted[:])
	c.Key(5).Array(m.Sums[:])
	c.Key(6).Array(m.All[:])
	c.Key(7).Array(m.Proof[:])
}

// sessionState is what the user keeps between Request and Accept.
type sessionState struct {
	Round      int
	Peer       int
	Seed       [32]byte // of the user's stream
	M          [32]byte // hash of the request
	Transcript [32]byte // T of the OTs
}

// Fields names the fields to package wire.
func (s *sessionState) Fields(c *wire.Coder) {
	c.Header(kindSession)
	c.Key(3).Int(&s.Round)
	c.Key(4).Int(&s.Peer)
	c.Key(5).Array(s.Seed[:])
	c.Key(6).Array(s.M[:])
	c.Key(7).Array(s.Transcript[:])
}

const maxSession = 512

var (
	maxRequest = ot.MessageSize(ots) + 256
	maxAnswer  = ots*2*nodeSize + Digits*hashSize + 512
)

// user is the user's side of the set-up, all of it made from a seed.
type user struct {
	nonce   [32]byte
	choices [ots / 8]byte
	ots     *ot.Receiver
	stream  *transcript.Stream
}

func newUser(seed []byte) (*user, error) {
	u := &user{stream: transcript.StreamFromSeed(seed, labelUser)}
	u.stream.Read(u.nonce[:])
	u.stream.Read(u.choices[:])
	var err error
	u.ots, err = ot.NewReceiver(u.nonce[:], u.choices[:], ots, u.stream)
	return u, err
}

// digit returns Δ_c.
func (u *user) digit(c int) byte {
	digit := 0
	for l := range Bits {
		digit = digit<<1 | 1 ^ ot.Bit(u.choices[:], Bits*c+l)
	}
	return byte(digit)
}

func (u *user) clear() {
	clear(u.choices[:])
	u.stream.Clear()
	u.ots.Clear()
}

// Request begins the set-up of a correlation with the action peer. It returns the session, a secret of some 150 bytes that
// is for [Accept], and the request, of some 27.8 KB. It may be asked for before the key exists. secret is what the user has
// that is secret and of this key, and of this attempt if possible: the key share, or in a deal the session. It hedges against a
// random source that repeats itself; rand gives the 32 fresh bytes of the hedged stream.
//
// The session lives in memory only. An error has code internal: rand failed.
func Request(secret []byte, peer int, rand io.Reader) (session, request []byte, err error) {
	seed, err := transcript.HedgedSeed(rand, labelUser, secret, transcript.U32(peer))
	if err != nil {
		return nil, nil, internal(err)
	}
	defer clear(seed)
	u, err := newUser(seed)
	if err != nil {
		return nil, nil, err
	}
	defer u.clear()
	message, err := u.ots.Message(u.stream)
	if err != nil {
		return nil, nil, err
	}
	request, err = wire.Marshal((&requestMessage{u.nonce, message}).Fields)
	if err != nil {
		return nil, nil, err
	}
	state := &sessionState{
		Round:      1,
		Peer:       peer,
		Seed:       [32]byte(seed),
		M:          transcript.Hash(labelM, request),
		Transcript: [32]byte(ot.Transcript(u.nonce[:], message)),
	}
	defer clear(state.Seed[:])
	session, err = wire.Marshal(state.Fields)
	return session, request, err
}

// Respond answers the request of the party peer, with an answer of some 30 KB. The same request gets the same answer, except
// for the proof in it; nothing is to be kept. rand gives the 32 fresh bytes of a hedged stream. In a deal the caller answers
// only once its checks of round 3 are done.
//
// Whether it answers depends on the arguments other than share's secret, never on the secret: an error has code input if
// the request does not parse, a point of it is not valid, the key does not have threshold 2 or peer is not another party of it.
// The code is internal if rand fails.
func Respond(share *deal.KeyShare, peer int, request []byte, rand io.Reader) (answer []byte, err error) {
	if err := CheckPair(share, peer); err != nil {
		return nil, err
	}
	m, err := decodeRequest(request)
	if err != nil {
		return nil, err
	}
	id := identity(transcript.Hash(labelM, request), &share.Key, peer, share.Index)
	y := derive(share.X, infoY, &id, secp256k1.UniformSize)
	defer clear(y)
	keys, err := ot.Send(m.Nonce[:], m.OT, ots, bytes.NewReader(y))
	if err != nil {
		return nil, err
	}
	defer keys.Clear()
	k := derive(share.X, infoK, &id, nodeSize)
	defer clear(k)

	a := &answerMessage{B: [33]byte(keys.B.Bytes())}
	f, checker := newForest(k), newChecker()
	defer f.clear()
	defer checker.clear()
	checks := make([]byte, Digits*checksSize)
	defer clear(checks)
	for c := range Digits {
		f.plant(c)
		for level := range Bits {
			f.grow(level)
			for side := range 2 {
				encrypted := a.Encrypted[nodeSize*(2*(Bits*c+level)+side):][:nodeSize]
				keys.Expand(encrypted, Bits*c+level, side)
				var sum chacha.Key
				f.sum(&sum, level+1, side)
				xorNode(encrypted, &sum)
			}
		}
		own := checks[checksSize*c:][:checksSize]
		f.checks(own, checker)
		addAll(a.Sums[hashSize*c:][:hashSize], own)
	}
	a.All = transcript.Hash(labelAll, id[:], checks)

	digest := a.digest(&id)
	secret := share.X.Bytes()
	defer clear(secret)
	stream, err := transcript.NewStream(rand, labelAct, secret, digest[:])
	if err != nil {
		return nil, internal(err)
	}
	defer stream.Clear()
	X, err := share.PublicShare(share.Index)
	if err != nil {
		return nil, err
	}
	context := [][]byte{digest[:], transcript.U32(share.Index)}
	if err := transcript.Generator.Prove(a.Proof[:], stream, labelProof, X.Bytes(), share.X, context...); err != nil {
		return nil, internal(err)
	}
	return wire.Marshal(a.Fields)
}

// CheckPair returns an error of code input unless the key has threshold 2 and peer is another party of it than the share's.
func CheckPair(share *deal.KeyShare, peer int) error {
	if share.Threshold != 2 {
		return wire.Errorf(wire.CodeInput, "this key needs %d signers, a correlation is for two", share.Threshold)
	}
	if peer == share.Index {
		return wire.Errorf(wire.CodeInput, "party %d cannot sign with itself", peer)
	}
	_, err := share.PublicShare(peer)
	return err
}

func decodeRequest(data []byte) (*requestMessage, error) {
	m := new(requestMessage)
	return m, wire.Unmarshal(data, maxRequest, m.Fields)
}

// digest is what the action signs.
func (a *answerMessage) digest(id *[32]byte) [32]byte {
	return transcript.Hash(labelAnswer, id[:], a.B[:], a.Encrypted[:], a.Sums[:], a.All[:])
}

// checks puts the check values of the leaves in dst.
func (t *tree) checks(dst []byte, checker *checker) {
	for x := range leaves {
		t.get(&t.node, place(byte(x), Bits))
		checker.put(dst[hashSize*x:], &t.node)
	}
}

// addAll adds values of the length of sum to it, by XOR.
func addAll(sum, values []byte) {
	for ; len(values) > 0; values = values[len(sum):] {
		subtle.XORBytes(sum, sum, values[:len(sum)])
	}
}

// xorNode adds node to b.
func xorNode(b []byte, node *chacha.Key) {
	var encoded [nodeSize]byte
	node.Put(encoded[:])
	subtle.XORBytes(b, b, encoded[:])
	clear(encoded[:])
}

// Accept makes the correlation, from the action's answer to the session's request. share is the user's.
//
// The codes of its errors:
//   - input: the answer does not parse, or the key does not have threshold 2. The session still stands.
//   - stale: the answer is not signed by the action, for this request and this share: somebody else's, or changed on its way.
//     The session still stands.
//   - session: the session is not one of this package.
//   - party: the action has signed an answer that is wrong. The session has ended: nothing is lost, since the user's share was
//     not used, but who asks again must not do so without end.
func Accept(share *deal.KeyShare, session, answer []byte) (*Correlation, error) {
	state, err := decodeSession(session)
	if err != nil {
		return nil, err
	}
	defer clear(state.Seed[:])
	if err := CheckPair(share, state.Peer); err != nil {
		return nil, err
	}
	a, err := decodeAnswer(answer)
	if err != nil {
		return nil, err
	}
	X, err := share.PublicShare(state.Peer)
	if err != nil {
		return nil, err
	}
	id := identity(state.M, &share.Key, share.Index, state.Peer)
	digest := a.digest(&id)
	statement := transcript.NewBase(X)
	if !transcript.Generator.Verify(labelProof, statement, a.Proof[:], digest[:], transcript.U32(state.Peer)) {
		return nil, wire.Errorf(wire.CodeStale, "the answer is not the action's to this request")
	}

	c := &Correlation{ID: id, KeyID: share.ID, Epoch: share.Epoch, User: share.Index, Action: state.Peer}
	if err := c.receive(state, a); err != nil {
		c.Clear()
		return nil, err
	}
	c.Seed = transcript.Hash(labelSeed, state.Seed[:])
	c.Delta, err = share.Summand(state.Peer)
	if err != nil {
		c.Clear()
		return nil, err
	}
	var term secp256k1.Scalar
	for i, g := range NewGadget(&c.Seed, &c.ID) {
		term.SetUint64(uint64(c.digits[i]))
		term.Mul(&term, &g)
		c.Delta.Sub(c.Delta, &term)
	}
	term.Clear()
	return c, nil
}

// receive sets the digits, the nodes and the MAC key, if the action's leaves are what its answer says.
func (c *Correlation) receive(state *sessionState, a *answerMessage) error {
	u, err := newUser(state.Seed[:])
	if err != nil {
		return err
	}
	defer u.clear()
	wrong := wire.PartyErrorf(state.Peer, "the set-up of the action is not consistent")
	B, err := new(secp256k1.Point).SetBytes(a.B[:])
	if err != nil {
		return wrong
	}
	keys, err := u.ots.Keys(state.Transcript[:], B)
	if err != nil {
		return err
	}
	defer keys.Clear()

	t, checker := new(tree), newChecker()
	defer t.clear()
	defer checker.clear()
	checks := make([]byte, Digits*checksSize)
	defer clear(checks)
	var own [Bits * nodeSize]byte // keys of a tree's OTs
	defer clear(own[:])
	for i := range c.digits {
		c.digits[i] = u.digit(i)
		for level := range Bits {
			keys.Expand(own[nodeSize*level:][:nodeSize], Bits*i+level)
		}
		at := len(own) * i
		t.rebuild(c.digits[i], own[:], a.Encrypted[2*at:], c.nodes[at:])
		t.checksPunctured(checks[checksSize*i:][:checksSize], a.Sums[hashSize*i:][:hashSize], c.digits[i], checker)
	}
	all := transcript.Hash(labelAll, c.ID[:], checks)
	if subtle.ConstantTimeCompare(all[:], a.All[:]) != 1 {
		return wrong
	}
	macKey(&c.MACKey, &c.ID, checks[:checksSize])
	return nil
}

// rebuild makes the leaves of a tree but the one at its digit, from the keys of its OTs and what these encrypt, and sets the
// nodes that a correlation keeps.
func (t *tree) rebuild(digit byte, keys, encrypted, nodes []byte) {
	var known chacha.Key
	for level := range Bits {
		t.growPunctured(level, digit)
		// What this is for U is the sum of all nodes on the sibling's side: less those that are known, it is the sibling.
		chosen := nodes[nodeSize*level:][:nodeSize]
		both := encrypted[2*nodeSize*level:][:2*nodeSize]
		right := digit>>(Bits-1-level)&1 - 1 // all ones for the choice 1
		for k := range chosen {
			chosen[k] = keys[nodeSize*level+k] ^ both[k] ^ right&(both[k]^both[nodeSize+k])
		}
		t.sum(&known, level+1, 1)
		t.node.Set(chosen)
		xor(&t.node, &known)
		t.set(sibling(level), &t.node)
		t.node.Put(chosen)
	}
}

// checksPunctured puts the check values of the leaves in dst, in the order of their places, given the sum of them all.
func (t *tree) checksPunctured(dst, sum []byte, digit byte, checker *checker) {
	t.checks(dst, checker)
	copy(dst, sum)
	addAll(dst[:hashSize], dst[hashSize:])
	// From y to y ⊕ digit, bit by bit.
	for b := range Bits {
		mask := -(digit >> b & 1)
		for y := range leaves {
			if other := y | 1<<b; other != y {
				swap(dst[hashSize*y:][:hashSize], dst[hashSize*other:][:hashSize], mask)
			}
		}
	}
}

// swap exchanges a and b if mask is all ones.
func swap(a, b []byte, mask byte) {
	for k := range a {
		d := (a[k] ^ b[k]) & mask
		a[k] ^= d
		b[k] ^= d
	}
}

func decodeSession(data []byte) (*sessionState, error) {
	state := new(sessionState)
	if wire.Unmarshal(data, maxSession, state.Fields) != nil || state.Round != 1 {
		return nil, wire.Errorf(wire.CodeSession, "not a session of a correlation's set-up")
	}
	return state, nil
}

func decodeAnswer(data []byte) (*answerMessage, error) {
	a := new(answerMessage)
	return a, wire.Unmarshal(data, maxAnswer, a.Fields)
}
