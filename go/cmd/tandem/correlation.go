package main

import (
	"tandem/go/abi"
	"tandem/go/correlation"
	"tandem/go/deal"
)

type correlateRequestInput struct {
	Hedge []byte `cbor:"hedge"`
	Peer  int    `cbor:"peer"`
}

type correlateRequestOutput struct {
	Session []byte `cbor:"session"`
	Request []byte `cbor:"request"`
}

func correlateRequest(in *correlateRequestInput) (*correlateRequestOutput, error) {
	session, request, err := correlation.Request(in.Hedge, in.Peer, abi.Random)
	return &correlateRequestOutput{session, request}, err
}

type correlateRespondInput struct {
	Share   []byte `cbor:"share"`
	Peer    int    `cbor:"peer"`
	Request []byte `cbor:"request"`
}

type correlateRespondOutput struct {
	Answer []byte `cbor:"answer"`
}

func correlateRespond(in *correlateRespondInput) (*correlateRespondOutput, error) {
	share, err := deal.DecodeKeyShare(in.Share)
	if err != nil {
		return nil, err
	}
	defer share.Clear()
	answer, err := correlation.Respond(share, in.Peer, in.Request, abi.Random)
	return &correlateRespondOutput{answer}, err
}

type correlateAcceptInput struct {
	Share   []byte `cbor:"share"`
	Session []byte `cbor:"session"`
	Answer  []byte `cbor:"answer"`
}

type correlateAcceptOutput struct {
	Correlation []byte `cbor:"correlation"`
	ID          []byte `cbor:"id"`
}

func correlateAccept(in *correlateAcceptInput) (*correlateAcceptOutput, error) {
	share, err := deal.DecodeKeyShare(in.Share)
	if err != nil {
		return nil, err
	}
	defer share.Clear()
	c, err := correlation.Accept(share, in.Session, in.Answer)
	if err != nil {
		return nil, err
	}
	defer c.Clear()
	encoded, err := c.Encode()
	return &correlateAcceptOutput{encoded, c.ID[:]}, err
}
