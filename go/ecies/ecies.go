// Package ecies encrypts to a public key of secp256k1: a key share on its way from one action to the next.
//
// For the public key P a ciphertext is E ‖ c, of an ephemeral key E = e·G (33 bytes) and c, the plaintext under
// ChaCha20-Poly1305 with a nonce of zeros and the context as associated data. The key is HKDF-SHA256 of the 33 bytes of
// e·P, salt E ‖ P, info "TANDEM-V1-ECIES", 32 bytes. It serves for one plaintext, so the nonce may be constant.
//
// It says nothing about who sealed: anybody who knows P can.
package ecies

import (
	"io"
	"slices"

	"tandem/go/internal/box"
	"tandem/go/internal/mac"
	"tandem/go/secp256k1"
	"tandem/go/transcript"
	"tandem/go/wire"
)

const (
	labelEphemeral = "ECIES-EPH"
	labelKey       = "TANDEM-V1-ECIES" // info of HKDF
)

// Overhead is by how many bytes a ciphertext is longer than its plaintext.
const Overhead = secp256k1.PointSize + box.Overhead

// Seal encrypts plaintext to the holder of the secret key of P, for the context alone. The ephemeral key is hedged with
// all three. It is an error of code internal if rand fails.
func Seal(P *secp256k1.Point, context, plaintext []byte, rand io.Reader) ([]byte, error) {
	stream, err := transcript.NewStream(rand, labelEphemeral, plaintext, append(P.Bytes(), context...))
	if err != nil {
		return nil, wire.Errorf(wire.CodeInternal, "%v", err)
	}
	defer stream.Clear()
	e := stream.Scalar()
	defer e.Clear()
	E := new(secp256k1.Point).ScalarBaseMult(e).Bytes()
	key := derive(e, P, slices.Concat(E, P.Bytes()))
	defer clear(key)
	return append(E, box.Seal(key, context, plaintext)...), nil
}

// Open is the inverse of Seal, for the secret key p and the same context. Everything else is an error of code input, the
// same whatever is wrong.
func Open(p *secp256k1.Scalar, context, sealed []byte) ([]byte, error) {
	refused := wire.Errorf(wire.CodeInput, "this was not sealed to this key for this context")
	if len(sealed) < Overhead {
		return nil, refused
	}
	E, err := new(secp256k1.Point).SetBytes(sealed[:secp256k1.PointSize])
	if err != nil {
		return nil, refused
	}
	P := new(secp256k1.Point).ScalarBaseMult(p)
	key := derive(p, E, slices.Concat(sealed[:secp256k1.PointSize], P.Bytes()))
	defer clear(key)
	plaintext, ok := box.Open(key, context, sealed[secp256k1.PointSize:])
	if !ok {
		return nil, refused
	}
	return plaintext, nil
}

// derive returns the key that x, the secret key of one side, and Y, the public key of the other, have in common.
func derive(x *secp256k1.Scalar, Y *secp256k1.Point, salt []byte) []byte {
	common := new(secp256k1.Point).ScalarMult(x, Y)
	secret := common.Bytes()
	defer clear(secret)
	defer common.Clear()
	key := make([]byte, box.KeySize)
	mac.HKDF(key, secret, salt, labelKey)
	return key
}
