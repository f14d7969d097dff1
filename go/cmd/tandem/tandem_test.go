package main

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"testing"

	"tandem/go/deal"
	"tandem/go/secp256k1"
	"tandem/go/wire"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// dealt runs a deal of two or more parties, who are receivers and contributors alike.
func dealt(t *testing.T, params func(self int) *dealParams) map[int][]byte {
	t.Helper()
	sessions, sent := map[int][]byte{}, map[int][]byte{}
	others := func(self int) map[int][]byte {
		m := map[int][]byte{}
		for i, message := range sent {
			if i != self {
				m[i] = message
			}
		}
		return m
	}
	parties := params(1).Parties
	for _, i := range parties {
		out, err := dealRound1(params(i))
		if err != nil {
			t.Fatal(err)
		}
		sessions[i], sent[i] = out.Session, out.Message
	}
	for _, step := range []func(*dealInput) (*dealOutput, error){dealRound2, dealRound3} {
		next := map[int][]byte{}
		for _, i := range parties {
			out, err := step(&dealInput{sessions[i], others(i)})
			if err != nil {
				t.Fatal(err)
			}
			sessions[i], next[i] = out.Session, out.Message
		}
		sent = next
	}
	shares := map[int][]byte{}
	for _, i := range parties {
		out, err := dealFinish(&dealInput{sessions[i], others(i)})
		if err != nil {
			t.Fatal(err)
		}
		shares[i] = out.Share
	}
	return shares
}

func keygen(self int) *dealParams {
	return &dealParams{Kind: deal.Keygen, Threshold: 2, Parties: []int{1, 2}, Contributors: []int{1, 2}, Self: self}
}

func TestSign(t *testing.T) {
	shares := dealt(t, keygen)
	digest := [32]byte{1, 2, 3}
	request, err := dkls18Request(&dkls18RequestInput{shares[1], 2})
	if err != nil {
		t.Fatal(err)
	}
	response, err := dkls18Respond(&dkls18RespondInput{shares[2], 1, digest, "m/7", request.Request})
	if err != nil {
		t.Fatal(err)
	}
	finish := dkls18FinishInput{shares[1], request.Session, digest, "m/7", response.Response}
	stale := finish
	stale.Path = "m/8"
	if _, err = dkls18Finish(&stale); wire.CodeOf(err) != wire.CodeStale {
		t.Errorf("another path: %v", err)
	}
	if _, err = dkls18Finish(&finish); err != nil { // verifies the signature itself
		t.Error(err)
	}
}

func TestDealParams(t *testing.T) {
	share := dealt(t, keygen)[1]
	key, err := shareKey(&shareInput{bytes.Clone(share)})
	if err != nil {
		t.Fatal(err)
	}
	reshare := dealParams{Kind: deal.Reshare, Threshold: 2, Parties: []int{1, 2, 3}, Contributors: []int{1, 2}, Epoch: 1}
	imported := dealParams{Kind: deal.Import, Threshold: 2, Parties: []int{1, 2}, Contributors: []int{1}, Self: 1}
	for name, c := range map[string]struct {
		params dealParams
		change func(*dealParams)
		code   string
	}{
		"reshare, with a share":      {reshare, func(p *dealParams) { p.Self, p.Share = 1, share }, ""},
		"reshare, with the key":      {reshare, func(p *dealParams) { p.Self, p.Old = 3, key.Key }, ""},
		"reshare, with both":         {reshare, func(p *dealParams) { p.Self, p.Share, p.Old = 1, share, key.Key }, ""},
		"reshare, with neither":      {reshare, func(p *dealParams) { p.Self = 1 }, wire.CodeInput},
		"reshare, no share":          {reshare, func(p *dealParams) { p.Self, p.Share = 1, share[1:] }, wire.CodeInput},
		"reshare, no key":            {reshare, func(p *dealParams) { p.Self, p.Old = 3, key.Key[1:] }, wire.CodeInput},
		"import":                     {imported, func(p *dealParams) { p.Secret = bytes.Repeat([]byte{7}, 32) }, ""},
		"import, with a chain code":  {imported, func(p *dealParams) { p.Secret, p.ChainCode = bytes.Repeat([]byte{7}, 32), make([]byte, 32) }, ""},
		"import, without a key":      {imported, func(*dealParams) {}, wire.CodeInput},
		"import, a key of zero":      {imported, func(p *dealParams) { p.Secret = make([]byte, 32) }, wire.CodeInput},
		"import, a key of q or more": {imported, func(p *dealParams) { p.Secret = bytes.Repeat([]byte{255}, 32) }, wire.CodeInput},
		"import, a key of 31 bytes":  {imported, func(p *dealParams) { p.Secret = make([]byte, 31) }, wire.CodeInput},
		"import, 33 bytes of chain":  {imported, func(p *dealParams) { p.Secret, p.ChainCode = bytes.Repeat([]byte{7}, 32), make([]byte, 33) }, wire.CodeInput},
		"keygen, with a key":         {*keygen(1), func(p *dealParams) { p.Secret = bytes.Repeat([]byte{7}, 32) }, wire.CodeInput},
	} {
		p := c.params
		c.change(&p)
		if _, err := dealRound1(&p); wire.CodeOf(err) != c.code {
			t.Errorf("%s: %v, want code %q", name, err, c.code)
		}
	}
}

func TestCombine(t *testing.T) {
	shares := dealt(t, keygen)
	info, err := shareInfo(&shareInput{bytes.Clone(shares[1])})
	if err != nil {
		t.Fatal(err)
	}
	out, err := combine(&combineInput{[][]byte{shares[2], shares[1]}})
	if err != nil {
		t.Fatal(err)
	}
	key, err := new(secp256k1.Scalar).SetBytes(out.Key)
	if err != nil || !bytes.Equal(new(secp256k1.Point).ScalarBaseMult(key).Bytes(), info.PublicKey) {
		t.Errorf("the key is not that of the public key: %v", err)
	}
}

// The key m of BIP32's test vector 2 and its child m/0.
func TestDerive(t *testing.T) {
	in := deriveInput{
		PublicKey: unhex(t, "03cbcaa9c98c877a26977d00825c956a238e8dddfbd322cce4f74b0b5bd6ace4a7"),
		ChainCode: unhex(t, "60499f801b896d83179a4374aeb7822aaeaceaa0db1f85ee3e904c4defbd9689"),
		Path:      "m/0",
	}
	out, err := derive(&in)
	if err != nil {
		t.Fatal(err)
	}
	if want := unhex(t, "02fc9e5af0ac8d9b3cecfe2a888e2117ba3d089d8585886c9c826b6b22a98d12ea"); !bytes.Equal(out.PublicKey, want) {
		t.Errorf("got %x, want %x", out.PublicKey, want)
	}
	for _, change := range []func(*deriveInput){
		func(in *deriveInput) { in.Path = "m/0'" },
		func(in *deriveInput) { in.PublicKey = in.PublicKey[1:] },
		func(in *deriveInput) { in.ChainCode = in.ChainCode[1:] },
	} {
		bad := in
		change(&bad)
		if _, err := derive(&bad); wire.CodeOf(err) != wire.CodeInput {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

// No step panics on bytes that are not a share, session or message.
func TestGarbage(t *testing.T) {
	junk := make([]byte, 300)
	_, _ = rand.Read(junk)
	for _, b := range [][]byte{nil, {}, {0xa0}, junk} {
		for name, step := range map[string]func() error{
			"round2":  func() error { _, err := dealRound2(&dealInput{b, map[int][]byte{1: b}}); return err },
			"round3":  func() error { _, err := dealRound3(&dealInput{b, map[int][]byte{-1: b}}); return err },
			"finish":  func() error { _, err := dealFinish(&dealInput{b, nil}); return err },
			"join":    func() error { _, err := dealJoin(&dealJoinInput{*keygen(1), map[int][]byte{2: b}}); return err },
			"info":    func() error { _, err := shareInfo(&shareInput{b}); return err },
			"key":     func() error { _, err := shareKey(&shareInput{b}); return err },
			"combine": func() error { _, err := combine(&combineInput{[][]byte{b, b}}); return err },
			"request": func() error { _, err := dkls18Request(&dkls18RequestInput{b, 2}); return err },
			"respond": func() error { _, err := dkls18Respond(&dkls18RespondInput{Share: b, Request: b}); return err },
			"sign": func() error {
				_, err := dkls18Finish(&dkls18FinishInput{Share: b, Session: b, Response: b})
				return err
			},
		} {
			if err := step(); err == nil {
				t.Errorf("%s took %x", name, b)
			}
		}
	}
}
