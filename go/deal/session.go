package deal

import "tandem/go/wire"

// session1 is what a party keeps between rounds 1 and 2.
type session1 struct {
	Dealer dealer
}

// Fields names the fields to package wire.
func (s *session1) Fields(c *wire.Coder) {
	c.Header(kindSession1)
	c.Key(3).Struct(s.Dealer.Fields)
}

// session2 is what a receiver keeps between rounds 2 and 3.
type session2 struct {
	Dealer dealer
	DealID [32]byte
	Peers  peers
	Digest [32]byte // of the party's own message of round 2
}

// Fields names the fields to package wire.
func (s *session2) Fields(c *wire.Coder) {
	c.Header(kindSession2)
	c.Key(3).Struct(s.Dealer.Fields)
	c.Key(4).Array(s.DealID[:])
	wire.Map(c.Key(5), &s.Peers, func(c *wire.Coder, v *peer) { c.Struct(v.Fields) })
	c.Key(6).Array(s.Digest[:])
}

// peers are the other participants.
type peers = map[int]peer

// peer is what a participant said in round 1.
type peer struct {
	Commitment [32]byte
	Ephemeral  point
}

// Fields names the fields to package wire.
func (p *peer) Fields(c *wire.Coder) {
	c.Key(1).Array(p.Commitment[:])
	c.Key(2).Array(p.Ephemeral[:])
}

// session3 is what a receiver keeps between round 3 and the end.
type session3 struct {
	DealID  [32]byte
	Digests digests
	Share   []byte // the key share, not confirmed yet
}

// Fields names the fields to package wire.
func (s *session3) Fields(c *wire.Coder) {
	c.Header(kindSession3)
	c.Key(3).Array(s.DealID[:])
	wire.Map(c.Key(4), &s.Digests, (*wire.Coder).Array32)
	c.Key(5).Bytes(&s.Share)
}

func decodeSession1(data []byte) (*session1, error) {
	var s session1
	if wire.Unmarshal(data, maxSession, s.Fields) != nil || s.Dealer.check() != nil {
		s.Dealer.clear()
		return nil, notASession(1)
	}
	return &s, nil
}

func decodeSession2(data []byte) (*session2, error) {
	var s session2
	if wire.Unmarshal(data, maxSession, s.Fields) != nil || s.Dealer.check() != nil || !s.plausible() {
		s.Dealer.clear()
		return nil, notASession(2)
	}
	return &s, nil
}

func (s *session2) plausible() bool {
	t := &s.Dealer.Terms
	rest := others(t.participants(), s.Dealer.Self)
	for _, i := range rest {
		if _, err := decodePoints([]point{s.Peers[i].Ephemeral}); err != nil {
			return false
		}
	}
	return t.receives(s.Dealer.Self) && len(s.Peers) == len(rest)
}

// decodeSession3 returns the session and the share in it.
func decodeSession3(data []byte) (*session3, *KeyShare, error) {
	var s session3
	defer func() { clear(s.Share) }()
	if wire.Unmarshal(data, maxSession, s.Fields) != nil {
		return nil, nil, notASession(3)
	}
	share, err := DecodeKeyShare(s.Share)
	if err != nil {
		return nil, nil, notASession(3)
	}
	for _, i := range share.Parties {
		if _, ok := s.Digests[i]; !ok {
			share.Clear()
			return nil, nil, notASession(3)
		}
	}
	return &s, share, nil
}

func notASession(round int) error {
	return wire.Errorf(wire.CodeSession, "this is not a session of round %d of a deal", round)
}
