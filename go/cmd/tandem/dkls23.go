package main

import (
	"tandem/go/abi"
	"tandem/go/deal"
	"tandem/go/dkls23"
)

// Dkls23Params are what a signature begins with. It is exported for being
// embedded.
type Dkls23Params struct {
	Share   []byte   `cbor:"share"`
	Signers []int    `cbor:"signers"`
	Digest  [32]byte `cbor:"digest"`
	Path    string   `cbor:"path"`
}

type dkls23Output struct {
	Session []byte `cbor:"session"`
	Message []byte `cbor:"message"`
}

func dkls23Round1(in *Dkls23Params) (*dkls23Output, error) {
	share, err := deal.DecodeKeyShare(in.Share)
	if err != nil {
		return nil, err
	}
	defer share.Clear()
	session, message, err := dkls23.Round1(share, in.Signers, in.Digest, in.Path, abi.Random)
	return &dkls23Output{session, message}, err
}

type dkls23JoinInput struct {
	Dkls23Params
	Messages map[int][]byte `cbor:"messages"`
}

type dkls23JoinOutput struct {
	Session  []byte `cbor:"session"`
	Message1 []byte `cbor:"message1"`
	Message2 []byte `cbor:"message2"`
}

func dkls23Join(in *dkls23JoinInput) (*dkls23JoinOutput, error) {
	share, err := deal.DecodeKeyShare(in.Share)
	if err != nil {
		return nil, err
	}
	defer share.Clear()
	session, message1, message2, err := dkls23.Join(share, in.Signers, in.Digest, in.Path, in.Messages, abi.Random)
	return &dkls23JoinOutput{session, message1, message2}, err
}

type dkls23Input struct {
	Share    []byte         `cbor:"share"`
	Session  []byte         `cbor:"session"`
	Messages map[int][]byte `cbor:"messages"`
}

func dkls23Round2(in *dkls23Input) (*dkls23Output, error) { return dkls23Next(in, dkls23.Round2) }
func dkls23Round3(in *dkls23Input) (*dkls23Output, error) { return dkls23Next(in, dkls23.Round3) }

func dkls23Next(
	in *dkls23Input, round func(*deal.KeyShare, []byte, map[int][]byte) ([]byte, []byte, error),
) (*dkls23Output, error) {
	share, err := deal.DecodeKeyShare(in.Share)
	if err != nil {
		return nil, err
	}
	defer share.Clear()
	session, message, err := round(share, in.Session, in.Messages)
	return &dkls23Output{session, message}, err
}

func dkls23Finish(in *dkls23Input) (*signatureOutput, error) {
	share, err := deal.DecodeKeyShare(in.Share)
	if err != nil {
		return nil, err
	}
	defer share.Clear()
	r, s, yParity, err := dkls23.Finish(share, in.Session, in.Messages)
	return &signatureOutput{r, s, yParity}, err
}

type dkls23ForInput struct {
	Party   int    `cbor:"party"`
	Message []byte `cbor:"message"`
}

type dkls23ForOutput struct {
	Message []byte `cbor:"message"`
}

// dkls23For leaves out of a message what is meant for other receivers.
func dkls23For(in *dkls23ForInput) (*dkls23ForOutput, error) {
	message, err := dkls23.For(in.Party, in.Message)
	return &dkls23ForOutput{message}, err
}
