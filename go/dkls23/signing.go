package dkls23

import (
	"maps"
	"slices"

	"tandem/go/bip32"
	"tandem/go/deal"
	"tandem/go/secp256k1"
	"tandem/go/transcript"
	"tandem/go/wire"
)

// terms are what is signed, and by whom: what all signers must agree on before.
type terms struct {
	KeyID   [32]byte
	Signers []int // ascending
	Path    []uint32
	Digest  [32]byte
}

// Fields names the fields to package wire.
func (t *terms) Fields(c *wire.Coder) {
	c.Key(1).Array(t.KeyID[:])
	c.Key(2).Ints(&t.Signers)
	wire.List(c.Key(3), &t.Path)
	for i := range t.Path {
		c.Uint32(&t.Path[i])
	}
	c.Key(4).Array(t.Digest[:])
}

func newTerms(share *deal.KeyShare, signers []int, digest [32]byte, path string) (*terms, error) {
	indices, err := bip32.ParsePath(path)
	if err != nil {
		return nil, err
	}
	t := &terms{share.ID, slices.Clone(signers), indices, digest}
	return t, t.check(share)
}

// check reports whether the signers are a quorum of the share's key, with its party in it.
func (t *terms) check(share *deal.KeyShare) error {
	if len(t.Signers) != share.Threshold {
		return wire.Errorf(wire.CodeInput, "%d signers, this key needs %d", len(t.Signers), share.Threshold)
	}
	last := 0
	for _, i := range t.Signers {
		if i <= last {
			return wire.Errorf(wire.CodeInput, "the signers are not in ascending order")
		}
		if _, err := share.PublicShare(i); err != nil {
			return err
		}
		last = i
	}
	if !slices.Contains(t.Signers, share.Index) {
		return wire.Errorf(wire.CodeInput, "party %d is not among the signers", share.Index)
	}
	return nil
}

// id is the hash of the terms, which every later hash goes through.
func (t *terms) id() [32]byte {
	var signers, path []byte
	for _, i := range t.Signers {
		signers = append(signers, byte(i))
	}
	for _, index := range t.Path {
		path = append(path, transcript.U32(int(index))...)
	}
	return transcript.Hash(labelTerms, t.KeyID[:], signers, path, t.Digest[:])
}

// compare names what another signer means differently.
func (t *terms) compare(other *terms) error {
	switch {
	case other.KeyID != t.KeyID:
		return wire.Errorf(wire.CodeInput, "it signs with another key, or another sharing of this key")
	case !slices.Equal(other.Signers, t.Signers):
		return wire.Errorf(wire.CodeInput, "it signs with other signers")
	case !slices.Equal(other.Path, t.Path):
		return wire.Errorf(wire.CodeInput, "it signs under another derivation path")
	case other.Digest != t.Digest:
		return wire.Errorf(wire.CodeInput, "it signs another digest")
	}
	return nil
}

// besides returns the signers other than i.
func (t *terms) besides(i int) []int {
	return slices.DeleteFunc(slices.Clone(t.Signers), func(j int) bool { return j == i })
}

// signing is one signature as a signer sees it.
type signing struct {
	*terms
	share  *deal.KeyShare
	self   int
	others []int             // the other signers, ascending
	id     [32]byte          // of the terms
	key    *bip32.Child      // that is signed under
	m      *secp256k1.Scalar // the digest
	sid    [32]byte          // once round 1 is known
}

func newSigning(share *deal.KeyShare, t *terms) (*signing, error) {
	key, err := bip32.Derive(share.Q, share.ChainCode[:], t.Path)
	if err != nil {
		return nil, err
	}
	return &signing{
		terms:  t,
		share:  share,
		self:   share.Index,
		others: t.besides(share.Index),
		id:     t.id(),
		key:    key,
		m:      new(secp256k1.Scalar).SetDigest(t.Digest[:]),
	}, nil
}

// otID is the session id of the OTs in which party i is the receiver and party j the sender.
func (g *signing) otID(i, j int, com [32]byte) []byte {
	id := transcript.Hash(labelOT, g.id[:], transcript.U32(i), transcript.U32(j), com[:])
	return id[:]
}

// commitment is com_i.
func (g *signing) commitment(i int, R *secp256k1.Point, salt *[32]byte) [32]byte {
	encoded := encoded(R)
	defer clear(encoded[:])
	return transcript.Hash(labelCommitment, g.id[:], transcript.U32(i), encoded[:], salt[:])
}

// digest is that of the message of round 1 of party i, given its T for each other signer.
func (g *signing) digest(i int, com [32]byte, transcripts map[int][32]byte) [32]byte {
	var all []byte
	for _, j := range slices.Sorted(maps.Keys(transcripts)) {
		t := transcripts[j]
		all = append(all, t[:]...)
	}
	return transcript.Hash(labelMessage, g.id[:], transcript.U32(i), com[:], all)
}

// sessionID is the sid: the hash of all messages of round 1.
func (g *signing) sessionID(digests map[int][32]byte) [32]byte {
	var all []byte
	for _, i := range g.Signers {
		digest := digests[i]
		all = append(all, digest[:]...)
	}
	return transcript.Hash(labelSID, g.id[:], all)
}

// pairwise returns n bytes that this party and party j can compute and nobody else.
func (g *signing) pairwise(j int, label string, n int, parts ...[]byte) ([]byte, error) {
	seed, err := g.share.Seed(j)
	if err != nil {
		return nil, err
	}
	defer clear(seed)
	return transcript.Expand(label, n, slices.Concat([][]byte{seed, g.sid[:]}, parts)...), nil
}

// keyShare is sk_i: what the party adds to the private key, all signers' being its sum.
func (g *signing) keyShare() (*secp256k1.Scalar, error) {
	sk, err := deal.Lagrange(g.Signers, g.self)
	if err != nil {
		return nil, err
	}
	sk.Mul(sk, g.share.X)
	var zeta secp256k1.Scalar
	defer zeta.Clear()
	for _, j := range g.others {
		uniform, err := g.pairwise(j, labelZero, secp256k1.UniformSize)
		if err != nil {
			sk.Clear()
			return nil, err
		}
		zeta.SetUniformBytes(uniform)
		clear(uniform)
		if g.self < j {
			sk.Add(sk, &zeta)
		} else {
			sk.Sub(sk, &zeta)
		}
	}
	if g.self == g.Signers[0] {
		sk.Add(sk, g.key.Tweak)
	}
	return sk, nil
}

// suspect is the error for a fault that is one of the other signers', which of them nobody can tell.
func (g *signing) suspect(what string) error {
	if len(g.others) == 1 {
		return wire.PartyErrorf(g.others[0], "%s", what)
	}
	return wire.Errorf(wire.CodeParty, "%s: one of the other signers cheats", what)
}
