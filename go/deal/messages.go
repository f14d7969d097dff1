package deal

import (
	"tandem/go/rounds"
	"tandem/go/transcript"
	"tandem/go/wire"
)

// Labels of the hashes and key derivations. doc.go says what goes into each.
const (
	labelTerms      = "DEAL-TERMS"
	labelSeed       = "DEAL-SEED"
	labelSecrets    = "DEAL-SECRET"
	labelCommitment = "DEAL-COM"
	labelConstant   = "DEAL-POK"
	labelID         = "DEAL-ID"
	labelBox        = "TANDEM-V1-DEAL-BOX"  // info of HKDF
	labelZero       = "TANDEM-V1-DEAL-ZERO" // info of HKDF
	labelMessage    = "DEAL-MSG"
	labelChainCode  = "DEAL-CC"
	labelKey        = "DEAL-KEY"
	labelTranscript = "DEAL-TRANS"
	labelConfirm    = "DEAL-CONF"
	labelAuthorize  = "DEAL-AUTH"
)

// Kinds of what travels or is kept.
const (
	kindRound1   = "deal/1"
	kindRound2   = "deal/2"
	kindRound3   = "deal/3"
	kindSession1 = "deal/session/1"
	kindSession2 = "deal/session/2"
	kindSession3 = "deal/session/3"
	kindKey      = "key"
	kindShare    = "share"
)

// Most bytes of each.
const (
	maxMessage = 4 << 10
	maxSession = 6 << 10
	maxShare   = 2 << 10
)

// boxSize is the length of a sealed scalar: 32 bytes and the tag.
const boxSize = 32 + 16

type (
	point   = [33]byte
	box     = [boxSize]byte
	digests = map[int][32]byte // of the messages of round 2, by sender: what a receiver has seen
)

type round1Message struct {
	From       int
	Commitment [32]byte // com
	Ephemeral  point    // E
}

// Fields names the fields to package wire.
func (m *round1Message) Fields(c *wire.Coder) {
	c.Header(kindRound1)
	c.Key(3).Int(&m.From)
	c.Key(4).Array(m.Commitment[:])
	c.Key(5).Array(m.Ephemeral[:])
}

type round2Message struct {
	From    int
	DealID  [32]byte
	Opening opening
	Boxes   []box // f(j) for each receiver j but the sender, ascending
}

// Fields names the fields to package wire.
func (m *round2Message) Fields(c *wire.Coder) {
	c.Header(kindRound2)
	c.Key(3).Int(&m.From)
	c.Key(4).Array(m.DealID[:])
	c.Key(5).Struct(m.Opening.Fields)
	wire.List(c.Key(6), &m.Boxes)
	for i := range m.Boxes {
		c.Array(m.Boxes[i][:])
	}
}

// opening opens a commitment of round 1. That of a party that does not contribute has a salt and nothing else.
type opening struct {
	Salt      [32]byte
	Points    []point // F
	Proof     []byte  // π, 64 bytes
	ChainCode []byte  // cc, 32 bytes
}

// Fields names the fields to package wire.
func (o *opening) Fields(c *wire.Coder) {
	c.Key(1).Array(o.Salt[:])
	wire.List(c.Key(2), &o.Points)
	for i := range o.Points {
		c.Array(o.Points[i][:])
	}
	c.Key(3).Bytes(&o.Proof)
	c.Key(4).Bytes(&o.ChainCode)
}

type round3Message struct {
	From    int
	Digests digests
	Proof   [64]byte // of x under X: the key confirmation
}

// Fields names the fields to package wire.
func (m *round3Message) Fields(c *wire.Coder) {
	c.Header(kindRound3)
	c.Key(3).Int(&m.From)
	wire.Map(c.Key(4), &m.Digests, (*wire.Coder).Array32)
	c.Key(5).Array(m.Proof[:])
}

// commitment returns com = H(i, E, F, π, cc, salt).
func (o *opening) commitment(i int, ephemeral point) [32]byte {
	var F []byte
	for _, p := range o.Points {
		F = append(F, p[:]...)
	}
	return transcript.Hash(labelCommitment, transcript.U32(i), ephemeral[:], F, o.Proof, o.ChainCode, o.Salt[:])
}

func decodeRound1(data []byte, i int) (*round1Message, error) {
	var m round1Message
	if err := wire.Unmarshal(data, maxMessage, m.Fields); err != nil {
		return nil, rounds.Blame(i, err)
	}
	if err := rounds.Sender(m.From, i); err != nil {
		return nil, rounds.Blame(i, err)
	}
	if _, err := decodePoints([]point{m.Ephemeral}); err != nil {
		return nil, rounds.Blame(i, err)
	}
	return &m, nil
}

func decodeRound2(data []byte, i int) (*round2Message, error) {
	var m round2Message
	if err := wire.Unmarshal(data, maxMessage, m.Fields); err != nil {
		return nil, rounds.Blame(i, err)
	}
	if err := rounds.Sender(m.From, i); err != nil {
		return nil, rounds.Blame(i, err)
	}
	return &m, nil
}

func decodeRound3(data []byte, i int) (*round3Message, error) {
	var m round3Message
	if err := wire.Unmarshal(data, maxMessage, m.Fields); err != nil {
		return nil, rounds.Blame(i, err)
	}
	if err := rounds.Sender(m.From, i); err != nil {
		return nil, rounds.Blame(i, err)
	}
	return &m, nil
}

var errOwnMessage = &wire.Error{Code: wire.CodeInput, Message: "the party's own message is not the one it sent"}
