package dkls23

import (
	"tandem/go/deal"
	"tandem/go/secp256k1"
	"tandem/go/transcript"
	"tandem/go/vole"
	"tandem/go/wire"
)

// party is a signer's part in one signature: what it draws from its seed, and what comes of the rounds. It holds secrets:
// clear it.
type party struct {
	*signing
	seed   [32]byte
	salt   [32]byte
	r, phi *secp256k1.Scalar
	R      *secp256k1.Point
	com    [32]byte
	seeds  map[int]*[32]byte // of the RVOLEs in which the others are the senders

	transcripts map[int][32]byte // T of those RVOLEs; from round 1 on

	digests     map[int][32]byte // of the messages of round 1 of all signers; this and all below from round 2 on
	commitments map[int][32]byte // of the others
	sk          *secp256k1.Scalar
	cu, cv      secp256k1.Scalar // Σ c^u, Σ c^v
}

func newParty(share *deal.KeyShare, t *terms, seed []byte) (*party, error) {
	g, err := newSigning(share, t)
	if err != nil {
		return nil, err
	}
	stream := transcript.StreamFromSeed(seed, labelSecrets)
	defer stream.Clear()
	p := &party{signing: g, seeds: map[int]*[32]byte{}}
	copy(p.seed[:], seed)
	stream.Read(p.salt[:])
	p.r, p.phi = stream.Scalar(), stream.Scalar()
	for _, j := range g.others {
		receiver := new([32]byte)
		stream.Read(receiver[:])
		p.seeds[j] = receiver
	}
	p.R = new(secp256k1.Point).ScalarBaseMult(p.r)
	p.com = g.commitment(g.self, p.R, &p.salt)
	return p, nil
}

func (p *party) clear() {
	for _, secret := range []*secp256k1.Scalar{p.r, p.phi, p.sk, &p.cu, &p.cv} {
		if secret != nil {
			secret.Clear()
		}
	}
	clear(p.seed[:])
	clear(p.salt[:])
	for _, seed := range p.seeds {
		clear(seed[:])
	}
	p.R.Clear()
}

// receiver returns the receiver of the RVOLE in which party j is the sender, and the stream that its message is drawn from.
func (p *party) receiver(j int) (*vole.Receiver, *transcript.Stream, error) {
	stream := transcript.StreamFromSeed(p.seeds[j][:], labelReceiver)
	receiver, err := vole.NewReceiver(layout, p.otID(p.self, j, p.com), stream)
	if err != nil {
		stream.Clear()
		return nil, nil, err
	}
	return receiver, stream, nil
}

// sample returns the receivers' messages of the RVOLEs in which the others are the senders, and 1 if a χ of them is 0.
func (p *party) sample() (messages map[int][]byte, zero int, err error) {
	p.transcripts, messages = map[int][32]byte{}, map[int][]byte{}
	for _, j := range p.others {
		receiver, stream, err := p.receiver(j)
		if err != nil {
			return nil, 0, err
		}
		defer receiver.Clear()
		defer stream.Clear()
		if messages[j], err = receiver.Message(stream); err != nil {
			return nil, 0, err
		}
		p.transcripts[j] = [32]byte(receiver.Transcript)
		zero |= receiver.Betas[0].IsZero()
	}
	return messages, zero, nil
}

// resume returns the receiver of the RVOLE in which party j is the sender, after its message was sent.
func (p *party) resume(j int) (*vole.Receiver, error) {
	receiver, stream, err := p.receiver(j)
	if err != nil {
		return nil, err
	}
	stream.Clear()
	t := p.transcripts[j]
	receiver.Resume(t[:])
	return receiver, nil
}

// chi is χ_ij, once the receiver's message was sent.
func chi(receiver *vole.Receiver) *secp256k1.Scalar { return &receiver.Betas[0] }

// agree takes in what came of round 1: the sid, and sk_i, which depends on it.
func (p *party) agree(digests, commitments map[int][32]byte) (err error) {
	p.digests, p.commitments = digests, commitments
	p.sid = p.sessionID(digests)
	p.sk, err = p.keyShare()
	return err
}

// senders returns the stream that the party draws from as the sender of RVOLEs.
func (p *party) senders() *transcript.Stream {
	seed := transcript.Hash(labelSender, p.seed[:], p.sid[:])
	defer clear(seed[:])
	return transcript.StreamFromSeed(seed[:], labelSender)
}

// multiply multiplies (r_i, sk_i) with the χ_ji of party j. It adds to Σ c, and returns what goes to j.
func (p *party) multiply(j int, m *round1Message, random *transcript.Stream) (*contents, error) {
	inputs := [][]secp256k1.Scalar{{*p.r, *p.sk}}
	defer clearScalars(inputs[0])
	sent, c, err := vole.Send(layout, p.otID(j, p.self, m.Commitment), p.sid[:], m.OTs[p.self], inputs, random)
	if err != nil {
		return nil, err
	}
	cu, cv := &c[0][0], &c[0][1]
	defer clearScalars(c[0])
	p.cu.Add(&p.cu, cu)
	p.cv.Add(&p.cv, cv)

	receiver, err := p.resume(j)
	if err != nil {
		return nil, err
	}
	defer receiver.Clear()
	box := &contents{Salt: p.salt, RVOLE: sent.Messages[0]}
	sent.Messages[0] = vole.Message{}
	box.R, box.B = encoded(p.R), encoded(sent.B)
	box.PK, box.GammaU, box.GammaV = timesG(p.sk), timesG(cu), timesG(cv)
	var psi secp256k1.Scalar
	defer psi.Clear()
	psi.Sub(p.phi, chi(receiver)).PutBytes(box.Psi[:])
	return box, nil
}

// encoded returns the encoding of P, and leaves no other.
func encoded(P *secp256k1.Point) point {
	b := P.Bytes()
	defer clear(b)
	return point(b)
}

func timesG(k *secp256k1.Scalar) point {
	P := new(secp256k1.Point).ScalarBaseMult(k)
	defer P.Clear()
	return encoded(P)
}

// check checks what party j sent in round 2, and returns the party's d^u and d^v.
func (p *party) check(j int, m *reply) (du, dv *secp256k1.Scalar, err error) {
	if p.commitment(j, m.R, &m.salt) != p.commitments[j] {
		return nil, nil, wire.Errorf(wire.CodeInput, "its nonce point is not the one it committed to")
	}
	receiver, err := p.resume(j)
	if err != nil {
		return nil, nil, err
	}
	defer receiver.Clear()
	d, err := receiver.Finish(p.sid[:], &m.rvole)
	if err != nil {
		return nil, nil, err
	}
	du, dv = &d[0][0], &d[0][1]
	// χ_ij·R_j - Γ^u_ji = d^u·G and χ_ij·pk_j - Γ^v_ji = d^v·G
	if !consistent(chi(receiver), m.R, m.gammaU, du) {
		clearScalars(d[0])
		return nil, nil, wire.Errorf(wire.CodeInput, "it multiplied with another nonce than that of its nonce point")
	}
	if !consistent(chi(receiver), m.pk, m.gammaV, dv) {
		clearScalars(d[0])
		return nil, nil, wire.Errorf(wire.CodeInput, "it multiplied with another key share than that of its public key share")
	}
	return du, dv, nil
}

// consistent reports whether χ·A - Γ = d·G.
func consistent(chi *secp256k1.Scalar, A, gamma *secp256k1.Point, d *secp256k1.Scalar) bool {
	left, right := new(secp256k1.Point).ScalarMult(chi, A), new(secp256k1.Point).ScalarBaseMult(d)
	defer left.Clear()
	defer right.Clear()
	left.Sub(left, gamma)
	return left.Equal(right) == 1
}
