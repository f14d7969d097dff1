package main

import (
	"tandem/go/abi"
	"tandem/go/deal"
	"tandem/go/ecies"
	"tandem/go/secp256k1"
	"tandem/go/wire"
)

type authorizeInput struct {
	Share  []byte
	Digest [32]byte
}

// Fields names the fields to package wire.
func (in *authorizeInput) Fields(c *wire.Coder) {
	c.Name("share").Bytes(&in.Share)
	c.Name("digest").Array(in.Digest[:])
}

type authorizeOutput struct {
	Signature []byte
}

// Fields names the fields to package wire.
func (out *authorizeOutput) Fields(c *wire.Coder) {
	c.Name("signature").Bytes(&out.Signature)
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
	Share     []byte
	By        int
	Digest    [32]byte
	Signature []byte
}

// Fields names the fields to package wire.
func (in *checkAuthorizedInput) Fields(c *wire.Coder) {
	c.Name("by").Int(&in.By)
	c.Name("share").Bytes(&in.Share)
	c.Name("digest").Array(in.Digest[:])
	c.Name("signature").Bytes(&in.Signature)
}

type checkAuthorizedOutput struct{}

// Fields names the fields to package wire.
func (*checkAuthorizedOutput) Fields(*wire.Coder) {}

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
	PublicKey []byte
	Context   []byte
	Plaintext []byte
}

// Fields names the fields to package wire.
func (in *sealToInput) Fields(c *wire.Coder) {
	c.Name("context").Bytes(&in.Context)
	c.Name("plaintext").Bytes(&in.Plaintext)
	c.Name("publicKey").Bytes(&in.PublicKey)
}

type sealToOutput struct {
	Sealed []byte
}

// Fields names the fields to package wire.
func (out *sealToOutput) Fields(c *wire.Coder) {
	c.Name("sealed").Bytes(&out.Sealed)
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
	SecretKey []byte
	Context   []byte
	Sealed    []byte
}

// Fields names the fields to package wire.
func (in *openSealedInput) Fields(c *wire.Coder) {
	c.Name("sealed").Bytes(&in.Sealed)
	c.Name("context").Bytes(&in.Context)
	c.Name("secretKey").Bytes(&in.SecretKey)
}

type openSealedOutput struct {
	Plaintext []byte
}

// Fields names the fields to package wire.
func (out *openSealedOutput) Fields(c *wire.Coder) {
	c.Name("plaintext").Bytes(&out.Plaintext)
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
