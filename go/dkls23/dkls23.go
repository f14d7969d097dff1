package dkls23

import (
	"io"

	"tandem/go/deal"
	"tandem/go/ecdsa"
	"tandem/go/rounds"
	"tandem/go/secp256k1"
	"tandem/go/transcript"
	"tandem/go/vole"
	"tandem/go/wire"
)

// Labels of hashes and streams. doc.go says what goes into each.
const (
	labelTerms      = "DKLS23-TERM"
	labelSeed       = "DKLS23-SEED"
	labelSecrets    = "DKLS23-SELF"
	labelReceiver   = "DKLS23-RECV"
	labelSender     = "DKLS23-SEND"
	labelCommitment = "DKLS23-COM"
	labelOT         = "DKLS23-OT"
	labelMessage    = "DKLS23-MSG"
	labelSID        = "DKLS23-SID"
	labelZero       = "DKLS23-ZERO"
	labelBox        = "DKLS23-BOX"
	labelTag        = "DKLS23-TAG"
)

// layout is that of the one RVOLE between a sender and a receiver.
var layout = &vole.Layout{
	Widths: []int{2}, // r, sk
	Blocks: []vole.Block{{Size: vole.Xi, RVOLEs: []int{0}}},
}

// Round1 starts a party's part in a signature of digest under the key derived by path: it commits to the party's nonce and
// begins one RVOLE with every other signer. signers are the indices of all signers, as many as the key's threshold and
// ascending, share's party among them. It returns the session for Round2 and the message for all other signers, of some
// 26.9 KB for each of them. rand gives the 32 fresh bytes of a hedged stream.
//
// The session must not leave the party, and Round2 must run on it once: two signatures from one session share the party's
// nonce, from which the other signers would compute the key. A party whose sessions are kept by others uses Join.
//
// Errors: code input if the signers are not a quorum of the key with this party in it, or the path does not parse; internal if
// rand fails.
func Round1(share *deal.KeyShare, signers []int, digest [32]byte, path string, rand io.Reader) (session, message []byte, err error) {
	t, err := newTerms(share, signers, digest, path)
	if err != nil {
		return nil, nil, err
	}
	return round1(share, t, nil, rand)
}

// Join is rounds 1 and 2 at once, for a party that is called only twice: given the messages of round 1 of all others, it
// returns its own of rounds 1 and 2, and the session for Round3. Every call is another execution, drawn from a seed that is
// hedged with the messages received.
//
// The session is for Round3 once, as every session is, and the keeper of the session decides whether that holds: see
// the package documentation.
//
// Errors: those of Round1 and Round2.
func Join(
	share *deal.KeyShare, signers []int, digest [32]byte, path string, messages map[int][]byte, rand io.Reader,
) (session, message1, message2 []byte, err error) {
	t, err := newTerms(share, signers, digest, path)
	if err != nil {
		return nil, nil, nil, err
	}
	first, message1, err := round1(share, t, messages, rand)
	if err != nil {
		return nil, nil, nil, err
	}
	defer clear(first)
	session, message2, err = Round2(share, first, messages)
	if err != nil {
		return nil, nil, nil, err
	}
	return session, message1, message2, nil
}

func round1(share *deal.KeyShare, t *terms, received map[int][]byte, rand io.Reader) (session, message []byte, err error) {
	p, ots, err := draw(share, t, received, rand)
	if err != nil {
		return nil, nil, err
	}
	defer p.clear()
	message, err = wire.Marshal((&round1Message{p.self, *t, p.com, p.transcripts, ots}).Fields)
	if err != nil {
		return nil, nil, err
	}
	if session, err = p.session1(); err != nil {
		return nil, nil, err
	}
	return session, message, nil
}

// draw draws a seed of which no χ is 0, and returns the party made from it and the messages of its RVOLE receivers. received
// are those messages of round 1 that are known.
func draw(share *deal.KeyShare, t *terms, received map[int][]byte, rand io.Reader) (p *party, ots map[int][]byte, err error) {
	secret := share.X.Bytes()
	defer clear(secret)
	id := t.id()
	known := id[:]
	for _, j := range t.Signers {
		known = append(known, received[j]...)
	}
	for {
		seed, err := transcript.HedgedSeed(rand, labelSeed, secret, known)
		if err != nil {
			return nil, nil, internal(err)
		}
		p, err := newParty(share, t, seed)
		clear(seed)
		if err != nil {
			return nil, nil, err
		}
		ots, zero, err := p.sample()
		if err == nil && zero == 0 {
			return p, ots, nil
		}
		p.clear()
		if err != nil {
			return nil, nil, err
		}
	}
}

// Round2 opens the commitment and multiplies: it answers the RVOLEs that the other signers began. messages are those of
// round 1 of all other signers; the party's own may be among them and is not looked at. It returns the session for Round3
// and the message for all other signers, of some 40.4 KB for each of them.
//
// It is a function of its arguments alone: with the same messages it gives the same message again, so no key of a box ever
// seals two values.
//
// Errors: code session if session is not one of Round1, or of another key share; input if a message is missing or
// superfluous; party, with the party, if one does not parse or is for another signature.
func Round2(share *deal.KeyShare, session []byte, messages map[int][]byte) (next, message []byte, err error) {
	p, err := resume1(share, session)
	if err != nil {
		return nil, nil, err
	}
	defer p.clear()
	received, err := p.readRound1(messages)
	if err != nil {
		return nil, nil, err
	}
	digests, commitments := map[int][32]byte{p.self: p.digest(p.self, p.com, p.transcripts)}, map[int][32]byte{}
	for j, m := range received {
		digests[j] = p.digest(j, m.Commitment, m.Transcripts)
		commitments[j] = m.Commitment
	}
	if err := p.agree(digests, commitments); err != nil {
		return nil, nil, err
	}

	random := p.senders()
	defer random.Clear()
	boxes := map[int][]byte{}
	for _, j := range p.others {
		sent, err := p.multiply(j, received[j], random)
		if err != nil {
			return nil, nil, rounds.Blame(j, err)
		}
		boxes[j], err = p.seal(j, sent)
		sent.RVOLE.Clear()
		sent.clear()
		if err != nil {
			return nil, nil, err
		}
	}
	if message, err = wire.Marshal((&round2Message{p.self, digests, boxes}).Fields); err != nil {
		return nil, nil, err
	}
	if next, err = p.session2(); err != nil {
		return nil, nil, err
	}
	return next, message, nil
}

// Round3 checks what all others sent, and returns the party's share of the signature for all other signers, of some 120
// bytes and 36 for each of them, and the session for Finish, which holds no secret. messages are those of round 2 of all
// other signers; the party's own may be among them and is not looked at.
//
// The session is used up by this call, whether or not it succeeds: a caller that runs it again, with other messages, gets
// the key.
//
// Errors: code session if session is not one of Round2, or of another key share; input if a message is missing or
// superfluous; party, with the party, if one does not parse or fails a check, which the error names; without a party if the
// key shares of all signers do not add up to the key and there are others to suspect than one; internal if the nonce has no
// r, with probability 2^-127: sign again.
func Round3(share *deal.KeyShare, session []byte, messages map[int][]byte) (next, message []byte, err error) {
	p, err := resume2(share, session)
	if err != nil {
		return nil, nil, err
	}
	defer p.clear()
	received, err := p.readRound2(messages)
	defer func() {
		for _, reply := range received {
			reply.clear()
		}
	}()
	if err != nil {
		return nil, nil, err
	}

	u, v, phi := &p.cu, &p.cv, p.phi // to which is added what the others sent
	w := new(secp256k1.Scalar).Mul(p.m, p.phi)
	defer w.Clear()
	R, pk := p.R, new(secp256k1.Point).ScalarBaseMult(p.sk)
	defer pk.Clear()
	for _, j := range p.others {
		du, dv, err := p.check(j, received[j])
		if err != nil {
			return nil, nil, rounds.Blame(j, err)
		}
		u.Add(u, du)
		v.Add(v, dv)
		phi.Add(phi, &received[j].psi)
		R.Add(R, received[j].R)
		pk.Add(pk, received[j].pk)
		du.Clear()
		dv.Clear()
	}
	if pk.Equal(p.key.Q) != 1 {
		return nil, nil, p.suspect("the key shares of the signers do not make the key")
	}
	if R.IsIdentity() == 1 || R.RecoveryID() > 1 {
		return nil, nil, wire.Errorf(wire.CodeInternal, "the nonce point has no r below q: sign again")
	}
	// u_i = r_i (φ_i + Σ ψ_ji) + Σ (c^u_ij + d^u_ij), v_i likewise with sk_i, w_i = m φ_i + r v_i
	u.MulAdd(p.r, phi, u)
	v.MulAdd(p.sk, phi, v)
	w.MulAdd(R.XScalar(), v, w)

	m := &round3Message{p.self, p.sid, [32]byte(u.Bytes()), [32]byte(w.Bytes()), map[int][32]byte{}}
	for _, j := range p.others {
		if m.Tags[j], err = p.tag(p.self, j, m); err != nil {
			return nil, nil, err
		}
	}
	if message, err = wire.Marshal(m.Fields); err != nil {
		return nil, nil, err
	}
	next, err = wire.Marshal((&session3{*p.terms, p.self, p.sid, point(R.Bytes()), m.U, m.W}).Fields)
	if err != nil {
		return nil, nil, err
	}
	return next, message, nil
}

// Finish puts the signature together. messages are those of round 3 of all other signers; the party's own may be among them
// and is not looked at. s is low and the signature was verified; yParity is the parity of the y-coordinate of its nonce
// point.
//
// Errors: code session if session is not one of Round3, or of another key share; input if a message is missing or
// superfluous; party, with the party, if one does not parse, is for another signature or was changed on its way; party if
// the signature is wrong, with the party if there is only one other.
func Finish(share *deal.KeyShare, session []byte, messages map[int][]byte) (r, s [32]byte, yParity byte, err error) {
	fail := func(err error) ([32]byte, [32]byte, byte, error) { return [32]byte{}, [32]byte{}, 0, err }

	g, R, u, w, err := resume3(share, session)
	if err != nil {
		return fail(err)
	}
	received, err := g.readRound3(messages)
	if err != nil {
		return fail(err)
	}
	for _, j := range g.others {
		u.Add(u, &received[j].u)
		w.Add(w, &received[j].w)
	}
	S := w.Mul(w, u.Invert(u))
	signature, err := ecdsa.Complete(secp256k1.NewComb(g.key.Q), g.m, R, S)
	if err != nil {
		return fail(g.suspect("the shares of the signature do not make a signature"))
	}
	return signature.R, signature.S, signature.YParity, nil
}

func clearScalars(scalars []secp256k1.Scalar) {
	for i := range scalars {
		scalars[i].Clear()
	}
}

func internal(err error) error { return wire.Errorf(wire.CodeInternal, "dkls23: %v", err) }
