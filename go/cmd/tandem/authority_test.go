package main

import (
	"bytes"
	"testing"

	"tandem/go/secp256k1"
	"tandem/go/wire"
)

func TestAuthorize(t *testing.T) {
	shares := dealt(t, keygen)
	digest := [32]byte{1}
	out, err := authorize(&authorizeInput{bytes.Clone(shares[1]), digest})
	if err != nil {
		t.Fatal(err)
	}
	check := checkAuthorizedInput{shares[2], 1, digest, out.Signature}
	if _, err := checkAuthorized(&check); err != nil {
		t.Error(err)
	}
	check.By = 2
	if _, err := checkAuthorized(&check); wire.CodeOf(err) != wire.CodeInput {
		t.Errorf("another party: %v", err)
	}
	if _, err := checkAuthorized(&checkAuthorizedInput{nil, 1, digest, out.Signature}); wire.CodeOf(err) != wire.CodeInput {
		t.Errorf("no share: %v", err)
	}
	if _, err := authorize(&authorizeInput{nil, digest}); wire.CodeOf(err) != wire.CodeInput {
		t.Errorf("no share to sign with: %v", err)
	}
}

func TestSealTo(t *testing.T) {
	secret := bytes.Repeat([]byte{7}, 32)
	key, err := new(secp256k1.Scalar).SetBytes(secret)
	if err != nil {
		t.Fatal(err)
	}
	public := new(secp256k1.Point).ScalarBaseMult(key).Bytes()
	out, err := sealTo(&sealToInput{public, []byte("context"), []byte("share")})
	if err != nil {
		t.Fatal(err)
	}
	opened, err := openSealed(&openSealedInput{bytes.Clone(secret), []byte("context"), out.Sealed})
	if err != nil || string(opened.Plaintext) != "share" {
		t.Errorf("%v, %v", opened, err)
	}
	for name, in := range map[string]openSealedInput{
		"another context": {bytes.Clone(secret), []byte("contexts"), out.Sealed},
		"a key of zero":   {make([]byte, 32), []byte("context"), out.Sealed},
		"a key above q":   {bytes.Repeat([]byte{255}, 32), []byte("context"), out.Sealed},
	} {
		if _, err := openSealed(&in); wire.CodeOf(err) != wire.CodeInput {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := sealTo(&sealToInput{public[1:], nil, nil}); wire.CodeOf(err) != wire.CodeInput {
		t.Errorf("no public key: %v", err)
	}
}
