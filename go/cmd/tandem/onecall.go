package main

import (
	"tandem/go/abi"
	"tandem/go/correlation"
	"tandem/go/deal"
	"tandem/go/onecall"
)

type onecallRequestInput struct {
	Share       []byte     `cbor:"share"`
	Correlation []byte     `cbor:"correlation"`
	Peer        int        `cbor:"peer"`
	Digests     [][32]byte `cbor:"digests"`
	Path        string     `cbor:"path"`
}

type onecallRequestOutput struct {
	Session []byte `cbor:"session"`
	Request []byte `cbor:"request"`
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
	Share   []byte     `cbor:"share"`
	Peer    int        `cbor:"peer"`
	Digests [][32]byte `cbor:"digests"`
	Path    string     `cbor:"path"`
	Request []byte     `cbor:"request"`
	Inputs  []byte     `cbor:"inputs"`
}

type onecallRespondOutput struct {
	Response []byte         `cbor:"response"`
	Info     *deal.Identity `cbor:"info"`
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
	return &onecallRespondOutput{response, share.Identity()}, nil
}

type onecallCheckInput struct {
	Session  []byte `cbor:"session"`
	Response []byte `cbor:"response"`
}

type onecallCheckOutput struct{}

func onecallCheck(in *onecallCheckInput) (*onecallCheckOutput, error) {
	return &onecallCheckOutput{}, onecall.Check(in.Session, in.Response)
}

type onecallFinishInput struct {
	Correlation []byte `cbor:"correlation"`
	Session     []byte `cbor:"session"`
	Response    []byte `cbor:"response"`
}

type onecallFinishOutput struct {
	Signatures []signatureOutput `cbor:"signatures"`
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
