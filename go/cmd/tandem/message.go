package main

import (
	"strconv"

	"github.com/ethereum/go-ethereum/crypto/keccak"
)

type messageDigestInput struct {
	Message []byte `cbor:"message"`
}

type messageDigestOutput struct {
	Digest []byte `cbor:"digest"`
}

// messageDigest gives the digest that personal_sign signs (EIP-191, version 0x45).
func messageDigest(in *messageDigestInput) (*messageDigestOutput, error) {
	h := keccak.NewLegacyKeccak256()
	h.Write([]byte("\x19Ethereum Signed Message:\n" + strconv.Itoa(len(in.Message))))
	h.Write(in.Message)
	return &messageDigestOutput{h.Sum(nil)}, nil
}
