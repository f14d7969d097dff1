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
		Version: wire.Version,
		Kind:    kindRequest,
		KeyID:   share.ID,
		Signers: []int{c.User, c.Action},
		ID:      c.ID,
		Seed:    c.Seed,
		Delta:   [32]byte(c.Delta.Bytes()),
		Items:   make([]requestItem, len(digests)),
	}
	state := &sessionState{
		Version: wire.Version,
		Kind:    kindSession,
		Round:   1,
		ID:      c.ID,
		MACKey:  c.MACKey,
		Action:  c.Action,
		Q:       [33]byte(n.key.Q.Bytes()),
		Items:   make([]sessionItem, len(digests)),
	}
	defer state.clear()
	stream.Read(m.Nonce[:])
	n.begin(&m.Nonce)
	for i := range digests {
		k := stream.Scalar()
		D := new(secp256k1.Point).ScalarBaseMult(k)
		m.Items[i].D = [33]byte(D.Bytes())
		proof, err := transcript.Prove(stream, labelProofU, secp256k1.NewGenerator(), k, contextU(&n.sid, c.User, i)...)
		if err != nil {
			return nil, nil, internal(err)
		}
		m.Items[i].Proof = [64]byte(proof)
		state.Items[i].Digest = digests[i]
		k.PutBytes(state.Items[i].K[:])
		state.Items[i].D = m.Items[i].D
		k.Clear()
	}
	n.bind(m)
	state.SID, state.SSID = n.sid, n.ssid
	if request, err = wire.Marshal(m); err != nil {
		return nil, nil, err
	}
	session, err = wire.Marshal(state)
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
	sums, ok := c.Receive(state.SSID[:], rho(&state.SSID, m.Items), t, m.message(), correlation.NewGadget(&c.Seed, &c.ID))
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

// opened is a session whose fields were decoded.
type opened struct {
	sessionState
	q *secp256k1.Point
	d []secp256k1.Point
	k []secp256k1.Scalar
}

func (s *opened) clear() {
	s.sessionState.clear()
	clearScalars(s.k)
}

func decodeSession(data []byte) (*opened, error) {
	s := new(opened)
	if wire.Unmarshal(data, maxSession, &s.sessionState) != nil ||
		wire.Header(s.Version, s.Kind, kindSession) != nil || s.Round != 1 ||
		len(s.Items) < 1 || len(s.Items) > MaxDigests {
		s.clear()
		return nil, errSession()
	}
	var err error
	if s.q, err = new(secp256k1.Point).SetBytes(s.Q[:]); err != nil {
		s.clear()
		return nil, errSession()
	}
	s.d = make([]secp256k1.Point, len(s.Items))
	s.k = make([]secp256k1.Scalar, len(s.Items))
	for i := range s.Items {
		_, errD := s.d[i].SetBytes(s.Items[i].D[:])
		_, errK := s.k[i].SetBytes(s.Items[i].K[:])
		if errD != nil || errK != nil || s.k[i].IsZero() == 1 {
			s.clear()
			return nil, errSession()
		}
	}
	return s, nil
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
	t := correlation.Transcript(s.SSID[:], rho(&s.SSID, m.Items), m.Tau)
	mac := m.mac(&s.MACKey, &s.SSID, &t)
	if subtle.ConstantTimeCompare(mac[:], m.MAC[:]) != 1 {
		return nil, nil, wire.Errorf(wire.CodeStale, "the response is not the action's, or it or the request was altered on its way")
	}
	return m, &t, nil
}

// decodeResponse accepts a response whose parts are as many and as long as they must be.
func decodeResponse(data []byte) (*responseMessage, error) {
	m := new(responseMessage)
	if err := wire.Unmarshal(data, maxResponse, m); err != nil {
		return nil, err
	}
	if err := wire.Header(m.Version, m.Kind, kindResponse); err != nil {
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
	var eta, m secp256k1.Scalar
	defer eta.Clear()
	rPrime, err := new(secp256k1.Point).SetBytes(item.RPrime[:])
	if err != nil {
		return nil
	}
	if _, err := eta.SetBytes(item.Eta[:]); err != nil {
		return nil
	}
	R := new(secp256k1.Point).ScalarMult(hash(labelR, &s.SSID, i, rPrime), &s.d[i])
	R.Add(R, rPrime)
	if !transcript.VerifyProof(labelProofA, &s.d[i], R, item.Proof[:], contextA(&s.SSID, s.Action, i)...) {
		return nil
	}
	mask := hash(labelGamma, &s.SSID, i, new(secp256k1.Point).ScalarBaseMult(E))
	defer mask.Clear()
	eta.Sub(&eta, mask)
	eta.Add(&eta, E)
	eta.Mul(&eta, s.k[i].Invert(&s.k[i])) // used up
	signature, err := ecdsa.Complete(s.q, m.SetDigest(s.Items[i].Digest[:]), R, &eta)
	if err != nil {
		return nil // with probability 2^-127 an honest one, with an r that is not below q
	}
	return signature
}
