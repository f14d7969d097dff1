package dkls18

import (
	"io"
	"slices"

	"tandem/go/deal"
	"tandem/go/ecdsa"
	"tandem/go/secp256k1"
	"tandem/go/transcript"
	"tandem/go/vole"
	"tandem/go/wire"
)

// user is the user's side of an execution, all of it made from a seed.
type user struct {
	nonce  [32]byte
	sid    [32]byte
	stream *transcript.Stream
	vole   *vole.Receiver
}

func newUser(share *deal.KeyShare, peer int, seed []byte) (*user, error) {
	u := &user{stream: transcript.StreamFromSeed(seed, labelUser)}
	u.stream.Read(u.nonce[:])
	u.sid = sessionID(share.ID, share.Index, peer, u.nonce)
	var err error
	if u.vole, err = vole.NewReceiver(layout, u.sid[:], u.stream); err != nil {
		u.stream.Clear()
		return nil, err
	}
	return u, nil
}

func (u *user) clear() {
	u.stream.Clear()
	u.vole.Clear()
}

// Request begins a signature with the party peer. It returns the session, a secret of some 130 bytes that is for [Finish],
// and the request, of some 43.4 KB, for the peer. Neither depends on what will be signed. rand gives the 32 fresh bytes of a
// hedged stream.
//
// The session lives in memory only and is finished at most once. An error has code input if the key does not have threshold
// 2 or peer is not another party of it, and code internal if rand fails.
func Request(share *deal.KeyShare, peer int, rand io.Reader) (session, request []byte, err error) {
	t, err := share.Summand(peer)
	if err != nil {
		return nil, nil, err
	}
	defer t.Clear()
	seed, u, message, err := begin(share, peer, rand)
	if err != nil {
		return nil, nil, err
	}
	defer clear(seed)
	defer u.clear()

	beta0, beta1 := &u.vole.Betas[0], &u.vole.Betas[1]
	delta := new(secp256k1.Scalar).Mul(t, beta0)
	delta.Sub(delta, beta1)
	request, err = wire.Marshal((&requestMessage{
		KeyID:   share.ID,
		Signers: []int{share.Index, peer},
		Nonce:   u.nonce,
		OT:      message,
		D:       [33]byte(noncePoint(beta0).Bytes()),
		Delta:   [32]byte(delta.Bytes()),
	}).Fields)
	if err != nil {
		return nil, nil, err
	}
	state := &sessionState{
		Round:      1,
		SID:        u.sid,
		Peer:       peer,
		Seed:       [32]byte(seed),
		Transcript: [32]byte(u.vole.Transcript),
	}
	defer clear(state.Seed[:])
	session, err = wire.Marshal(state.Fields)
	return session, request, err
}

// begin draws a seed whose β are not zero, and returns it with all that is made from it.
func begin(share *deal.KeyShare, peer int, rand io.Reader) (seed []byte, u *user, message []byte, err error) {
	secret := share.X.Bytes()
	defer clear(secret)
	received := append(slices.Clone(share.ID[:]), transcript.U32(peer)...)
	for {
		if seed, err = transcript.HedgedSeed(rand, labelUser, secret, received); err != nil {
			return nil, nil, nil, internal(err)
		}
		if u, err = newUser(share, peer, seed); err != nil {
			clear(seed)
			return nil, nil, nil, err
		}
		message, err = u.vole.Message(u.stream)
		if err == nil && u.vole.Betas[0].IsZero()|u.vole.Betas[1].IsZero() == 0 {
			return seed, u, message, nil
		}
		clear(seed)
		u.clear()
		if err != nil {
			return nil, nil, nil, err
		}
	}
}

// noncePoint returns D = β^-1·G, the public form of the user's nonce k_U = β^-1.
func noncePoint(beta *secp256k1.Scalar) *secp256k1.Point {
	k := new(secp256k1.Scalar).Invert(beta)
	defer k.Clear()
	return new(secp256k1.Point).ScalarBaseMult(k)
}

// Finish makes the signature of digest under the key derived by path from the response to the session's request. s is low
// and the signature was verified; yParity is the parity of the y-coordinate of its nonce point.
//
// The codes of its errors:
//   - stale: the response is to another request, digest or path. No secret was touched, the share need not be locked.
//   - input: the path or the response does not parse. What does not parse is refused before it meets a secret, so the share
//     need not be locked.
//   - session: the session is not one of dkls18, or is one of another share.
//   - check: a check of the response failed. The action that sent it may have learned a secret bit: lock the share, then
//     show the error. The message does not tell which check it was.
//   - internal: r is not below q, with probability 2^-127. Sign again.
func Finish(
	share *deal.KeyShare, session []byte, digest [32]byte, path string, response []byte,
) (r, s [32]byte, yParity byte, err error) {
	fail := func(err error) ([32]byte, [32]byte, byte, error) { return [32]byte{}, [32]byte{}, 0, err }

	state, err := decodeSession(session)
	if err != nil {
		return fail(err)
	}
	defer clear(state.Seed[:])
	n, err := newInstance(&share.Key, state.SID, digest, path)
	if err != nil {
		return fail(err)
	}
	answer, err := decodeResponse(response, n, digest)
	if err != nil {
		return fail(err)
	}
	u, err := newUser(share, state.Peer, state.Seed[:])
	if err != nil {
		return fail(err)
	}
	defer u.clear()
	if u.sid != state.SID {
		return fail(wire.Errorf(wire.CodeSession, "the session is one of another key share"))
	}
	signature, err := u.finish(n, state, answer)
	if err != nil {
		return fail(err)
	}
	return signature.R, signature.S, signature.YParity, nil
}

func decodeSession(data []byte) (*sessionState, error) {
	state := new(sessionState)
	if wire.Unmarshal(data, maxSession, state.Fields) != nil || state.Round != 1 {
		clear(state.Seed[:])
		return nil, wire.Errorf(wire.CodeSession, "not a session of dkls18")
	}
	return state, nil
}

// answer is a response whose fields were decoded.
type answer struct {
	rPrime           *secp256k1.Point
	proof            []byte
	vole             vole.Response
	etaPhi, etaSigma secp256k1.Scalar
}

// decodeResponse refuses, as stale, a response to another session, digest or path.
func decodeResponse(data []byte, n *instance, digest [32]byte) (*answer, error) {
	var m responseMessage
	if err := wire.Unmarshal(data, maxResponse, m.Fields); err != nil {
		return nil, err
	}
	if m.SID != n.sid || m.Digest != digest || !slices.Equal(m.Path, n.path) {
		return nil, wire.Errorf(wire.CodeStale, "the response is to another request")
	}
	var err error
	a := &answer{proof: m.Proof[:], vole: vole.Response{Messages: m.RVOLE}}
	if a.rPrime, err = new(secp256k1.Point).SetBytes(m.RPrime[:]); err != nil {
		return nil, wire.Errorf(wire.CodeInput, "response: R' is not a point")
	}
	if a.vole.B, err = new(secp256k1.Point).SetBytes(m.B[:]); err != nil {
		return nil, wire.Errorf(wire.CodeInput, "response: B is not a point")
	}
	if _, err = a.etaPhi.SetBytes(m.EtaPhi[:]); err != nil {
		return nil, wire.Errorf(wire.CodeInput, "response: η_φ is not a scalar")
	}
	if _, err = a.etaSigma.SetBytes(m.EtaSigma[:]); err != nil {
		return nil, wire.Errorf(wire.CodeInput, "response: η_σ is not a scalar")
	}
	return a, nil
}

// errCheck is the one answer to every failed check.
func errCheck() error {
	return wire.Errorf(wire.CodeCheck, "the response failed a check: its sender may be cheating")
}

func (u *user) finish(n *instance, state *sessionState, a *answer) (*ecdsa.Signature, error) {
	u.vole.Resume(state.Transcript[:])
	beta := &u.vole.Betas[0]
	D := noncePoint(beta)

	R := new(secp256k1.Point).ScalarMult(n.hash(labelR, a.rPrime), D)
	R.Add(R, a.rPrime)
	if !transcript.VerifyProof(labelProof, D, R, a.proof, n.context(state.Peer)...) {
		return nil, errCheck()
	}
	d, err := u.vole.Finish(n.ssid[:], &a.vole)
	if wire.CodeOf(err) == wire.CodeCheck {
		return nil, errCheck()
	}
	if err != nil {
		return nil, err
	}
	u1, u2 := &d[0][0], &d[0][1]
	u2.Add(u2, &d[1][0])

	// φ = η_φ - H1(u1·R), θ = u1 - φ β
	point := new(secp256k1.Point).ScalarMult(u1, R)
	h1 := n.hash(labelG1, point)
	phi := new(secp256k1.Scalar).Sub(&a.etaPhi, h1)
	theta := new(secp256k1.Scalar).Mul(phi, beta)
	theta.Sub(u1, theta)

	// s = m θ + r u2 + η_σ - H2(u2·G - θ·Q)
	r := R.XScalar()
	point.ScalarBaseMult(u2)
	thetaQ := new(secp256k1.Point).ScalarMult(theta, n.key.Q)
	point.Sub(point, thetaQ)
	h2 := n.hash(labelG2, point)
	s := new(secp256k1.Scalar).MulAdd(n.m, theta, &a.etaSigma)
	s.MulAdd(r, u2, s)
	s.Sub(s, h2)
	for _, secret := range []*secp256k1.Scalar{u1, u2, &d[1][0], phi, theta, h1, h2} {
		secret.Clear()
	}
	point.Clear()
	thetaQ.Clear()

	signature, err := ecdsa.Complete(secp256k1.NewComb(n.key.Q), n.m, R, s)
	if _, overflow := err.(ecdsa.Overflow); overflow {
		return nil, internal(err)
	}
	if err != nil {
		s.Clear() // of secrets, and not public as a signature is
		return nil, errCheck()
	}
	return signature, nil
}
