package deal

import (
	"bytes"
	"io"
	"maps"
	"slices"

	"tandem/go/rounds"
	"tandem/go/secp256k1"
	"tandem/go/transcript"
	"tandem/go/wire"
)

// Round1 starts a party's part: it draws the contribution and commits to it. It returns the session for Round2 and the
// message for all other participants.
//
// Round2 must run once on the session. An attacker who could run it again, with their own ephemeral keys in the place of
// the receivers', would get all values of the party's polynomial and, in a reshare, its old share. So a party whose
// sessions are kept by others uses Join.
//
// Errors: code input if the parameters do not fit together, identity if the share is not one of the old key, internal
// if rand fails.
func Round1(p Params, rand io.Reader) (session, message []byte, err error) {
	return round1(&p, nil, rand)
}

// Join is rounds 1 and 2 at once, for a party that forgets: given the messages of round 1 of all others, it returns its
// own of rounds 1 and 2 and the session for Round3. There is nothing to replay: every call is another contribution,
// drawn from a seed that is hedged with the messages received. A call deals to the holders of the ephemeral secrets
// of those messages: whether it may is for the caller to know, above all in a reshare.
//
// Errors: those of Round1 and Round2.
func Join(p Params, messages map[int][]byte, rand io.Reader) (session, message1, message2 []byte, err error) {
	first, message1, err := round1(&p, messages, rand)
	if err != nil {
		return nil, nil, nil, err
	}
	defer clear(first)
	session, message2, err = Round2(first, messages)
	if err != nil {
		return nil, nil, nil, err
	}
	return session, message1, message2, nil
}

func round1(p *Params, received map[int][]byte, rand io.Reader) (session, message []byte, err error) {
	s := &session1{}
	d := &s.Dealer
	defer d.clear()
	if err := d.init(p, received, rand); err != nil {
		return nil, nil, err
	}
	own, err := d.contribution()
	if err != nil {
		return nil, nil, err
	}
	defer own.clear()
	if message, err = own.round1(d.Self); err != nil {
		return nil, nil, err
	}
	if session, err = wire.Marshal(s.Fields); err != nil {
		return nil, nil, err
	}
	return session, message, nil
}

func (c *contribution) round1(self int) ([]byte, error) {
	com := c.opening.commitment(self, c.ephemeral)
	return wire.Marshal((&round1Message{self, com, c.ephemeral}).Fields)
}

// DealID returns the 32-byte id of the deal that the messages of round 1, of all participants, begin: it is the same for
// participants that agree on the terms and have the same round 1. No authority signs it: see the package documentation.
// It reads only the terms and Old from p.
//
// Errors: code input if the parameters do not fit together or a message is missing or superfluous; party, with the
// party, if one does not parse.
func DealID(p Params, messages map[int][]byte) ([]byte, error) {
	t, err := p.terms()
	if err != nil {
		return nil, err
	}
	participants := t.participants()
	if err := rounds.Expect(messages, participants, 0); err != nil {
		return nil, err
	}
	for _, i := range participants {
		if _, err := decodeRound1(messages[i], i); err != nil {
			return nil, err
		}
	}
	id := t.id(messages)
	return id[:], nil
}

// Round2 opens the commitment and seals f(j) for every receiver j. messages are those of round 1 of all other
// participants. It returns the message for all other participants and the session for Round3, which is nil for a
// contributor that is not a receiver: its part ends here.
//
// It is a function of its arguments alone: with the same messages it gives the same message again, so no key of a box
// ever seals two values.
//
// Errors: code session if session is not one of Round1; input if a message is missing or superfluous; party, with the
// party, if one does not parse.
func Round2(session []byte, messages map[int][]byte) (next, message []byte, err error) {
	s, err := decodeSession1(session)
	if err != nil {
		return nil, nil, err
	}
	d := &s.Dealer
	defer d.clear()
	own, err := d.contribution()
	if err != nil {
		return nil, nil, err
	}
	defer own.clear()
	id, peers, err := d.readRound1(own, messages)
	if err != nil {
		return nil, nil, err
	}
	boxes, err := d.deal(own, peers, id)
	if err != nil {
		return nil, nil, err
	}
	message, err = wire.Marshal((&round2Message{d.Self, id, own.opening, boxes}).Fields)
	if err != nil {
		return nil, nil, err
	}
	if !d.Terms.receives(d.Self) {
		return nil, message, nil
	}
	kept := &session2{*d, id, peers, transcript.Hash(labelMessage, message)}
	defer kept.Dealer.clear()
	if next, err = wire.Marshal(kept.Fields); err != nil {
		return nil, nil, err
	}
	return next, message, nil
}

// readRound1 reads the messages of round 1 and returns the deal id and what the others said.
func (d *dealer) readRound1(own *contribution, messages map[int][]byte) (id [32]byte, said peers, err error) {
	participants := d.Terms.participants()
	if err := rounds.Expect(messages, participants, d.Self); err != nil {
		return id, nil, err
	}
	mine, err := own.round1(d.Self)
	if err != nil {
		return id, nil, err
	}
	if m, ok := messages[d.Self]; ok && !bytes.Equal(m, mine) {
		return id, nil, errOwnMessage
	}
	all, said := map[int][]byte{d.Self: mine}, peers{}
	for _, i := range others(participants, d.Self) {
		m, err := decodeRound1(messages[i], i)
		if err != nil {
			return id, nil, err
		}
		all[i] = messages[i]
		said[i] = peer{m.Commitment, m.Ephemeral}
	}
	return d.Terms.id(all), said, nil
}

// deal seals f(j) for every other receiver j. It returns nothing if the party does not contribute.
func (d *dealer) deal(own *contribution, peers peers, id [32]byte) ([]box, error) {
	if !d.Terms.contributes(d.Self) {
		return nil, nil
	}
	receivers := others(d.Terms.Parties, d.Self)
	pairs, err := own.pairs(receivers, peers, id)
	if err != nil {
		return nil, err
	}
	defer pairs.clear()
	boxes := make([]box, len(receivers))
	for k, j := range receivers {
		share := own.f.at(j)
		boxes[k] = pairs[j].seal(d.Self, j, share)
		share.Clear()
	}
	return boxes, nil
}

// Round3 checks what everyone dealt and puts the key share together. messages are those of round 2 of all other
// participants. It returns the session for Finish, which holds the share and is as secret, and the message for all
// other receivers: the key confirmation.
//
// A session may be used again with other messages: its keeper learns nothing by that. Round 1 fixes all that
// Round3 can come to: the commitments fix every F_i, hence every f_i(j), the key, the public shares and the chain code;
// the ephemeral keys fix the seeds. So every call on one session that does not fail finds the same share, and all that
// it gives away is a proof of knowledge of x under the public X, with a nonce of its own. Nor does it tell anything
// which call fails. All checks are of public values but two. Whether a box opens is known to those who know an ephemeral
// secret of the pair; for anybody else a box opens exactly if it is the one that the other party of the pair made.
// Whether f_i(j)·G = F_i(j) is known to the maker of a box that opens.
//
// Errors: code session if session is not one of Round2; input if a message is missing or superfluous; party, with the
// party, if one does not parse or breaks the protocol; internal if rand fails.
func Round3(session []byte, messages map[int][]byte, rand io.Reader) (next, message []byte, err error) {
	s, err := decodeSession2(session)
	if err != nil {
		return nil, nil, err
	}
	d := &s.Dealer
	defer d.clear()
	opened, seen, err := s.readRound2(messages)
	if err != nil {
		return nil, nil, err
	}
	own, err := d.contribution()
	if err != nil {
		return nil, nil, err
	}
	defer own.clear()
	share := &KeyShare{Index: d.Self, X: new(secp256k1.Scalar)}
	defer share.Clear()
	if err := s.combine(share, own, opened); err != nil {
		return nil, nil, err
	}
	proof, err := confirm(share, s.DealID, seen, rand)
	if err != nil {
		return nil, nil, err
	}
	if message, err = wire.Marshal((&round3Message{d.Self, seen, proof}).Fields); err != nil {
		return nil, nil, err
	}
	encoded, err := share.Encode()
	if err != nil {
		return nil, nil, err
	}
	defer clear(encoded)
	if next, err = wire.Marshal((&session3{s.DealID, seen, encoded}).Fields); err != nil {
		return nil, nil, err
	}
	return next, message, nil
}

// readRound2 reads the messages of round 2 of the others, and returns the digests of all. It checks that each opens its
// commitment and belongs to this deal.
func (s *session2) readRound2(messages map[int][]byte) (map[int]*round2Message, digests, error) {
	d := &s.Dealer
	participants := d.Terms.participants()
	if err := rounds.Expect(messages, participants, d.Self); err != nil {
		return nil, nil, err
	}
	if m, ok := messages[d.Self]; ok && transcript.Hash(labelMessage, m) != s.Digest {
		return nil, nil, errOwnMessage
	}
	all := map[int]*round2Message{}
	seen := digests{d.Self: s.Digest}
	for _, i := range others(participants, d.Self) {
		m, err := decodeRound2(messages[i], i)
		if err != nil {
			return nil, nil, err
		}
		// Before any deal id is looked at, so that a party whose message of round 1 was changed on its way is the one
		// named, by its own opening.
		if m.Opening.commitment(i, s.Peers[i].Ephemeral) != s.Peers[i].Commitment {
			return nil, nil, wire.PartyErrorf(i, "the opening is not that of the commitment")
		}
		all[i] = m
		seen[i] = transcript.Hash(labelMessage, messages[i])
	}
	for _, i := range others(participants, d.Self) {
		if all[i].DealID != s.DealID {
			return nil, nil, wire.PartyErrorf(i, "another deal: other parameters, or other messages of round 1")
		}
		if !d.Terms.fits(i, all[i]) {
			return nil, nil, wire.PartyErrorf(i, "a contribution of another size")
		}
	}
	return all, seen, nil
}

// combine fills in the share: x = Σ f_i(j), the key of F = Σ F_i, and a seed in common with every other receiver.
func (s *session2) combine(share *KeyShare, own *contribution, messages map[int]*round2Message) error {
	t, self := &s.Dealer.Terms, s.Dealer.Self
	pairs, err := own.pairs(others(t.participants(), self), s.Peers, s.DealID)
	if err != nil {
		return err
	}
	defer pairs.clear()

	F, chainCodes := newFeldman(t.Threshold), [][]byte{}
	for _, i := range t.Contributors {
		var dealt *dealing
		if i == self {
			dealt = own.dealing(self)
		} else if dealt, err = s.receive(i, messages[i], pairs[i]); err != nil {
			return rounds.Blame(i, err)
		}
		F.add(dealt.F)
		share.X.Add(share.X, dealt.f)
		chainCodes = append(chainCodes, dealt.chainCode)
		dealt.f.Clear()
	}
	key, err := newKey(t.Threshold, t.Parties, t.Epoch, F, t.chainCode(chainCodes))
	if err != nil {
		return err
	}
	share.Key = *key

	receivers := others(t.Parties, self)
	share.Seeds = make([][32]byte, len(receivers))
	for k, i := range receivers {
		pairs[i].zeroSeed(&share.Seeds[k], i, self)
	}
	return nil
}

// dealing is what a contributor deals to one receiver.
type dealing struct {
	F         feldman           // F_i
	f         *secp256k1.Scalar // f_i(j)
	chainCode []byte            // cc_i
}

// dealing returns what the party deals to receiver j.
func (c *contribution) dealing(j int) *dealing {
	return &dealing{c.F, c.f.at(j), c.opening.ChainCode}
}

// receive checks what contributor i deals to this party, and returns it.
func (s *session2) receive(i int, m *round2Message, pair *pair) (*dealing, error) {
	t, self := &s.Dealer.Terms, s.Dealer.Self
	F, err := t.verify(i, s.Peers[i].Ephemeral, &m.Opening)
	if err != nil {
		return nil, err
	}
	f, err := pair.open(i, self, m.Boxes[slices.Index(others(t.Parties, i), self)])
	if err != nil {
		return nil, err
	}
	if new(secp256k1.Point).ScalarBaseMult(f).Equal(F.at(self)) != 1 {
		f.Clear()
		return nil, wire.Errorf(wire.CodeInput, "the share is not on the polynomial")
	}
	return &dealing{F, f, m.Opening.ChainCode}, nil
}

// confirm returns the key confirmation: a proof of x under X, bound to everything that was said.
func confirm(share *KeyShare, dealID [32]byte, seen digests, rand io.Reader) (proof [64]byte, err error) {
	said := confirmed(&share.Key, dealID, seen)
	secret := share.X.Bytes()
	defer clear(secret)
	stream, err := transcript.NewStream(rand, labelConfirm, secret, said)
	if err != nil {
		return proof, wire.Errorf(wire.CodeInternal, "%v", err)
	}
	defer stream.Clear()
	G, index := secp256k1.NewGenerator(), transcript.U32(share.Index)
	p, err := transcript.Prove(stream, labelConfirm, G, share.X, said, index)
	if err != nil {
		return proof, wire.Errorf(wire.CodeInternal, "%v", err)
	}
	return [64]byte(p), nil
}

// confirmed is the hash of the whole deal: what is confirmed in round 3.
func confirmed(key *Key, dealID [32]byte, seen digests) []byte {
	senders := make([]int, 0, len(seen))
	for i := range seen {
		senders = append(senders, i)
	}
	slices.Sort(senders)
	parts := [][]byte{dealID[:]}
	for _, i := range senders {
		digest := seen[i]
		parts = append(parts, transcript.U32(i), digest[:])
	}
	h := transcript.Hash(labelTranscript, append(parts, key.ID[:])...)
	return h[:]
}

// Finish checks that all receivers have seen the same messages and hold their shares, and returns this party's.
// messages are those of round 3 of all other receivers.
//
// Only now is the share to be used, or, in a reshare, the old one to be given up.
//
// Errors: code session if session is not one of Round3; input if a message is missing or superfluous; party, with the
// party, if one does not parse, has seen another message, or does not confirm its share.
func Finish(session []byte, messages map[int][]byte) (*KeyShare, error) {
	s, share, err := decodeSession3(session)
	if err != nil {
		return nil, err
	}
	if err := s.confirmedBy(&share.Key, share.Index, messages); err != nil {
		share.Clear()
		return nil, err
	}
	return share, nil
}

// confirmedBy checks the key confirmations of all receivers. Self's own may be missing.
func (s *session3) confirmedBy(key *Key, self int, messages map[int][]byte) error {
	if err := rounds.Expect(messages, key.Parties, self); err != nil {
		return err
	}
	all := map[int]*round3Message{}
	for _, i := range key.Parties {
		if _, ok := messages[i]; !ok {
			continue
		}
		m, err := decodeRound3(messages[i], i)
		if err != nil {
			return err
		}
		// First what each says of its own message, so that the one whose message was changed on its way is named.
		if m.Digests[i] != s.Digests[i] {
			return wire.PartyErrorf(i, "its message of round 2 is not the one received")
		}
		all[i] = m
	}
	said := confirmed(key, s.DealID, s.Digests)
	for k, i := range key.Parties {
		m, ok := all[i]
		if !ok {
			continue
		}
		if !maps.Equal(m.Digests, s.Digests) {
			return wire.PartyErrorf(i, "it received other messages of round 2")
		}
		G, X := secp256k1.NewGenerator(), key.PublicShares[k]
		if !transcript.VerifyProof(labelConfirm, G, X, m.Proof[:], said, transcript.U32(i)) {
			return wire.PartyErrorf(i, "its key confirmation is wrong")
		}
	}
	return nil
}
