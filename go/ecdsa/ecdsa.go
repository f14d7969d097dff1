// Package ecdsa is the end of every signing protocol: it verifies the signature that came out and brings it to the form that
// Ethereum takes.
package ecdsa

import (
	"errors"

	"tandem/go/secp256k1"
)

// Signature is a verified signature with low s.
type Signature struct {
	R, S    [32]byte
	YParity byte // the parity of the y-coordinate of the point that r, with this s, stands for
}

// ErrInvalid is returned for what is not a signature.
var ErrInvalid = errors.New("ecdsa: not a signature of this message under this key")

// Overflow is the error for a signature whose r is not the x-coordinate of its nonce point but that less q, which happens with
// probability 2^-127: it is valid, but Ethereum has no parity for it. It is a type because a comparison of errors would bring
// reflection into the module.
type Overflow struct{}

func (Overflow) Error() string { return "ecdsa: the nonce point has no r below q: sign again" }

// Complete returns the signature of m, a digest modulo q, under the public key whose comb is Q, whose nonce point is R and whose
// s is s or -s, whichever is low. It returns [ErrInvalid] unless (R.x mod q, s) is a signature with that very nonce point, not
// only with its r. It runs in constant time except for what it finds.
func Complete(Q *secp256k1.Comb, m *secp256k1.Scalar, R *secp256k1.Point, s *secp256k1.Scalar) (*Signature, error) {
	var r, low secp256k1.Scalar
	encoded := R.Bytes()
	x := encoded[1:]
	r.SetDigest(x)
	if r.IsZero()|s.IsZero() == 1 || !verify(Q, m, &r, s, R) {
		return nil, ErrInvalid
	}
	if _, err := low.SetBytes(x); err != nil {
		return nil, Overflow{}
	}
	high := s.IsHigh()
	low.Neg(s)
	low.Select(&low, s, high)
	signature := &Signature{YParity: encoded[0]&1 ^ byte(high)}
	r.PutBytes(signature.R[:])
	low.PutBytes(signature.S[:])
	return signature, nil
}

// verify reports whether (m/s)·G + (r/s)·Q = R, for an s that is not 0.
func verify(Q *secp256k1.Comb, m, r, s *secp256k1.Scalar, R *secp256k1.Point) bool {
	var w, u secp256k1.Scalar
	var left, right secp256k1.Point
	w.Invert(s)
	left.ScalarBaseMult(u.Mul(m, &w))
	Q.ScalarMult(&right, u.Mul(r, &w))
	return left.Add(&left, &right).Equal(R) == 1
}
