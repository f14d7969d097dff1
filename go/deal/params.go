package deal

import (
	"math"
	"slices"

	"tandem/go/secp256k1"
	"tandem/go/transcript"
	"tandem/go/wire"
)

// The kinds of deal.
const (
	Keygen  = "keygen"  // a new key: every receiver contributes a random constant
	Import  = "import"  // an existing key: its only contributor knows it
	Reshare = "reshare" // new shares of a key that is shared already: refresh, replacement, other t or n
)

// Bounds of what can be dealt.
const (
	MinThreshold = 2
	MaxParties   = 16  // receivers
	MaxIndex     = 255 // indices are 1..MaxIndex
)

// Params is what a party brings to a deal. The fields up to Epoch, without Self, are the terms, the same for all
// participants: Round3 finds out if they are not.
type Params struct {
	Kind         string
	Threshold    int    // t, from 2 to the number of receivers
	Parties      []int  // the receivers, ascending
	Contributors []int  // ascending; Parties for Keygen, one for Import, Old.Threshold old parties for Reshare
	Self         int    // one of Parties or Contributors
	Epoch        uint32 // of the new shares; Old.Epoch + 1 for Reshare

	// Import: the key, and optionally the chain code that belongs to it. For the contributor, and for nobody else.
	Secret    *secp256k1.Scalar
	ChainCode *[32]byte

	// Reshare: the key as it is shared now, for everyone; and for the contributors their share of it.
	Old   *Key
	Share *KeyShare
}

// terms is what all parties of a deal agree on before it.
type terms struct {
	Kind         string
	Threshold    int
	Parties      []int
	Contributors []int
	Epoch        uint32
	// Reshare only, otherwise empty. The key id is a hash of all that the other two are computed from.
	OldKeyID  []byte
	ChainCode []byte  // of the old key
	Constants []point // λ_i·X_i, which F_i(0) must be, in the order of Contributors
}

// Fields names the fields to package wire.
func (t *terms) Fields(c *wire.Coder) {
	c.Key(1).Text(&t.Kind)
	c.Key(2).Int(&t.Threshold)
	c.Key(3).Ints(&t.Parties)
	c.Key(4).Ints(&t.Contributors)
	c.Key(5).Uint32(&t.Epoch)
	c.Key(6).Bytes(&t.OldKeyID)
	c.Key(7).Bytes(&t.ChainCode)
	wire.List(c.Key(8), &t.Constants)
	for i := range t.Constants {
		c.Array(t.Constants[i][:])
	}
}

func (p *Params) terms() (*terms, error) {
	t := &terms{
		Kind:         p.Kind,
		Threshold:    p.Threshold,
		Parties:      slices.Clone(p.Parties),
		Contributors: slices.Clone(p.Contributors),
		Epoch:        p.Epoch,
	}
	if p.Kind == Reshare {
		if err := t.reshare(p.Old); err != nil {
			return nil, err
		}
	} else if p.Old != nil || p.Share != nil {
		return nil, wire.Errorf(wire.CodeInput, "an old key belongs to a reshare only")
	}
	return t, t.check()
}

// reshare fills in what follows from the old key.
func (t *terms) reshare(old *Key) error {
	if old == nil {
		return wire.Errorf(wire.CodeInput, "a reshare needs the old key")
	}
	if err := old.check(); err != nil {
		return err
	}
	if old.Epoch == math.MaxUint32 || t.Epoch != old.Epoch+1 {
		return wire.Errorf(wire.CodeInput, "a reshare of epoch %d cannot lead to epoch %d", old.Epoch, t.Epoch)
	}
	if len(t.Contributors) != old.Threshold || !ascending(t.Contributors) {
		return wire.Errorf(wire.CodeInput, "a reshare of this key needs %d contributors in ascending order", old.Threshold)
	}
	t.OldKeyID = slices.Clone(old.ID[:])
	t.ChainCode = slices.Clone(old.ChainCode[:])
	for _, i := range t.Contributors {
		X, err := old.PublicShare(i)
		if err != nil {
			return err
		}
		constant := new(secp256k1.Point).ScalarMult(lagrange(t.Contributors, i, 0), X)
		t.Constants = append(t.Constants, point(constant.Bytes()))
	}
	return nil
}

// check is all that can be said about terms on their own. Sessions are held to it as well.
func (t *terms) check() error {
	if err := checkQuorum(t.Threshold, t.Parties); err != nil {
		return err
	}
	if !ascending(t.Contributors) || len(t.Contributors) > MaxParties {
		return wire.Errorf(wire.CodeInput, "contributors must be up to %d ascending indices from 1 to %d",
			MaxParties, MaxIndex)
	}
	ok, old := false, len(t.OldKeyID)+len(t.ChainCode)+len(t.Constants) > 0
	switch t.Kind {
	case Keygen:
		ok = slices.Equal(t.Contributors, t.Parties) && !old
	case Import:
		ok = len(t.Contributors) == 1 && !old
	case Reshare:
		ok = len(t.Contributors) >= MinThreshold && len(t.Constants) == len(t.Contributors) &&
			len(t.OldKeyID) == 32 && len(t.ChainCode) == 32
	default:
		return wire.Errorf(wire.CodeInput, "unknown kind of deal")
	}
	if !ok {
		return wire.Errorf(wire.CodeInput, "these contributors cannot %s", t.Kind)
	}
	return nil
}

// checkQuorum checks t and the parties of a key.
func checkQuorum(threshold int, parties []int) error {
	if !ascending(parties) || len(parties) > MaxParties {
		return wire.Errorf(wire.CodeInput, "parties must be up to %d ascending indices from 1 to %d", MaxParties, MaxIndex)
	}
	if threshold < MinThreshold || threshold > len(parties) {
		return wire.Errorf(wire.CodeInput, "threshold %d of %d parties is not from %d to %d",
			threshold, len(parties), MinThreshold, len(parties))
	}
	return nil
}

// ascending reports whether set is one of indices, each above the one before it.
func ascending(set []int) bool {
	last := 0
	for _, i := range set {
		if i <= last || i > MaxIndex {
			return false
		}
		last = i
	}
	return len(set) > 0
}

// participants returns all parties of the deal, receivers and contributors, ascending.
func (t *terms) participants() []int {
	all := slices.Concat(t.Parties, t.Contributors)
	slices.Sort(all)
	return slices.Compact(all)
}

func (t *terms) receives(i int) bool    { return slices.Contains(t.Parties, i) }
func (t *terms) contributes(i int) bool { return slices.Contains(t.Contributors, i) }

// digest is the hash of the terms, which every later hash goes through.
func (t *terms) digest() [32]byte {
	return transcript.Hash(labelTerms, []byte(t.Kind),
		transcript.U32(len(t.Parties)), transcript.U32(t.Threshold),
		octets(t.Parties), octets(t.Contributors), transcript.U32(int(t.Epoch)), t.OldKeyID)
}

// id is the deal id: the hash of the terms and of all messages of round 1.
func (t *terms) id(round1 map[int][]byte) [32]byte {
	digest := t.digest()
	parts := [][]byte{digest[:]}
	for _, i := range t.participants() {
		parts = append(parts, transcript.U32(i), round1[i])
	}
	return transcript.Hash(labelID, parts...)
}

// octets returns one byte for each index of a set.
func octets(set []int) []byte {
	b := make([]byte, len(set))
	for k, i := range set {
		b[k] = byte(i)
	}
	return b
}
