package dkls23

import (
	"tandem/go/deal"
	"tandem/go/secp256k1"
	"tandem/go/wire"
)

// part is a signer's part in a signature, as its sessions keep it.
type part struct {
	Terms       terms
	Self        int
	Seed        [32]byte         // that all its secrets are made from
	Transcripts map[int][32]byte // T of its message, as the receiver of an RVOLE, to each other signer
}

// Fields names the fields to package wire.
func (p *part) Fields(c *wire.Coder) {
	c.Key(1).Struct(p.Terms.Fields)
	c.Key(2).Int(&p.Self)
	c.Key(3).Array(p.Seed[:])
	wire.Map(c.Key(4), &p.Transcripts, (*wire.Coder).Array32)
}

// session1 is what a signer keeps between rounds 1 and 2.
type session1 struct {
	Part part
}

// Fields names the fields to package wire.
func (s *session1) Fields(c *wire.Coder) {
	c.Header(kindSession1)
	c.Key(3).Struct(s.Part.Fields)
}

// session2 is what a signer keeps between rounds 2 and 3. The digests make the sid.
type session2 struct {
	Part        part
	Digests     map[int][32]byte // of the messages of round 1 of all signers
	Commitments map[int][32]byte // of the others
	CU          [32]byte         // Σ c^u
	CV          [32]byte         // Σ c^v
}

// Fields names the fields to package wire.
func (s *session2) Fields(c *wire.Coder) {
	c.Header(kindSession2)
	c.Key(3).Struct(s.Part.Fields)
	wire.Map(c.Key(4), &s.Digests, (*wire.Coder).Array32)
	wire.Map(c.Key(5), &s.Commitments, (*wire.Coder).Array32)
	c.Key(6).Array(s.CU[:])
	c.Key(7).Array(s.CV[:])
}

// session3 is what a signer keeps between round 3 and the end. None of it is secret.
type session3 struct {
	Terms terms
	Self  int
	SID   [32]byte
	R     point    // of all signers
	U     [32]byte // the signer's own
	W     [32]byte
}

// Fields names the fields to package wire.
func (s *session3) Fields(c *wire.Coder) {
	c.Header(kindSession3)
	c.Key(3).Struct(s.Terms.Fields)
	c.Key(4).Int(&s.Self)
	c.Key(5).Array(s.SID[:])
	c.Key(6).Array(s.R[:])
	c.Key(7).Array(s.U[:])
	c.Key(8).Array(s.W[:])
}

// fill sets the part to that of p.
func (s *part) fill(p *party) {
	s.Terms, s.Self, s.Transcripts = *p.terms, p.self, p.transcripts
	copy(s.Seed[:], p.seed[:])
}

func (p *party) session1() ([]byte, error) {
	s := &session1{}
	defer clear(s.Part.Seed[:])
	s.Part.fill(p)
	return wire.Marshal(s.Fields)
}

func (p *party) session2() ([]byte, error) {
	s := &session2{Digests: p.digests, Commitments: p.commitments}
	defer s.clear()
	s.Part.fill(p)
	p.cu.PutBytes(s.CU[:])
	p.cv.PutBytes(s.CV[:])
	return wire.Marshal(s.Fields)
}

func (s *session2) clear() {
	clear(s.Part.Seed[:])
	clear(s.CU[:])
	clear(s.CV[:])
}

// resume returns the signer whose part this is.
func (s *part) resume(share *deal.KeyShare, round int) (*party, error) {
	if err := s.Terms.belong(share, s.Self, round); err != nil {
		return nil, err
	}
	p, err := newParty(share, &s.Terms, s.Seed[:])
	if err != nil {
		return nil, notASession(round)
	}
	if !complete(s.Transcripts, p.others) {
		p.clear()
		return nil, notASession(round)
	}
	p.transcripts = s.Transcripts
	return p, nil
}

// belong checks that a session was begun with this share.
func (t *terms) belong(share *deal.KeyShare, self, round int) error {
	if t.KeyID != share.ID || self != share.Index {
		return wire.Errorf(wire.CodeSession, "the session is one of another key share")
	}
	if t.check(share) != nil {
		return notASession(round)
	}
	return nil
}

func resume1(share *deal.KeyShare, session []byte) (*party, error) {
	var s session1
	defer func() { clear(s.Part.Seed[:]) }()
	if wire.Unmarshal(session, maxSession, s.Fields) != nil {
		return nil, notASession(1)
	}
	return s.Part.resume(share, 1)
}

func resume2(share *deal.KeyShare, session []byte) (*party, error) {
	var s session2
	defer s.clear()
	if wire.Unmarshal(session, maxSession, s.Fields) != nil {
		return nil, notASession(2)
	}
	p, err := s.Part.resume(share, 2)
	if err != nil {
		return nil, err
	}
	_, errU := p.cu.SetBytes(s.CU[:])
	_, errV := p.cv.SetBytes(s.CV[:])
	if errU != nil || errV != nil || !complete(s.Digests, p.Signers) || !complete(s.Commitments, p.others) {
		p.clear()
		return nil, notASession(2)
	}
	if err := p.agree(s.Digests, s.Commitments); err != nil {
		p.clear()
		return nil, err
	}
	return p, nil
}

func resume3(share *deal.KeyShare, session []byte) (g *signing, R *secp256k1.Point, u, w *secp256k1.Scalar, err error) {
	fail := func(err error) (*signing, *secp256k1.Point, *secp256k1.Scalar, *secp256k1.Scalar, error) {
		return nil, nil, nil, nil, err
	}
	var s session3
	if wire.Unmarshal(session, maxSession, s.Fields) != nil {
		return fail(notASession(3))
	}
	if err := s.Terms.belong(share, s.Self, 3); err != nil {
		return fail(err)
	}
	g, err = newSigning(share, &s.Terms)
	R, errR := new(secp256k1.Point).SetBytes(s.R[:])
	u, errU := new(secp256k1.Scalar).SetBytes(s.U[:])
	w, errW := new(secp256k1.Scalar).SetBytes(s.W[:])
	if err != nil || errR != nil || errU != nil || errW != nil {
		return fail(notASession(3))
	}
	g.sid = s.SID
	return g, R, u, w, nil
}

func notASession(round int) error {
	return wire.Errorf(wire.CodeSession, "this is not a session of round %d of dkls23", round)
}
