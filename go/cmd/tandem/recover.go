package main

import (
	"tandem/go/deal"
	"tandem/go/secp256k1"
	"tandem/go/wire"
)

type recoverInput struct {
	Digest    []byte
	Signature []byte
}

// Fields names the fields to package wire.
func (in *recoverInput) Fields(c *wire.Coder) {
	c.Name("digest").Bytes(&in.Digest)
	c.Name("signature").Bytes(&in.Signature)
}

type recoverOutput struct {
	Address []byte
}

// Fields names the fields to package wire.
func (out *recoverOutput) Fields(c *wire.Coder) {
	c.Name("address").Bytes(&out.Address)
}

// recoverAddress gives the address (20 bytes) whose key made a signature (r, s
// and v: 65 bytes, v is 0, 1, 27 or 28) of a digest (32 bytes). It gives what
// go-ethereum does, and refuses a high s, which Ethereum's transactions may not
// have either.
func recoverAddress(in *recoverInput) (*recoverOutput, error) {
	if len(in.Digest) != 32 || len(in.Signature) != 65 {
		return nil, wire.Errorf(wire.CodeInput, "a digest has 32 bytes, a signature 65")
	}
	v := in.Signature[64]
	if v == 27 || v == 28 {
		v -= 27
	}
	r, errR := new(secp256k1.Scalar).SetBytes(in.Signature[:32])
	s, errS := new(secp256k1.Scalar).SetBytes(in.Signature[32:64])
	if v > 1 || errR != nil || errS != nil || r.IsZero()|s.IsZero()|s.IsHigh() == 1 {
		return nil, wire.Errorf(wire.CodeInput, "not a signature in Ethereum's form")
	}
	R, err := new(secp256k1.Point).SetBytes(append([]byte{2 + v}, in.Signature[:32]...))
	if err != nil {
		return nil, wire.Errorf(wire.CodeInput, "nobody made this signature")
	}
	// Q = r⁻¹(s R - m G): SEC 1, section 4.1.6
	w := new(secp256k1.Scalar).Invert(r)
	m := new(secp256k1.Scalar).SetDigest(in.Digest)
	Q := new(secp256k1.Point).ScalarMult(s.Mul(s, w), R)
	Q.Sub(Q, new(secp256k1.Point).ScalarBaseMult(m.Mul(m, w)))
	if Q.IsIdentity() == 1 {
		return nil, wire.Errorf(wire.CodeInput, "nobody made this signature")
	}
	address := (&deal.Key{Q: Q}).Address()
	return &recoverOutput{address[:]}, nil
}
