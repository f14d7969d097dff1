package main

import (
	"tandem/go/bip32"
	"tandem/go/deal"
	"tandem/go/secp256k1"
	"tandem/go/wire"
)

type shareInput struct {
	Share []byte
}

// Fields names the fields to package wire.
func (in *shareInput) Fields(c *wire.Coder) {
	c.Name("share").Bytes(&in.Share)
}

func shareInfo(in *shareInput) (*deal.Info, error) {
	share, err := deal.DecodeKeyShare(in.Share)
	if err != nil {
		return nil, err
	}
	defer share.Clear()
	return share.Info(), nil
}

type shareKeyOutput struct {
	Key []byte
}

// Fields names the fields to package wire.
func (out *shareKeyOutput) Fields(c *wire.Coder) {
	c.Name("key").Bytes(&out.Key)
}

// shareKey gives what a party without a share needs to take part in a reshare.
func shareKey(in *shareInput) (*shareKeyOutput, error) {
	share, err := deal.DecodeKeyShare(in.Share)
	if err != nil {
		return nil, err
	}
	defer share.Clear()
	key, err := share.Key.Encode()
	return &shareKeyOutput{key}, err
}

type combineInput struct {
	Shares [][]byte
}

// Fields names the fields to package wire.
func (in *combineInput) Fields(c *wire.Coder) {
	wire.List(c.Name("shares"), &in.Shares)
	for i := range in.Shares {
		c.Bytes(&in.Shares[i])
	}
}

type combineOutput struct {
	Key []byte
}

// Fields names the fields to package wire.
func (out *combineOutput) Fields(c *wire.Coder) {
	c.Name("key").Bytes(&out.Key)
}

// combine gives the private key, 32 bytes, that as many shares as the threshold make: the end of the shared key.
func combine(in *combineInput) (*combineOutput, error) {
	var shares []*deal.KeyShare
	defer func() {
		for _, share := range shares {
			share.Clear()
		}
	}()
	for _, encoded := range in.Shares {
		share, err := deal.DecodeKeyShare(encoded)
		if err != nil {
			return nil, err
		}
		shares = append(shares, share)
	}
	key, err := deal.Combine(shares)
	if err != nil {
		return nil, err
	}
	defer key.Clear()
	return &combineOutput{key.Bytes()}, nil
}

type deriveInput struct {
	PublicKey []byte
	ChainCode []byte
	Path      string
}

// Fields names the fields to package wire.
func (in *deriveInput) Fields(c *wire.Coder) {
	c.Name("path").Text(&in.Path)
	c.Name("chainCode").Bytes(&in.ChainCode)
	c.Name("publicKey").Bytes(&in.PublicKey)
}

type deriveOutput struct {
	PublicKey []byte
	Address   []byte
}

// Fields names the fields to package wire.
func (out *deriveOutput) Fields(c *wire.Coder) {
	c.Name("address").Bytes(&out.Address)
	c.Name("publicKey").Bytes(&out.PublicKey)
}

// derive gives the public key and address of a wallet's child.
func derive(in *deriveInput) (*deriveOutput, error) {
	q, err := new(secp256k1.Point).SetBytes(in.PublicKey)
	if err != nil {
		return nil, wire.Errorf(wire.CodeInput, "not a public key")
	}
	if err := checkChainCode(in.ChainCode); err != nil {
		return nil, err
	}
	path, err := bip32.ParsePath(in.Path)
	if err != nil {
		return nil, err
	}
	child, err := bip32.Derive(q, in.ChainCode, path)
	if err != nil {
		return nil, err
	}
	address := (&deal.Key{Q: child.Q}).Address()
	return &deriveOutput{child.Q.Bytes(), address[:]}, nil
}

func checkChainCode(b []byte) error {
	if len(b) != bip32.ChainCodeSize {
		return wire.Errorf(wire.CodeInput, "a chain code has %d bytes", bip32.ChainCodeSize)
	}
	return nil
}
