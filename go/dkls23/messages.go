package dkls23

import (
	"crypto/subtle"
	"maps"
	"slices"

	"tandem/go/deal"
	"tandem/go/internal/box"
	"tandem/go/ot"
	"tandem/go/rounds"
	"tandem/go/secp256k1"
	"tandem/go/transcript"
	"tandem/go/vole"
	"tandem/go/wire"
)

// Kinds of what travels or is kept.
const (
	kindRound1   = "dkls23/1"
	kindRound2   = "dkls23/2"
	kindRound3   = "dkls23/3"
	kindSession1 = "dkls23/session/1"
	kindSession2 = "dkls23/session/2"
	kindSession3 = "dkls23/session/3"
)

// Most bytes of each. What there is besides the parts for each other signer is of one size.
const (
	maxHeader  = 3 << 10
	maxBox     = 3*secp256k1.ScalarSize*vole.Xi + 512
	maxRound3  = maxHeader
	maxSession = 4 << 10
)

func maxRound1(others int) int { return maxHeader + others*(ot.MessageSize(vole.Xi)+16) }
func maxRound2(others int) int { return maxHeader + others*maxBox }

type point = [33]byte

type round1Message struct {
	From        int
	Terms       terms
	Commitment  [32]byte         // com
	Transcripts map[int][32]byte // T of the message of the OT receiver to each other signer
	OTs         map[int][]byte   // those messages; the ones for others may be left out
}

// Fields names the fields to package wire.
func (m *round1Message) Fields(c *wire.Coder) {
	c.Header(kindRound1)
	c.Key(3).Int(&m.From)
	c.Key(4).Struct(m.Terms.Fields)
	c.Key(5).Array(m.Commitment[:])
	wire.Map(c.Key(6), &m.Transcripts, (*wire.Coder).Array32)
	wire.Map(c.Key(7), &m.OTs, (*wire.Coder).Bytes)
}

type round2Message struct {
	From    int
	Digests map[int][32]byte // of the messages of round 1 of all signers, as the sender knows them
	Boxes   map[int][]byte   // sealed contents for each other signer; those for others may be left out
}

// Fields names the fields to package wire.
func (m *round2Message) Fields(c *wire.Coder) {
	c.Header(kindRound2)
	c.Key(3).Int(&m.From)
	wire.Map(c.Key(4), &m.Digests, (*wire.Coder).Array32)
	wire.Map(c.Key(5), &m.Boxes, (*wire.Coder).Bytes)
}

// contents is what one party sends another in round 2.
type contents struct {
	R      point
	Salt   [32]byte
	PK     point    // pk_i = sk_i·G
	Psi    [32]byte // ψ_ij
	GammaU point    // Γ^u_ij
	GammaV point    // Γ^v_ij
	B      point
	RVOLE  vole.Message
}

// Fields names the fields to package wire.
func (m *contents) Fields(c *wire.Coder) {
	c.Key(1).Array(m.R[:])
	c.Key(2).Array(m.Salt[:])
	c.Key(3).Array(m.PK[:])
	c.Key(4).Array(m.Psi[:])
	c.Key(5).Array(m.GammaU[:])
	c.Key(6).Array(m.GammaV[:])
	c.Key(7).Array(m.B[:])
	c.Key(8).Struct(m.RVOLE.Fields)
}

type round3Message struct {
	From int
	SID  [32]byte
	U    [32]byte
	W    [32]byte
	Tags map[int][32]byte // for each other signer
}

// Fields names the fields to package wire.
func (m *round3Message) Fields(c *wire.Coder) {
	c.Header(kindRound3)
	c.Key(3).Int(&m.From)
	c.Key(4).Array(m.SID[:])
	c.Key(5).Array(m.U[:])
	c.Key(6).Array(m.W[:])
	wire.Map(c.Key(7), &m.Tags, (*wire.Coder).Array32)
}

// For returns a message without what is meant for other receivers than the given party: all that this party needs of it. A
// relay may pass that on in place of the message. An error has code input: data is not a message of this protocol, or has
// nothing for the party.
func For(party int, message []byte) ([]byte, error) {
	const others = deal.MaxParties - 1
	var m1 round1Message
	if wire.Unmarshal(message, maxRound1(others), m1.Fields) == nil {
		if err := only(party, m1.OTs); err != nil {
			return nil, err
		}
		return wire.Marshal(m1.Fields)
	}
	var m2 round2Message
	if wire.Unmarshal(message, maxRound2(others), m2.Fields) == nil {
		if err := only(party, m2.Boxes); err != nil {
			return nil, err
		}
		return wire.Marshal(m2.Fields)
	}
	var m3 round3Message
	if err := wire.Unmarshal(message, maxRound3, m3.Fields); err != nil {
		return nil, err
	}
	return slices.Clone(message), nil
}

// only drops all parts but that of one party.
func only(party int, parts map[int][]byte) error {
	if _, ok := parts[party]; !ok {
		return wire.Errorf(wire.CodeInput, "the message has nothing for party %d", party)
	}
	maps.DeleteFunc(parts, func(j int, _ []byte) bool { return j != party })
	return nil
}

// complete reports whether m has a value for each of set and for nobody else.
func complete[V any](m map[int]V, set []int) bool { return within(m, set) && len(m) == len(set) }

// within reports whether m has values for members of set only.
func within[V any](m map[int]V, set []int) bool {
	for i := range m {
		if !slices.Contains(set, i) {
			return false
		}
	}
	return true
}

// readRound1 reads the messages of round 1 of all others.
func (g *signing) readRound1(messages map[int][]byte) (map[int]*round1Message, error) {
	if err := rounds.Expect(messages, g.Signers, g.self); err != nil {
		return nil, err
	}
	all := map[int]*round1Message{}
	for _, j := range g.others {
		m, err := g.decodeRound1(messages[j], j)
		if err != nil {
			return nil, rounds.Blame(j, err)
		}
		all[j] = m
	}
	return all, nil
}

func (g *signing) decodeRound1(data []byte, j int) (*round1Message, error) {
	var m round1Message
	if err := wire.Unmarshal(data, maxRound1(len(g.others)), m.Fields); err != nil {
		return nil, err
	}
	if err := rounds.Sender(m.From, j); err != nil {
		return nil, err
	}
	if err := g.compare(&m.Terms); err != nil {
		return nil, err
	}
	receivers := g.besides(j)
	if !complete(m.Transcripts, receivers) || !within(m.OTs, receivers) {
		return nil, wire.Errorf(wire.CodeInput, "its OT messages are not those for the other signers")
	}
	if m.Transcripts[g.self] != [32]byte(ot.Transcript(g.otID(j, g.self, m.Commitment), m.OTs[g.self])) {
		return nil, wire.Errorf(wire.CodeInput, "its OT message is not the one that it gives the hash of")
	}
	return &m, nil
}

// reply is contents, decoded.
type reply struct {
	R, pk, gammaU, gammaV *secp256k1.Point
	salt                  [32]byte
	psi                   secp256k1.Scalar
	rvole                 vole.Response
}

// clear forgets it: it came in a box, for this party alone.
func (r *reply) clear() {
	for _, p := range []*secp256k1.Point{r.R, r.pk, r.gammaU, r.gammaV, r.rvole.B} {
		if p != nil {
			p.Clear()
		}
	}
	clear(r.salt[:])
	r.psi.Clear()
	r.rvole.Clear()
}

// readRound2 reads the messages of round 2 of all others. It checks that all received the same round 1. With an error it
// returns as much as there is to clear.
func (p *party) readRound2(messages map[int][]byte) (map[int]*reply, error) {
	if err := rounds.Expect(messages, p.Signers, p.self); err != nil {
		return nil, err
	}
	all := map[int]*round2Message{}
	for _, j := range p.others {
		m, err := p.decodeRound2(messages[j], j)
		if err != nil {
			return nil, rounds.Blame(j, err)
		}
		// First what each says of its own message, so that the one whose message was changed on its way is named.
		if m.Digests[j] != p.digests[j] {
			return nil, wire.PartyErrorf(j, "its message of round 1 is not the one received")
		}
		all[j] = m
	}
	replies := map[int]*reply{}
	for _, j := range p.others {
		for _, i := range p.Signers {
			if all[j].Digests[i] != p.digests[i] {
				return replies, wire.PartyErrorf(j, "it received another message of round 1 from party %d", i)
			}
		}
		sent, err := p.open(j, all[j].Boxes[p.self])
		if err != nil {
			return replies, rounds.Blame(j, err)
		}
		replies[j], err = sent.decode()
		sent.clear()
		if err != nil {
			return replies, rounds.Blame(j, err)
		}
	}
	return replies, nil
}

func (g *signing) decodeRound2(data []byte, j int) (*round2Message, error) {
	var m round2Message
	if err := wire.Unmarshal(data, maxRound2(len(g.others)), m.Fields); err != nil {
		return nil, err
	}
	if err := rounds.Sender(m.From, j); err != nil {
		return nil, err
	}
	if !complete(m.Digests, g.Signers) || !within(m.Boxes, g.besides(j)) {
		return nil, wire.Errorf(wire.CodeInput, "its message is not one for the other signers")
	}
	return &m, nil
}

// boxKey returns the key, which the caller clears, for what party i, one of this party and party j, sends the other: one value.
func (g *signing) boxKey(i, j int) ([]byte, error) {
	return g.pairwise(i+j-g.self, labelBox, box.KeySize, transcript.U32(i), transcript.U32(j))
}

// seal seals what goes to party j.
func (g *signing) seal(j int, sent *contents) ([]byte, error) {
	key, err := g.boxKey(g.self, j)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	plain, err := wire.Marshal(sent.Fields)
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	return box.Seal(key, nil, plain), nil
}

// open opens the box of party j.
func (g *signing) open(j int, sealed []byte) (*contents, error) {
	key, err := g.boxKey(j, g.self)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	plain, ok := box.Open(key, nil, sealed)
	if !ok {
		return nil, wire.Errorf(wire.CodeInput, "what it sealed for party %d does not open", g.self)
	}
	defer clear(plain)
	sent := new(contents)
	if err := wire.Unmarshal(plain, maxBox, sent.Fields); err != nil {
		sent.clear()
		return nil, err
	}
	return sent, nil
}

// clear forgets the contents, except τ, which a [reply] decoded from them has in common.
func (c *contents) clear() { *c = contents{} }

func (c *contents) decode() (*reply, error) {
	d := &reply{salt: c.Salt, rvole: vole.Response{Messages: []vole.Message{c.RVOLE}}} // with an error too, to be cleared
	for _, field := range []struct {
		name  string
		bytes point
		to    **secp256k1.Point
	}{{"R", c.R, &d.R}, {"pk", c.PK, &d.pk}, {"Γu", c.GammaU, &d.gammaU}, {"Γv", c.GammaV, &d.gammaV}, {"B", c.B, &d.rvole.B}} {
		p, err := new(secp256k1.Point).SetBytes(field.bytes[:])
		if err != nil {
			return d, wire.Errorf(wire.CodeInput, "%s is not a point", field.name)
		}
		*field.to = p
	}
	if _, err := d.psi.SetBytes(c.Psi[:]); err != nil {
		return d, wire.Errorf(wire.CodeInput, "ψ is not a scalar")
	}
	return d, nil
}

// tag is what shows party j that m is from party i.
func (g *signing) tag(i, j int, m *round3Message) (tag [32]byte, err error) {
	b, err := g.pairwise(i+j-g.self, labelTag, len(tag), transcript.U32(i), transcript.U32(j), m.U[:], m.W[:])
	if err != nil {
		return tag, err
	}
	copy(tag[:], b)
	clear(b)
	return tag, nil
}

// fragment is a signer's share of the signature.
type fragment struct{ u, w secp256k1.Scalar }

// readRound3 reads the messages of round 3 of all others.
func (g *signing) readRound3(messages map[int][]byte) (map[int]*fragment, error) {
	if err := rounds.Expect(messages, g.Signers, g.self); err != nil {
		return nil, err
	}
	all := map[int]*fragment{}
	for _, j := range g.others {
		m, err := g.decodeRound3(messages[j], j)
		if err != nil {
			return nil, rounds.Blame(j, err)
		}
		all[j] = m
	}
	return all, nil
}

func (g *signing) decodeRound3(data []byte, j int) (*fragment, error) {
	var m round3Message
	if err := wire.Unmarshal(data, maxRound3, m.Fields); err != nil {
		return nil, err
	}
	if err := rounds.Sender(m.From, j); err != nil {
		return nil, err
	}
	if m.SID != g.sid {
		return nil, wire.Errorf(wire.CodeInput, "its message is one of another signature")
	}
	if !complete(m.Tags, g.besides(j)) {
		return nil, wire.Errorf(wire.CodeInput, "its tags are not those for the other signers")
	}
	tag, err := g.tag(j, g.self, &m)
	if err != nil {
		return nil, err
	}
	if got := m.Tags[g.self]; subtle.ConstantTimeCompare(got[:], tag[:]) != 1 {
		return nil, wire.Errorf(wire.CodeInput, "its tag is not that of the message")
	}
	var f fragment
	_, errU := f.u.SetBytes(m.U[:])
	_, errW := f.w.SetBytes(m.W[:])
	if errU != nil || errW != nil {
		return nil, wire.Errorf(wire.CodeInput, "its share of the signature is no scalars")
	}
	return &f, nil
}
