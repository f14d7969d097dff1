package transcript

import (
	"io"

	"tandem/go/secp256k1"
)

// ProofSize is the length of a proof in bytes.
const ProofSize = 2 * secp256k1.ScalarSize

// Base is a point of proofs, other than the identity, with what it takes to multiply it several times: public, so it is not
// cleared.
type Base struct {
	comb     *secp256k1.Comb
	encoding [secp256k1.PointSize]byte
}

// Generator is the generator of the group.
var Generator = &Base{secp256k1.BaseComb(), [secp256k1.PointSize]byte(secp256k1.NewGenerator().Bytes())}

// NewBase returns p as a base.
func NewBase(p *secp256k1.Point) *Base {
	b := &Base{comb: secp256k1.NewComb(p)}
	p.PutBytes(b.encoding[:])
	return b
}

// DecodeBase returns the base of a 33-byte encoding, or secp256k1.ErrPoint.
func DecodeBase(encoding [secp256k1.PointSize]byte) (*Base, error) {
	p, err := new(secp256k1.Point).SetBytes(encoding[:])
	if err != nil {
		return nil, err
	}
	return &Base{secp256k1.NewComb(p), encoding}, nil
}

// Bytes returns the 33-byte encoding of the base.
func (b *Base) Bytes() []byte { return b.encoding[:] }

// ScalarMult sets p = k*b, in constant time, and returns p.
func (b *Base) ScalarMult(p *secp256k1.Point, k *secp256k1.Scalar) *secp256k1.Point {
	return b.comb.ScalarMult(p, k)
}

// Prove puts in proof, 64 bytes, a Schnorr proof of knowledge of x for statement, the encoding of x*b: c ‖ z, with
//
//	c = Scalar(label, b, statement, k*b, context...) and z = k + c*x
//
// for a k of 48 bytes of rand modulo q. So it binds the label, base, statement and context, where the context names the
// prover and the session, and a proof of one kind, party or session passes for no other. rand is a hedged stream.
func (b *Base) Prove(
	proof []byte, rand io.Reader, label string, statement []byte, x *secp256k1.Scalar, context ...[]byte,
) error {
	k, err := secp256k1.RandomScalar(rand)
	if err != nil {
		return err
	}
	var commitment secp256k1.Point
	c := b.challenge(label, statement, b.ScalarMult(&commitment, k), context)
	k.MulAdd(c, x, k)
	c.PutBytes(proof)
	k.PutBytes(proof[secp256k1.ScalarSize:])
	k.Clear()
	return nil
}

// Verify reports whether proof is a proof of [Base.Prove] for this label, base, statement and context. It rejects encodings
// that are not canonical.
func (b *Base) Verify(label string, statement *Base, proof []byte, context ...[]byte) bool {
	if len(proof) != ProofSize {
		return false
	}
	var c, z secp256k1.Scalar
	_, errC := c.SetBytes(proof[:secp256k1.ScalarSize])
	_, errZ := z.SetBytes(proof[secp256k1.ScalarSize:])
	if errC != nil || errZ != nil {
		return false
	}
	var commitment, t secp256k1.Point
	b.ScalarMult(&commitment, &z)
	statement.ScalarMult(&t, &c)
	commitment.Sub(&commitment, &t)
	return b.challenge(label, statement.encoding[:], &commitment, context).Equal(&c) == 1
}

func (b *Base) challenge(label string, statement []byte, commitment *secp256k1.Point, context [][]byte) *secp256k1.Scalar {
	parts := [][]byte{b.encoding[:], statement, commitment.Bytes()}
	return Scalar(label, append(parts, context...)...)
}

// Prove returns a proof of [Base.Prove] for a caller that has only the points.
func Prove(rand io.Reader, label string, base *secp256k1.Point, x *secp256k1.Scalar, context ...[]byte) ([]byte, error) {
	b := baseOf(base)
	proof := make([]byte, ProofSize)
	return proof, b.Prove(proof, rand, label, b.ScalarMult(new(secp256k1.Point), x).Bytes(), x, context...)
}

// VerifyProof is [Base.Verify] for a caller that has only the points.
func VerifyProof(label string, base, statement *secp256k1.Point, proof []byte, context ...[]byte) bool {
	return baseOf(base).Verify(label, NewBase(statement), proof, context...)
}

func baseOf(p *secp256k1.Point) *Base {
	if p.Equal(secp256k1.NewGenerator()) == 1 {
		return Generator
	}
	return NewBase(p)
}
