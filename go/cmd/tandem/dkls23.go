package main

import (
	"tandem/go/abi"
	"tandem/go/deal"
	"tandem/go/dkls23"
	"tandem/go/wire"
)

// dkls23Params are what a signature begins with.
type dkls23Params struct {
	Share   []byte
	Signers []int
	Digest  [32]byte
	Path    string
}

// Fields names the fields to package wire.
func (d *dkls23Params) Fields(c *wire.Coder) {
	c.Name("path").Text(&d.Path)
	c.Name("share").Bytes(&d.Share)
	c.Name("digest").Array(d.Digest[:])
	c.Name("signers").Ints(&d.Signers)
}

type dkls23Output struct {
	Session []byte
	Message []byte
}

// Fields names the fields to package wire.
func (out *dkls23Output) Fields(c *wire.Coder) {
	c.Name("message").Bytes(&out.Message)
	c.Name("session").Bytes(&out.Session)
}

func dkls23Round1(in *dkls23Params) (*dkls23Output, error) {
	share, err := deal.DecodeKeyShare(in.Share)
	if err != nil {
		return nil, err
	}
	defer share.Clear()
	session, message, err := dkls23.Round1(share, in.Signers, in.Digest, in.Path, abi.Random)
	return &dkls23Output{session, message}, err
}

type dkls23JoinInput struct {
	dkls23Params
	Messages map[int][]byte
}

// Fields names the fields to package wire.
func (in *dkls23JoinInput) Fields(c *wire.Coder) {
	in.dkls23Params.Fields(c)
	wire.Map(c.Name("messages"), &in.Messages, (*wire.Coder).Bytes)
}

type dkls23JoinOutput struct {
	Session  []byte
	Message1 []byte
	Message2 []byte
}

// Fields names the fields to package wire.
func (out *dkls23JoinOutput) Fields(c *wire.Coder) {
	c.Name("session").Bytes(&out.Session)
	c.Name("message1").Bytes(&out.Message1)
	c.Name("message2").Bytes(&out.Message2)
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
	Share    []byte
	Session  []byte
	Messages map[int][]byte
}

// Fields names the fields to package wire.
func (in *dkls23Input) Fields(c *wire.Coder) {
	c.Name("share").Bytes(&in.Share)
	c.Name("session").Bytes(&in.Session)
	wire.Map(c.Name("messages"), &in.Messages, (*wire.Coder).Bytes)
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
	Party   int
	Message []byte
}

// Fields names the fields to package wire.
func (in *dkls23ForInput) Fields(c *wire.Coder) {
	c.Name("party").Int(&in.Party)
	c.Name("message").Bytes(&in.Message)
}

type dkls23ForOutput struct {
	Message []byte
}

// Fields names the fields to package wire.
func (out *dkls23ForOutput) Fields(c *wire.Coder) {
	c.Name("message").Bytes(&out.Message)
}

// dkls23For leaves out of a message what is meant for other receivers.
func dkls23For(in *dkls23ForInput) (*dkls23ForOutput, error) {
	message, err := dkls23.For(in.Party, in.Message)
	return &dkls23ForOutput{message}, err
}
