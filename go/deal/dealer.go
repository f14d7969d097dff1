package deal

import (
	"io"
	"slices"

	"tandem/go/secp256k1"
	"tandem/go/transcript"
	"tandem/go/wire"
)

// dealer is one party's part in a deal, as its sessions keep it: what was agreed, and a seed that all of the party's
// contribution is drawn from, again in every round.
type dealer struct {
	Terms     terms
	Self      int
	Seed      [32]byte
	Constant  []byte // f(0) if it is given: the key of Import, λx of Reshare; otherwise empty
	ChainCode []byte // that of an imported key if it is given; otherwise empty
}

// Fields names the fields to package wire.
func (d *dealer) Fields(c *wire.Coder) {
	c.Key(1).Struct(d.Terms.Fields)
	c.Key(2).Int(&d.Self)
	c.Key(3).Array(d.Seed[:])
	c.Key(4).Bytes(&d.Constant)
	c.Key(5).Bytes(&d.ChainCode)
}

// init checks the parameters and draws the seed. received is what is known of round 1 already.
func (d *dealer) init(p *Params, received map[int][]byte, rand io.Reader) error {
	t, err := p.terms()
	if err != nil {
		return err
	}
	d.Terms, d.Self = *t, p.Self
	if err := d.give(p); err != nil {
		return err
	}
	if err := d.check(); err != nil {
		return err
	}
	known := t.id(received)
	seed, err := transcript.HedgedSeed(rand, labelSeed, d.Constant, known[:])
	if err != nil {
		return wire.Errorf(wire.CodeInternal, "%v", err)
	}
	copy(d.Seed[:], seed)
	clear(seed)
	return nil
}

// give takes over the secret that a contributor to an import or a reshare brings.
func (d *dealer) give(p *Params) error {
	gives := d.Terms.contributes(d.Self)
	if (p.Secret != nil) != (gives && p.Kind == Import) || p.ChainCode != nil && p.Secret == nil {
		return wire.Errorf(wire.CodeInput, "the contributor to an import gives the key, and nobody else")
	}
	if (p.Share != nil) != (gives && p.Kind == Reshare) {
		return wire.Errorf(wire.CodeInput, "the contributors to a reshare give their shares, and nobody else")
	}
	switch {
	case p.Secret != nil:
		d.Constant = p.Secret.Bytes()
		if p.ChainCode != nil {
			d.ChainCode = slices.Clone(p.ChainCode[:])
		}
	case p.Share != nil:
		if p.Share.Index != d.Self || p.Share.ID != p.Old.ID {
			return wire.Errorf(wire.CodeIdentity, "this is not party %d's share of the old key", d.Self)
		}
		constant := lagrange(d.Terms.Contributors, d.Self, 0)
		constant.Mul(constant, p.Share.X)
		d.Constant = constant.Bytes()
		constant.Clear()
	}
	return nil
}

// check is what a session must satisfy.
func (d *dealer) check() error {
	if err := d.Terms.check(); err != nil {
		return err
	}
	contributes := d.Terms.contributes(d.Self)
	if !contributes && !d.Terms.receives(d.Self) {
		return wire.Errorf(wire.CodeInput, "party %d takes no part in this deal", d.Self)
	}
	given := contributes && d.Terms.Kind != Keygen
	chainCode := len(d.ChainCode) == 0 || given && d.Terms.Kind == Import && len(d.ChainCode) == 32
	if given != (len(d.Constant) != 0) || !chainCode {
		return wire.Errorf(wire.CodeInput, "what this party brings does not fit the kind of deal")
	}
	if given {
		constant, err := new(secp256k1.Scalar).SetBytes(d.Constant)
		if err != nil || constant.IsZero() == 1 {
			return wire.Errorf(wire.CodeInput, "a key is from 1 to q - 1")
		}
		constant.Clear()
	}
	return nil
}

func (d *dealer) clear() {
	clear(d.Seed[:])
	clear(d.Constant)
	clear(d.ChainCode)
}

// contribution is what a party adds to a deal.
type contribution struct {
	e         *secp256k1.Scalar // ephemeral secret
	ephemeral point             // E = e·G
	opening   opening
	f         polynomial // of a contributor, otherwise nil
	F         feldman
}

// contribution draws the party's contribution from its seed: the same one whenever it is asked for.
func (d *dealer) contribution() (*contribution, error) {
	stream := transcript.StreamFromSeed(d.Seed[:], labelSecrets)
	defer stream.Clear()
	c := &contribution{e: stream.Scalar()}
	c.ephemeral = point(new(secp256k1.Point).ScalarBaseMult(c.e).Bytes())
	stream.Read(c.opening.Salt[:])
	if !d.Terms.contributes(d.Self) {
		return c, nil
	}
	c.opening.ChainCode = make([]byte, 32)
	stream.Read(c.opening.ChainCode)
	if given := slices.Concat(d.Terms.ChainCode, d.ChainCode); len(given) > 0 {
		c.opening.ChainCode = given
	}
	for range d.Terms.Threshold {
		c.f = append(c.f, stream.Scalar())
	}
	if len(d.Constant) > 0 {
		if _, err := c.f[0].SetBytes(d.Constant); err != nil {
			c.clear()
			return nil, wire.Errorf(wire.CodeSession, "the constant of the session is no scalar")
		}
	}
	c.F = c.f.feldman()
	c.opening.Points = c.F.encode()
	var err error
	G, context := secp256k1.NewGenerator(), d.Terms.constantContext(d.Self, c.ephemeral)
	c.opening.Proof, err = transcript.Prove(stream, labelConstant, G, c.f[0], context...)
	if err != nil {
		c.clear()
		return nil, wire.Errorf(wire.CodeInternal, "%v", err)
	}
	return c, nil
}

func (c *contribution) clear() {
	c.e.Clear()
	c.f.clear()
	clear(c.opening.Salt[:])
	clear(c.opening.ChainCode)
}

// constantContext is what π_i is bound to besides F_i(0).
func (t *terms) constantContext(i int, ephemeral point) [][]byte {
	digest := t.digest()
	return [][]byte{digest[:], transcript.U32(i), ephemeral[:]}
}

// verify checks what contributor i opened its commitment to, and returns F_i.
func (t *terms) verify(i int, ephemeral point, o *opening) (feldman, error) {
	F, err := decodePoints(o.Points)
	if err != nil {
		return nil, err
	}
	G, context := secp256k1.NewGenerator(), t.constantContext(i, ephemeral)
	if !transcript.VerifyProof(labelConstant, G, F[0], o.Proof, context...) {
		return nil, wire.Errorf(wire.CodeInput, "the proof of the constant is wrong")
	}
	if t.Kind == Reshare {
		if o.Points[0] != t.Constants[slices.Index(t.Contributors, i)] {
			return nil, wire.Errorf(wire.CodeInput, "the constant is not the party's part of the old key")
		}
		if !slices.Equal(o.ChainCode, t.ChainCode) {
			return nil, wire.Errorf(wire.CodeInput, "the chain code is not that of the old key")
		}
	}
	return F, nil
}

// fits reports whether the message of party i has the size that the terms ask of it.
func (t *terms) fits(i int, m *round2Message) bool {
	if !t.contributes(i) {
		return len(m.Opening.Points)+len(m.Opening.Proof)+len(m.Opening.ChainCode)+len(m.Boxes) == 0
	}
	return len(m.Opening.Points) == t.Threshold && len(m.Opening.ChainCode) == 32 &&
		len(m.Boxes) == len(others(t.Parties, i))
}

// chainCode puts the parts of the contributors together.
func (t *terms) chainCode(parts [][]byte) [32]byte {
	if t.Kind == Keygen {
		return transcript.Hash(labelChainCode, parts...)
	}
	return [32]byte(parts[0])
}
