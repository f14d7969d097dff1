package main

import (
	"tandem/go/abi"
	"tandem/go/deal"
	"tandem/go/dkls18"
)

type dkls18RequestInput struct {
	Share []byte `cbor:"share"`
	Peer  int    `cbor:"peer"`
}

type dkls18RequestOutput struct {
	Session []byte `cbor:"session"`
	Request []byte `cbor:"request"`
}

func dkls18Request(in *dkls18RequestInput) (*dkls18RequestOutput, error) {
	share, err := deal.DecodeKeyShare(in.Share)
	if err != nil {
		return nil, err
	}
	defer share.Clear()
	session, request, err := dkls18.Request(share, in.Peer, abi.Random)
	return &dkls18RequestOutput{session, request}, err
}

type dkls18RespondInput struct {
	Share   []byte   `cbor:"share"`
	Peer    int      `cbor:"peer"`
	Digest  [32]byte `cbor:"digest"`
	Path    string   `cbor:"path"`
	Request []byte   `cbor:"request"`
}

type dkls18RespondOutput struct {
	Response []byte `cbor:"response"`
}

func dkls18Respond(in *dkls18RespondInput) (*dkls18RespondOutput, error) {
	share, err := deal.DecodeKeyShare(in.Share)
	if err != nil {
		return nil, err
	}
	defer share.Clear()
	response, err := dkls18.Respond(share, in.Peer, in.Digest, in.Path, in.Request, abi.Random)
	return &dkls18RespondOutput{response}, err
}

type dkls18FinishInput struct {
	Share    []byte   `cbor:"share"`
	Session  []byte   `cbor:"session"`
	Digest   [32]byte `cbor:"digest"`
	Path     string   `cbor:"path"`
	Response []byte   `cbor:"response"`
}

type signatureOutput struct {
	R       [32]byte `cbor:"r"`
	S       [32]byte `cbor:"s"`
	YParity byte     `cbor:"yParity"`
}

func dkls18Finish(in *dkls18FinishInput) (*signatureOutput, error) {
	share, err := deal.DecodeKeyShare(in.Share)
	if err != nil {
		return nil, err
	}
	defer share.Clear()
	r, s, yParity, err := dkls18.Finish(share, in.Session, in.Digest, in.Path, in.Response)
	return &signatureOutput{r, s, yParity}, err
}
