package onecall

import (
	"crypto/subtle"
	"io"

	"tandem/go/correlation"
	"tandem/go/deal"
	"tandem/go/ecdsa"
	"tandem/go/secp256k1"
	"tandem/go/transcript"
	"tandem/go/wire"
)

// Request begins signatures of the digests, 1 to 8, under the key derived by path, with the action peer, from the share's
// correlation with it. It returns the session, a secret of some 200 bytes and 107 for each digest that is for [Check] and
// [Finish], and the request, of some 200 bytes and 104 for each digest. rand gives the 32 fresh bytes of a hedged stream.
//
// The session lives in memory only. An error has code input if there are no digests or too many, or the path does not parse;
// session if the correlation is one of another key, epoch or pair of signers; internal if rand fails.
func Request(
	share *deal.KeyShare, c *correlation.Correlation, peer int, digests [][32]byte, path string, rand io.Reader,
) (session, request []byte, err error) {
	if err := c.Check(share, peer); err != nil {
		return nil, nil, err
	}
	n, err := newInstance(&share.Key, c.User, c.Action, c.ID, digests, path)
	if err != nil {
		return nil, nil, err
	}
	secret := share.X.Bytes()
	defer clear(secret)
	stream, err := transcript.NewStream(rand, labelUser, secret, n.terms[:])
	if err != nil {
		return nil, nil, internal(err)
	}
	defer stream.Clear()

	m := &requestMessage{
		KeyID:   share.ID,
		Signers: []int{c.User, c.Action},
		ID:      c.ID,
		Seed:    c.Seed,
		Delta:   [32]byte(c.Delta.Bytes()),
		Items:   make([]requestItem, len(digests)),
	}
	state := &sessionState{
		Round:  1,
		ID:     c.ID,
		MACKey: c.MACKey,
		Action: c.Action,
		Q:      [33]byte(n.key.Q.Bytes()),
		Items:  make([]sessionItem, len(digests)),
	}
	defer state.clear()
	stream.Read(m.Nonce[:])
	n.begin(&m.Nonce)
	var D secp256k1.Point
	for i := range digests {
		item, own := &m.Items[i], &state.Items[i]
		k := stream.Scalar()
		D.ScalarBaseMult(k).PutBytes(item.D[:])
		own.Digest, own.D = digests[i], item.D
		k.PutBytes(own.K[:])
		err := transcript.Generator.Prove(item.Proof[:], stream, labelProofU, item.D[:], k, contextU(&n.sid, c.User, i)...)
		k.Clear()
		if err != nil {
			return nil, nil, internal(err)
		}
	}
	n.bind(m)
	state.SID, state.SSID = n.sid, n.ssid
	if request, err = wire.Marshal(m.Fields); err != nil {
		return nil, nil, err
	}
	session, err = wire.Marshal(state.Fields)
	return session, request, err
}

// Check reports whether the response is the action's, unaltered, to the session's request: what has to be known before the
// correlation is taken out of its store for [Finish]. No secret meets the response but the MAC key.
//
// The codes of its errors, after each of which the session and the correlation still stand:
//   - input: the response does not parse.
//   - stale: the response is to another request, or it is not the action's, or it was altered on its way; or the request was.
//   - session: the session is not one of onecall.
func Check(session, response []byte) error {
	state, err := decodeSession(session)
	if err != nil {
		return err
	}
	defer state.clear()
	_, _, err = state.accept(response)
	return err
}

// Finish makes the signatures, in the order of the request's digests, from the response to the session's request.
//
// The codes of its errors are those of [Check], and
//   - session, too, if the correlation is not that of the request.
//   - check: the action has sent a response that is wrong. It may have learned digits of Δ: destroy the correlation and lock the
//     share, then show the error. The message does not tell which check it was.
func Finish(c *correlation.Correlation, session, response []byte) ([]ecdsa.Signature, error) {
	state, err := decodeSession(session)
	if err != nil {
		return nil, err
	}
	defer state.clear()
	if c.ID != state.ID || subtle.ConstantTimeCompare(c.MACKey[:], state.MACKey[:]) != 1 {
		return nil, wire.Errorf(wire.CodeSession, "the correlation is not that of the request")
	}
	m, t, err := state.accept(response)
	if err != nil {
		return nil, err
	}
	if !state.open() {
		return nil, errSession()
	}
	sums, ok := c.Receive(state.SSID[:], m.rho(&state.SSID), t, &m.Message, correlation.NewGadget(&c.Seed, &c.ID))
	if !ok {
		return nil, errCheck()
	}
	defer clearScalars(sums)
	signatures := make([]ecdsa.Signature, len(sums))
	for i := range sums {
		signature := state.finish(i, &m.Items[i], &sums[i])
		if signature == nil {
			return nil, errCheck()
		}
		signatures[i] = *signature
	}
	return signatures, nil
}

func errSession() error { return wire.Errorf(wire.CodeSession, "not a session of onecall") }

// errCheck is the one answer to every failed check.
func errCheck() error {
	return wire.Errorf(wire.CodeCheck, "the response failed a check: its sender may be cheating")
}

// opened is a session, decoded; open decodes its points and scalars. It holds secrets: clear it.
type opened struct {
	sessionState
	q *secp256k1.Comb
	d []*transcript.Base
	k [MaxDigests]secp256k1.Scalar

	inverse, t secp256k1.Scalar // scratch
	point      secp256k1.Point
	bytes      [secp256k1.PointSize]byte
}

func (s *opened) clear() {
	s.sessionState.clear()
	*s = opened{}
}

func decodeSession(data []byte) (*opened, error) {
	s := new(opened)
	if !s.decode(data) {
		s.clear()
		return nil, errSession()
	}
	return s, nil
}

func (s *opened) decode(data []byte) bool {
	return wire.Unmarshal(data, maxSession, s.sessionState.Fields) == nil && s.Round == 1 &&
		len(s.Items) >= 1 && len(s.Items) <= MaxDigests
}

func (s *opened) open() bool {
	if _, err := s.point.SetBytes(s.Q[:]); err != nil {
		return false
	}
	s.q = secp256k1.NewComb(&s.point)
	for i := range s.Items {
		D, err := transcript.DecodeBase(s.Items[i].D)
		if err != nil {
			return false
		}
		s.d = append(s.d, D)
		if _, err := s.k[i].SetBytes(s.Items[i].K[:]); err != nil || s.k[i].IsZero() == 1 {
			return false
		}
	}
	return true
}

// accept decodes a response and checks its MAC. It returns T with it.
func (s *opened) accept(response []byte) (*responseMessage, *[32]byte, error) {
	m, err := decodeResponse(response)
	if err != nil {
		return nil, nil, err
	}
	same := m.SID == s.SID && len(m.Digests) == len(s.Items)
	for i := 0; same && i < len(s.Items); i++ {
		same = m.Digests[i] == s.Items[i].Digest
	}
	if !same {
		return nil, nil, wire.Errorf(wire.CodeStale, "the response is to another request")
	}
	t := correlation.Transcript(s.SSID[:], m.rho(&s.SSID), m.Tau)
	mac := m.mac(&s.MACKey, &s.SSID, &t)
	if subtle.ConstantTimeCompare(mac[:], m.MAC[:]) != 1 {
		return nil, nil, wire.Errorf(wire.CodeStale, "the response is not the action's, or it or the request was altered on its way")
	}
	return m, &t, nil
}

// decodeResponse accepts a response whose parts are as many and as long as they must be.
func decodeResponse(data []byte) (*responseMessage, error) {
	m := new(responseMessage)
	if err := wire.Unmarshal(data, maxResponse, m.Fields); err != nil {
		return nil, err
	}
	n := len(m.Items)
	if n < 1 || n > MaxDigests || len(m.Digests) != n || len(m.Tau) != correlation.TauSize(n) {
		return nil, wire.Errorf(wire.CodeInput, "response: not one part for each digest")
	}
	return m, nil
}

// finish makes signature i, from E_i, or returns nil if a check fails.
func (s *opened) finish(i int, item *responseItem, E *secp256k1.Scalar) *ecdsa.Signature {
	D, t := s.d[i], &s.t
	var rPrime, R secp256k1.Point
	if _, err := rPrime.SetBytes(item.RPrime[:]); err != nil {
		return nil
	}
	D.ScalarMult(&R, hash(labelR, &s.SSID, i, item.RPrime[:]))
	R.Add(&R, &rPrime)
	statement := transcript.NewBase(&R)
	if !D.Verify(labelProofA, statement, item.Proof[:], contextA(&s.SSID, s.Action, i)...) {
		return nil
	}
	// s = (η - H_Γ(E·G) + E)/k
	if _, err := t.SetBytes(item.Eta[:]); err != nil {
		return nil
	}
	s.point.ScalarBaseMult(E)
	s.point.PutBytes(s.bytes[:])
	mask := hash(labelGamma, &s.SSID, i, s.bytes[:])
	t.Sub(t, mask)
	mask.Clear()
	t.Add(t, E)
	t.Mul(t, s.inverse.Invert(&s.k[i]))
	var m secp256k1.Scalar
	signature, err := ecdsa.Complete(s.q, m.SetDigest(s.Items[i].Digest[:]), &R, t)
	if err != nil {
		return nil // an honest one, whose r is not below q, with probability 2^-127
	}
	return signature
}
