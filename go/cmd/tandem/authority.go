package main

import (
	"tandem/go/abi"
	"tandem/go/deal"
	"tandem/go/ecies"
	"tandem/go/secp256k1"
	"tandem/go/wire"
)

type authorizeInput struct {
	Share  []byte   `cbor:"share"`
	Digest [32]byte `cbor:"digest"`
}

type authorizeOutput struct {
	Signature []byte `cbor:"signature"`
}

func authorize(in *authorizeInput) (*authorizeOutput, error) {
	share, err := deal.DecodeKeyShare(in.Share)
	if err != nil {
		return nil, err
	}
	defer share.Clear()
	signature, err := deal.Authorize(share, in.Digest, abi.Random)
	return &authorizeOutput{signature}, err
}

type checkAuthorizedInput struct {
	Share     []byte   `cbor:"share"`
	By        int      `cbor:"by"`
	Digest    [32]byte `cbor:"digest"`
	Signature []byte   `cbor:"signature"`
}

type checkAuthorizedOutput struct{}

// checkAuthorized takes the public shares that it checks against from a share,
// any party's: from what its holder trusts.
func checkAuthorized(in *checkAuthorizedInput) (*checkAuthorizedOutput, error) {
	share, err := deal.DecodeKeyShare(in.Share)
	if err != nil {
		return nil, err
	}
	defer share.Clear()
	return &checkAuthorizedOutput{}, share.CheckAuthorized(in.By, in.Digest, in.Signature)
}

type sealToInput struct {
	PublicKey []byte `cbor:"publicKey"`
	Context   []byte `cbor:"context"`
	Plaintext []byte `cbor:"plaintext"`
}

type sealToOutput struct {
	Sealed []byte `cbor:"sealed"`
}

func sealTo(in *sealToInput) (*sealToOutput, error) {
	to, err := new(secp256k1.Point).SetBytes(in.PublicKey)
	if err != nil {
		return nil, wire.Errorf(wire.CodeInput, "not a public key")
	}
	sealed, err := ecies.Seal(to, in.Context, in.Plaintext, abi.Random)
	return &sealToOutput{sealed}, err
}

type openSealedInput struct {
	SecretKey []byte `cbor:"secretKey"`
	Context   []byte `cbor:"context"`
	Sealed    []byte `cbor:"sealed"`
}

type openSealedOutput struct {
	Plaintext []byte `cbor:"plaintext"`
}

func openSealed(in *openSealedInput) (*openSealedOutput, error) {
	key, err := new(secp256k1.Scalar).SetBytes(in.SecretKey)
	if err != nil || key.IsZero() == 1 {
		return nil, wire.Errorf(wire.CodeInput, "not a private key")
	}
	defer key.Clear()
	plaintext, err := ecies.Open(key, in.Context, in.Sealed)
	return &openSealedOutput{plaintext}, err
}
