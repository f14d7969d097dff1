package main

import (
	"bytes"
	"testing"

	"github.com/ethereum/go-ethereum/crypto"

	"tandem/go/wire"
)

func TestRecoverSigner(t *testing.T) {
	key, err := crypto.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	digest := crypto.Keccak256([]byte("signed"))
	signature, err := crypto.Sign(digest, key)
	if err != nil {
		t.Fatal(err)
	}
	want := crypto.PubkeyToAddress(key.PublicKey).Bytes()
	for _, v := range []byte{0, 27} {
		given := bytes.Clone(signature)
		given[64] += v
		out, err := recoverSigner(&recoverInput{digest, given})
		if err != nil || !bytes.Equal(out.Address, want) || !bytes.Equal(out.PublicKey, crypto.FromECDSAPub(&key.PublicKey)) {
			t.Errorf("v %d: got %+v, %v", given[64], out, err)
		}
	}
	for name, given := range map[string]recoverInput{
		"short digest":    {digest[:31], signature},
		"long signature":  {digest, append(bytes.Clone(signature), 0)},
		"v of 2":          {digest, append(bytes.Clone(signature[:64]), 2)},
		"v of 29":         {digest, append(bytes.Clone(signature[:64]), 29)},
		"v of 255":        {digest, append(bytes.Clone(signature[:64]), 255)},
		"r and s of zero": {digest, make([]byte, 65)},
		"nothing":         {},
	} {
		if out, err := recoverSigner(&given); wire.CodeOf(err) != wire.CodeInput {
			t.Errorf("%s: got %+v, %v", name, out, err)
		}
	}
	if out, err := recoverSigner(&recoverInput{crypto.Keccak256(nil), signature}); err == nil && bytes.Equal(out.Address, want) {
		t.Error("the signature holds for another digest")
	}
}
