// Command ecrecover is a wasm module that recovers who signed a digest, with
// go-ethereum's own crypto package, through package abi.
package main

import (
	"github.com/ethereum/go-ethereum/crypto"

	"tandem/go/wire"
)

func main() {}

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
	Address   []byte
	PublicKey []byte
}

// Fields names the fields to package wire.
func (out *recoverOutput) Fields(c *wire.Coder) {
	c.Name("address").Bytes(&out.Address)
	c.Name("publicKey").Bytes(&out.PublicKey)
}

// recoverSigner gives the address (20 bytes) and public key (65 bytes) that made
// a signature (r, s and v, 65 bytes; v is 0, 1, 27 or 28) of a digest (32 bytes).
// It takes what the precompiled contract takes: a high s too.
func recoverSigner(in *recoverInput) (*recoverOutput, error) {
	if len(in.Digest) != crypto.DigestLength {
		return nil, wire.Errorf(wire.CodeInput, "a digest has %d bytes", crypto.DigestLength)
	}
	if len(in.Signature) != crypto.SignatureLength {
		return nil, wire.Errorf(wire.CodeInput, "a signature has %d bytes", crypto.SignatureLength)
	}
	v := &in.Signature[crypto.RecoveryIDOffset]
	if *v == 27 || *v == 28 {
		*v -= 27
	}
	if *v > 1 {
		return nil, wire.Errorf(wire.CodeInput, "the v of a signature is 0, 1, 27 or 28")
	}
	key, err := crypto.SigToPub(in.Digest, in.Signature)
	if err != nil {
		return nil, wire.Errorf(wire.CodeInput, "nobody made this signature")
	}
	return &recoverOutput{crypto.PubkeyToAddress(*key).Bytes(), crypto.FromECDSAPub(key)}, nil
}
