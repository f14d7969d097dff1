package transcript

import (
	"io"

	"tandem/go/secp256k1"
)

// ProofSize is the length of a proof in bytes.
const ProofSize = 2 * secp256k1.ScalarSize

// Prove returns a Schnorr proof of knowledge of x for the statement x*base: c ‖ z, 64 bytes, with
//
//	c = Scalar(label, base, statement, k*base, context...) and z = k + c*x
//
// for a k of 48 bytes of rand modulo q. So it binds the label, base, statement and context, where the context names whoever
// proves and the session, and a proof of one kind, party or session passes for no other. rand is a hedged stream.
func Prove(rand io.Reader, label string, base *secp256k1.Point, x *secp256k1.Scalar, context ...[]byte) ([]byte, error) {
	k, err := secp256k1.RandomScalar(rand)
	if err != nil {
		return nil, err
	}
	statement, commitment := times(x, base), times(k, base)
	c := challenge(label, base, statement, commitment, context)
	k.MulAdd(c, x, k)
	proof := append(c.Bytes(), k.Bytes()...)
	k.Clear()
	return proof, nil
}

// VerifyProof reports whether proof is a proof of [Prove] for this label, base, statement and context. It rejects encodings
// that are not canonical.
func VerifyProof(label string, base, statement *secp256k1.Point, proof []byte, context ...[]byte) bool {
	if len(proof) != ProofSize {
		return false
	}
	var c, z secp256k1.Scalar
	if _, err := c.SetBytes(proof[:secp256k1.ScalarSize]); err != nil {
		return false
	}
	if _, err := z.SetBytes(proof[secp256k1.ScalarSize:]); err != nil {
		return false
	}
	commitment := times(&z, base)
	t := new(secp256k1.Point).ScalarMult(&c, statement)
	commitment.Sub(commitment, t)
	return challenge(label, base, statement, commitment, context).Equal(&c) == 1
}

// times returns k*base, by the table if the base is the generator.
func times(k *secp256k1.Scalar, base *secp256k1.Point) *secp256k1.Point {
	if base.Equal(secp256k1.NewGenerator()) == 1 {
		return new(secp256k1.Point).ScalarBaseMult(k)
	}
	return new(secp256k1.Point).ScalarMult(k, base)
}

func challenge(label string, base, statement, commitment *secp256k1.Point, context [][]byte) *secp256k1.Scalar {
	parts := [][]byte{base.Bytes(), statement.Bytes(), commitment.Bytes()}
	return Scalar(label, append(parts, context...)...)
}
