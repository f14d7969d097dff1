package deal

import (
	"tandem/go/secp256k1"
	"tandem/go/wire"
)

// Summand returns t_i = λ_i x_i, which the caller clears: what this party adds to the private key when it signs together
// with the party peer alone, t_i + t_peer being the key. An error has code input: the key does not have threshold 2, or peer
// is not another party of it.
func (s *KeyShare) Summand(peer int) (*secp256k1.Scalar, error) {
	if s.Threshold != 2 {
		return nil, wire.Errorf(wire.CodeInput, "this key needs %d signers, not two", s.Threshold)
	}
	if _, err := s.PublicShare(peer); err != nil {
		return nil, err
	}
	t, err := Lagrange([]int{s.Index, peer}, s.Index)
	if err != nil {
		return nil, err
	}
	return t.Mul(t, s.X), nil
}
