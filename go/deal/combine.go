package deal

import (
	"tandem/go/secp256k1"
	"tandem/go/wire"
)

// Combine returns the private key that t shares of one key make, which the caller clears: Σ λ_i·x_i, checked against Q.
// From then on the key is whole: this is for people who leave. The order of shares does not matter. The time that it
// takes depends only on the indices.
//
// Errors: code input if there are not t of them, or one is there twice; identity if they are of different keys
// or epochs.
func Combine(shares []*KeyShare) (*secp256k1.Scalar, error) {
	if len(shares) == 0 || len(shares) != shares[0].Threshold {
		return nil, wire.Errorf(wire.CodeInput, "not as many shares as the threshold")
	}
	set := make([]int, len(shares))
	for n, share := range shares {
		if share.ID != shares[0].ID || share.Epoch != shares[0].Epoch {
			return nil, wire.Errorf(wire.CodeIdentity, "the shares are of different keys or epochs")
		}
		set[n] = share.Index
	}
	key := new(secp256k1.Scalar)
	for _, share := range shares {
		coefficient, err := Lagrange(set, share.Index)
		if err != nil {
			key.Clear()
			return nil, err
		}
		key.MulAdd(coefficient, share.X, key)
	}
	if new(secp256k1.Point).ScalarBaseMult(key).Equal(shares[0].Q) != 1 {
		key.Clear()
		return nil, wire.Errorf(wire.CodeInternal, "the shares do not make the key")
	}
	return key, nil
}
