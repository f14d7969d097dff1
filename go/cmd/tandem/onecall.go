package main

import (
	"tandem/go/abi"
	"tandem/go/correlation"
	"tandem/go/deal"
	"tandem/go/onecall"
	"tandem/go/wire"
)

type onecallRequestInput struct {
	Share       []byte
	Correlation []byte
	Peer        int
	Digests     [][32]byte
	Path        string
}

// Fields names the fields to package wire.
func (in *onecallRequestInput) Fields(c *wire.Coder) {
	c.Name("path").Text(&in.Path)
	c.Name("peer").Int(&in.Peer)
	c.Name("share").Bytes(&in.Share)
	wire.List(c.Name("digests"), &in.Digests)
	for i := range in.Digests {
		c.Array(in.Digests[i][:])
	}
	c.Name("correlation").Bytes(&in.Correlation)
}

type onecallRequestOutput struct {
	Session []byte
	Request []byte
}

// Fields names the fields to package wire.
func (out *onecallRequestOutput) Fields(c *wire.Coder) {
	c.Name("request").Bytes(&out.Request)
	c.Name("session").Bytes(&out.Session)
}

func onecallRequest(in *onecallRequestInput) (*onecallRequestOutput, error) {
	c, err := correlation.Decode(in.Correlation)
	if err != nil {
		return nil, err
	}
	defer c.Clear()
	share, err := deal.DecodeKeyShare(in.Share)
	if err != nil {
		return nil, err
	}
	defer share.Clear()
	session, request, err := onecall.Request(share, c, in.Peer, in.Digests, in.Path, abi.Random)
	return &onecallRequestOutput{session, request}, err
}

type onecallRespondInput struct {
	Share   []byte
	Peer    int
	Digests [][32]byte
	Path    string
	Request []byte
	Inputs  []byte
}

// Fields names the fields to package wire.
func (in *onecallRespondInput) Fields(c *wire.Coder) {
	c.Name("path").Text(&in.Path)
	c.Name("peer").Int(&in.Peer)
	c.Name("share").Bytes(&in.Share)
	c.Name("inputs").Bytes(&in.Inputs)
	wire.List(c.Name("digests"), &in.Digests)
	for i := range in.Digests {
		c.Array(in.Digests[i][:])
	}
	c.Name("request").Bytes(&in.Request)
}

type onecallRespondOutput struct {
	Response []byte
	Info     deal.Info
}

// Fields names the fields to package wire.
func (out *onecallRespondOutput) Fields(c *wire.Coder) {
	c.Name("info").Struct(out.Info.Fields)
	c.Name("response").Bytes(&out.Response)
}

// onecallRespond also tells what the share says of itself: to decode one a second time would cost as much as half an answer. The
// caller compares it with what it knows of the share before the response leaves.
func onecallRespond(in *onecallRespondInput) (*onecallRespondOutput, error) {
	share, err := deal.DecodeKeyShare(in.Share)
	if err != nil {
		return nil, err
	}
	defer share.Clear()
	response, err := onecall.Respond(share, in.Peer, in.Digests, in.Path, in.Request, in.Inputs, abi.Random)
	if err != nil {
		return nil, err
	}
	return &onecallRespondOutput{response, *share.Info()}, nil
}

type onecallCheckInput struct {
	Session  []byte
	Response []byte
}

// Fields names the fields to package wire.
func (in *onecallCheckInput) Fields(c *wire.Coder) {
	c.Name("session").Bytes(&in.Session)
	c.Name("response").Bytes(&in.Response)
}

type onecallCheckOutput struct{}

// Fields names the fields to package wire.
func (*onecallCheckOutput) Fields(*wire.Coder) {}

func onecallCheck(in *onecallCheckInput) (*onecallCheckOutput, error) {
	return &onecallCheckOutput{}, onecall.Check(in.Session, in.Response)
}

type onecallFinishInput struct {
	Correlation []byte
	Session     []byte
	Response    []byte
}

// Fields names the fields to package wire.
func (in *onecallFinishInput) Fields(c *wire.Coder) {
	c.Name("session").Bytes(&in.Session)
	c.Name("response").Bytes(&in.Response)
	c.Name("correlation").Bytes(&in.Correlation)
}

type onecallFinishOutput struct {
	Signatures []signatureOutput
}

// Fields names the fields to package wire.
func (out *onecallFinishOutput) Fields(c *wire.Coder) {
	wire.List(c.Name("signatures"), &out.Signatures)
	for i := range out.Signatures {
		c.Struct(out.Signatures[i].Fields)
	}
}

func onecallFinish(in *onecallFinishInput) (*onecallFinishOutput, error) {
	c, err := correlation.Decode(in.Correlation)
	if err != nil {
		return nil, err
	}
	defer c.Clear()
	signatures, err := onecall.Finish(c, in.Session, in.Response)
	if err != nil {
		return nil, err
	}
	out := new(onecallFinishOutput)
	for _, s := range signatures {
		out.Signatures = append(out.Signatures, signatureOutput{s.R, s.S, s.YParity})
	}
	return out, nil
}
