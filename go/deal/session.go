package deal

import "tandem/go/wire"

// session1 is what a party keeps between rounds 1 and 2.
type session1 struct {
	Version int    `cbor:"1,keyasint"`
	Kind    string `cbor:"2,keyasint"`
	Dealer  dealer `cbor:"3,keyasint"`
}

// session2 is what a receiver keeps between rounds 2 and 3.
type session2 struct {
	Version int      `cbor:"1,keyasint"`
	Kind    string   `cbor:"2,keyasint"`
	Dealer  dealer   `cbor:"3,keyasint"`
	DealID  [32]byte `cbor:"4,keyasint"`
	Peers   peers    `cbor:"5,keyasint"`
	Digest  [32]byte `cbor:"6,keyasint"` // of the party's own message of round 2
}

// peers are the other participants.
type peers = map[int]peer

// peer is what a participant said in round 1.
type peer struct {
	Commitment [32]byte `cbor:"1,keyasint"`
	Ephemeral  point    `cbor:"2,keyasint"`
}

// session3 is what a receiver keeps between round 3 and the end.
type session3 struct {
	Version int      `cbor:"1,keyasint"`
	Kind    string   `cbor:"2,keyasint"`
	DealID  [32]byte `cbor:"3,keyasint"`
	Digests digests  `cbor:"4,keyasint"`
	Share   []byte   `cbor:"5,keyasint"` // the key share, not confirmed yet
}

func decodeSession1(data []byte) (*session1, error) {
	var s session1
	err := wire.Unmarshal(data, maxSession, &s)
	if err != nil || wire.Header(s.Version, s.Kind, kindSession1) != nil || s.Dealer.check() != nil {
		s.Dealer.clear()
		return nil, notASession(1)
	}
	return &s, nil
}

func decodeSession2(data []byte) (*session2, error) {
	var s session2
	err := wire.Unmarshal(data, maxSession, &s)
	if err != nil || wire.Header(s.Version, s.Kind, kindSession2) != nil || s.Dealer.check() != nil || !s.plausible() {
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
	err := wire.Unmarshal(data, maxSession, &s)
	if err != nil || wire.Header(s.Version, s.Kind, kindSession3) != nil {
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
