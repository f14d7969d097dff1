package main

import (
	"tandem/go/abi"
	"tandem/go/deal"
	"tandem/go/dkls18"
	"tandem/go/wire"
)

type dkls18RequestInput struct {
	Share []byte
	Peer  int
}

// Fields names the fields to package wire.
func (in *dkls18RequestInput) Fields(c *wire.Coder) {
	c.Name("peer").Int(&in.Peer)
	c.Name("share").Bytes(&in.Share)
}

type dkls18RequestOutput struct {
	Session []byte
	Request []byte
}

// Fields names the fields to package wire.
func (out *dkls18RequestOutput) Fields(c *wire.Coder) {
	c.Name("request").Bytes(&out.Request)
	c.Name("session").Bytes(&out.Session)
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
	Share   []byte
	Peer    int
	Digest  [32]byte
	Path    string
	Request []byte
}

// Fields names the fields to package wire.
func (in *dkls18RespondInput) Fields(c *wire.Coder) {
	c.Name("path").Text(&in.Path)
	c.Name("peer").Int(&in.Peer)
	c.Name("share").Bytes(&in.Share)
	c.Name("digest").Array(in.Digest[:])
	c.Name("request").Bytes(&in.Request)
}

type dkls18RespondOutput struct {
	Response []byte
}

// Fields names the fields to package wire.
func (out *dkls18RespondOutput) Fields(c *wire.Coder) {
	c.Name("response").Bytes(&out.Response)
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
	Share    []byte
	Session  []byte
	Digest   [32]byte
	Path     string
	Response []byte
}

// Fields names the fields to package wire.
func (in *dkls18FinishInput) Fields(c *wire.Coder) {
	c.Name("path").Text(&in.Path)
	c.Name("share").Bytes(&in.Share)
	c.Name("digest").Array(in.Digest[:])
	c.Name("session").Bytes(&in.Session)
	c.Name("response").Bytes(&in.Response)
}

type signatureOutput struct {
	R       [32]byte
	S       [32]byte
	YParity byte
}

// Fields names the fields to package wire.
func (out *signatureOutput) Fields(c *wire.Coder) {
	c.Name("r").Array(out.R[:])
	c.Name("s").Array(out.S[:])
	c.Name("yParity").Byte(&out.YParity)
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
