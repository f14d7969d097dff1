package main

import (
	"tandem/go/abi"
	"tandem/go/deal"
	"tandem/go/secp256k1"
	"tandem/go/wire"
)

// DealParams are deal.Params in the types of the boundary. It is exported for
// being embedded.
type DealParams struct {
	Kind         string `cbor:"kind"`
	Threshold    int    `cbor:"threshold"`
	Parties      []int  `cbor:"parties"`
	Contributors []int  `cbor:"contributors"`
	Self         int    `cbor:"self"`
	Epoch        uint32 `cbor:"epoch"`

	Secret    []byte `cbor:"secret,omitempty"`    // import: the key, 32 bytes
	ChainCode []byte `cbor:"chainCode,omitempty"` // import: what belongs to it, 32 bytes
	Old       []byte `cbor:"old,omitempty"`       // reshare: the old public key data, for a party without a share
	Share     []byte `cbor:"share,omitempty"`     // reshare: the old share
}

func (p *DealParams) params() (deal.Params, error) {
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
	Session []byte `cbor:"session"`
	Message []byte `cbor:"message"`
}

func dealRound1(in *DealParams) (*dealOutput, error) {
	params, err := in.params()
	defer clearParams(&params)
	if err != nil {
		return nil, err
	}
	session, message, err := deal.Round1(params, abi.Random)
	return &dealOutput{session, message}, err
}

type dealJoinInput struct {
	DealParams
	Messages map[int][]byte `cbor:"messages"`
}

type dealJoinOutput struct {
	Session  []byte `cbor:"session"`
	Message1 []byte `cbor:"message1"`
	Message2 []byte `cbor:"message2"`
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
	Session  []byte         `cbor:"session"`
	Messages map[int][]byte `cbor:"messages"`
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
	Share []byte     `cbor:"share"`
	Info  *deal.Info `cbor:"info"`
}

func dealFinish(in *dealInput) (*dealFinishOutput, error) {
	share, err := deal.Finish(in.Session, in.Messages)
	if err != nil {
		return nil, err
	}
	defer share.Clear()
	encoded, err := share.Encode()
	return &dealFinishOutput{encoded, share.Info()}, err
}
