package main

import (
	"tandem/go/abi"
	"tandem/go/deal"
	"tandem/go/secp256k1"
	"tandem/go/wire"
)

// dealParams are deal.Params in the types of the boundary.
type dealParams struct {
	Kind         string
	Threshold    int
	Parties      []int
	Contributors []int
	Self         int
	Epoch        uint32

	Secret    []byte // import: the key, 32 bytes
	ChainCode []byte // import: what belongs to it, 32 bytes
	Old       []byte // reshare: the old public key data, for a party without a share
	Share     []byte // reshare: the old share
}

// Fields names the fields to package wire.
func (p *dealParams) Fields(c *wire.Coder) { p.fields(c, nil) }

// fields is Fields for a struct that has messages as well, unless they are nil: their key is in the middle.
func (p *dealParams) fields(c *wire.Coder, messages *map[int][]byte) {
	c.OptionalBytes("old", &p.Old)
	c.Name("kind").Text(&p.Kind)
	c.Name("self").Int(&p.Self)
	c.Name("epoch").Uint32(&p.Epoch)
	c.OptionalBytes("share", &p.Share)
	c.OptionalBytes("secret", &p.Secret)
	c.Name("parties").Ints(&p.Parties)
	if messages != nil {
		wire.Map(c.Name("messages"), messages, (*wire.Coder).Bytes)
	}
	c.OptionalBytes("chainCode", &p.ChainCode)
	c.Name("threshold").Int(&p.Threshold)
	c.Name("contributors").Ints(&p.Contributors)
}

func (p *dealParams) params() (deal.Params, error) {
	params := deal.Params{
		Kind:         p.Kind,
		Threshold:    p.Threshold,
		Parties:      p.Parties,
		Contributors: p.Contributors,
		Self:         p.Self,
		Epoch:        p.Epoch,
	}
	var err error
	if len(p.Secret) > 0 {
		if params.Secret, err = new(secp256k1.Scalar).SetBytes(p.Secret); err != nil {
			return params, wire.Errorf(wire.CodeInput, "not a private key")
		}
	}
	if len(p.ChainCode) > 0 {
		if err := checkChainCode(p.ChainCode); err != nil {
			return params, err
		}
		params.ChainCode = (*[32]byte)(p.ChainCode)
	}
	if len(p.Old) > 0 {
		if params.Old, err = deal.DecodeKey(p.Old); err != nil {
			return params, err
		}
	}
	if len(p.Share) > 0 {
		if params.Share, err = deal.DecodeKeyShare(p.Share); err != nil {
			return params, err
		}
		if params.Old == nil {
			params.Old = &params.Share.Key
		}
	}
	return params, nil
}

// clearParams forgets what params decoded.
func clearParams(p *deal.Params) {
	if p.Secret != nil {
		p.Secret.Clear()
	}
	if p.Share != nil {
		p.Share.Clear()
	}
}

type dealOutput struct {
	Session []byte
	Message []byte
}

// Fields names the fields to package wire.
func (out *dealOutput) Fields(c *wire.Coder) {
	c.Name("message").Bytes(&out.Message)
	c.Name("session").Bytes(&out.Session)
}

func dealRound1(in *dealParams) (*dealOutput, error) {
	params, err := in.params()
	defer clearParams(&params)
	if err != nil {
		return nil, err
	}
	session, message, err := deal.Round1(params, abi.Random)
	return &dealOutput{session, message}, err
}

type dealJoinInput struct {
	dealParams
	Messages map[int][]byte
}

// Fields names the fields to package wire.
func (in *dealJoinInput) Fields(c *wire.Coder) {
	in.dealParams.fields(c, &in.Messages)
}

type dealJoinOutput struct {
	Session  []byte
	Message1 []byte
	Message2 []byte
}

// Fields names the fields to package wire.
func (out *dealJoinOutput) Fields(c *wire.Coder) {
	c.Name("session").Bytes(&out.Session)
	c.Name("message1").Bytes(&out.Message1)
	c.Name("message2").Bytes(&out.Message2)
}

func dealJoin(in *dealJoinInput) (*dealJoinOutput, error) {
	params, err := in.params()
	defer clearParams(&params)
	if err != nil {
		return nil, err
	}
	session, message1, message2, err := deal.Join(params, in.Messages, abi.Random)
	return &dealJoinOutput{session, message1, message2}, err
}

type dealInput struct {
	Session  []byte
	Messages map[int][]byte
}

// Fields names the fields to package wire.
func (in *dealInput) Fields(c *wire.Coder) {
	c.Name("session").Bytes(&in.Session)
	wire.Map(c.Name("messages"), &in.Messages, (*wire.Coder).Bytes)
}

func dealRound2(in *dealInput) (*dealOutput, error) {
	session, message, err := deal.Round2(in.Session, in.Messages)
	return &dealOutput{session, message}, err
}

func dealRound3(in *dealInput) (*dealOutput, error) {
	session, message, err := deal.Round3(in.Session, in.Messages, abi.Random)
	return &dealOutput{session, message}, err
}

type dealFinishOutput struct {
	Share []byte
	Info  deal.Info
}

// Fields names the fields to package wire.
func (out *dealFinishOutput) Fields(c *wire.Coder) {
	c.Name("info").Struct(out.Info.Fields)
	c.Name("share").Bytes(&out.Share)
}

func dealFinish(in *dealInput) (*dealFinishOutput, error) {
	share, err := deal.Finish(in.Session, in.Messages)
	if err != nil {
		return nil, err
	}
	defer share.Clear()
	encoded, err := share.Encode()
	return &dealFinishOutput{encoded, *share.Info()}, err
}
