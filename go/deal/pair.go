package deal

import (
	aead "tandem/go/internal/box"
	"tandem/go/internal/mac"
	"tandem/go/secp256k1"
	"tandem/go/transcript"
	"tandem/go/wire"
)

// pair is what two parties of a deal have in common and nobody else: the Diffie-Hellman secret of their ephemeral keys.
type pair struct {
	secret []byte
	dealID [32]byte
}

// pairs are a party's with each of the others.
type pairs map[int]*pair

// pairs returns those of the given parties with the party whose contribution this is.
func (c *contribution) pairs(with []int, peers peers, dealID [32]byte) (pairs, error) {
	all := make(pairs, len(with))
	for _, i := range with {
		ephemeral := peers[i].Ephemeral
		E, err := new(secp256k1.Point).SetBytes(ephemeral[:])
		if err != nil {
			all.clear()
			return nil, wire.Errorf(wire.CodeInternal, "an ephemeral key is no point") // checked when it was received
		}
		all[i] = &pair{E.ScalarMult(c.e, E).Bytes(), dealID}
		E.Clear()
	}
	return all, nil
}

func (all pairs) clear() {
	for _, p := range all {
		clear(p.secret)
	}
}

// derive returns the key for one use between parties i and j.
func (p *pair) derive(label string, i, j int) []byte {
	info := label + string(transcript.U32(i)) + string(transcript.U32(j))
	key := make([]byte, aead.KeySize)
	mac.HKDF(key, p.secret, p.dealID[:], info)
	return key
}

// seal seals the share that party i gives to party j.
func (p *pair) seal(i, j int, share *secp256k1.Scalar) box {
	key := p.derive(labelBox, i, j)
	defer clear(key)
	plain := share.Bytes()
	defer clear(plain)
	return box(aead.Seal(key, nil, plain))
}

// open opens the box that party i made for party j.
func (p *pair) open(i, j int, sealed box) (*secp256k1.Scalar, error) {
	key := p.derive(labelBox, i, j)
	defer clear(key)
	plain, ok := aead.Open(key, nil, sealed[:])
	if !ok {
		return nil, wire.Errorf(wire.CodeInput, "the sealed share does not open")
	}
	defer clear(plain)
	share, err := new(secp256k1.Scalar).SetBytes(plain)
	if err != nil {
		return nil, wire.Errorf(wire.CodeInput, "the sealed share is no scalar")
	}
	return share, nil
}

// zeroSeed puts the seed of the zero-sharing between parties i and j in dst: the same from both sides.
func (p *pair) zeroSeed(dst *[32]byte, i, j int) {
	seed := p.derive(labelZero, min(i, j), max(i, j))
	copy(dst[:], seed)
	clear(seed)
}
