package main

import (
	"tandem/go/abi"
	"tandem/go/correlation"
	"tandem/go/deal"
	"tandem/go/wire"
)

type correlateRequestInput struct {
	Hedge []byte
	Peer  int
}

// Fields names the fields to package wire.
func (in *correlateRequestInput) Fields(c *wire.Coder) {
	c.Name("peer").Int(&in.Peer)
	c.Name("hedge").Bytes(&in.Hedge)
}

type correlateRequestOutput struct {
	Session []byte
	Request []byte
}

// Fields names the fields to package wire.
func (out *correlateRequestOutput) Fields(c *wire.Coder) {
	c.Name("request").Bytes(&out.Request)
	c.Name("session").Bytes(&out.Session)
}

func correlateRequest(in *correlateRequestInput) (*correlateRequestOutput, error) {
	session, request, err := correlation.Request(in.Hedge, in.Peer, abi.Random)
	return &correlateRequestOutput{session, request}, err
}

type correlateRespondInput struct {
	Share   []byte
	Peer    int
	Request []byte
}

// Fields names the fields to package wire.
func (in *correlateRespondInput) Fields(c *wire.Coder) {
	c.Name("peer").Int(&in.Peer)
	c.Name("share").Bytes(&in.Share)
	c.Name("request").Bytes(&in.Request)
}

type correlateRespondOutput struct {
	Answer []byte
}

// Fields names the fields to package wire.
func (out *correlateRespondOutput) Fields(c *wire.Coder) {
	c.Name("answer").Bytes(&out.Answer)
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
	Share   []byte
	Session []byte
	Answer  []byte
}

// Fields names the fields to package wire.
func (in *correlateAcceptInput) Fields(c *wire.Coder) {
	c.Name("share").Bytes(&in.Share)
	c.Name("answer").Bytes(&in.Answer)
	c.Name("session").Bytes(&in.Session)
}

type correlateAcceptOutput struct {
	Correlation []byte
	ID          []byte
}

// Fields names the fields to package wire.
func (out *correlateAcceptOutput) Fields(c *wire.Coder) {
	c.Name("id").Bytes(&out.ID)
	c.Name("correlation").Bytes(&out.Correlation)
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
