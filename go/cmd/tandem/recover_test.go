package main

import (
	"bytes"
	"crypto/rand"
	"testing"

	"github.com/ethereum/go-ethereum/crypto"

	"tandem/go/secp256k1"
	"tandem/go/wire"
)

func TestRecoverAddress(t *testing.T) {
	key, err := crypto.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	digest := crypto.Keccak256([]byte("approved"))
	signature, err := crypto.Sign(digest, key)
	if err != nil {
		t.Fatal(err)
	}
	want := crypto.PubkeyToAddress(key.PublicKey).Bytes()
	with := func(v byte) []byte { return append(bytes.Clone(signature[:64]), v) }
	for _, v := range []byte{0, 27} {
		out, err := recoverAddress(&recoverInput{digest, with(signature[64] + v)})
		if err != nil || !bytes.Equal(out.Address, want) {
			t.Errorf("v %d: got %+v, %v", signature[64]+v, out, err)
		}
	}
	if out, err := recoverAddress(&recoverInput{crypto.Keccak256(nil), signature}); err == nil && bytes.Equal(out.Address, want) {
		t.Error("the signature holds for another digest")
	}

	order := unhex(t, "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141")
	join := func(r, s []byte) []byte { return append(append(bytes.Clone(r), s...), 0) }
	r, s := signature[:32], signature[32:64]
	high := new(secp256k1.Scalar)
	if _, err := high.SetBytes(s); err != nil {
		t.Fatal(err)
	}
	high.Neg(high)
	// With m = s·k and R = k·G, s R - m G is the identity.
	R := new(secp256k1.Point).ScalarBaseMult(new(secp256k1.Scalar).SetUint64(3))
	identity := append(append(R.XScalar().Bytes(), new(secp256k1.Scalar).SetUint64(2).Bytes()...), R.RecoveryID())
	for name, given := range map[string]recoverInput{
		"short digest":    {digest[:31], signature},
		"short signature": {digest, signature[:64]},
		"long signature":  {digest, append(bytes.Clone(signature), 0)},
		"v of 2":          {digest, with(2)},
		"v of 29":         {digest, with(29)},
		"v of 255":        {digest, with(255)},
		"high s":          {digest, append(append(bytes.Clone(r), high.Bytes()...), signature[64]^1)},
		"r of zero":       {digest, join(make([]byte, 32), s)},
		"s of zero":       {digest, join(r, make([]byte, 32))},
		"r of the order":  {digest, join(order, s)},
		"s of the order":  {digest, join(r, order)},
		"r of no point":   {digest, join(new(secp256k1.Scalar).SetUint64(5).Bytes(), s)},
		"the identity":    {new(secp256k1.Scalar).SetUint64(6).Bytes(), identity},
		"nothing":         {},
	} {
		if out, err := recoverAddress(&given); wire.CodeOf(err) != wire.CodeInput {
			t.Errorf("%s: got %+v, %v", name, out, err)
		}
	}
}

// It is go-ethereum's recovery, except for a high s.
func FuzzRecoverAddress(f *testing.F) {
	key, err := crypto.GenerateKey()
	if err != nil {
		f.Fatal(err)
	}
	for range 16 {
		digest := make([]byte, 32)
		rand.Read(digest)
		signature, err := crypto.Sign(digest, key)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(digest, signature)
		f.Add(digest, append(bytes.Clone(digest), signature[32:]...)) // half of these have an r of no point
	}
	f.Fuzz(func(t *testing.T, digest, signature []byte) {
		out, err := recoverAddress(&recoverInput{digest, signature})
		isHigh := false
		if len(signature) == 65 {
			if signature[64] == 27 || signature[64] == 28 {
				signature[64] -= 27
			}
			s, err := new(secp256k1.Scalar).SetBytes(signature[32:64])
			isHigh = err == nil && s.IsHigh() == 1
			if signature[64] > 1 {
				signature[64] = 4 // go-ethereum would know 2 and 3, for an r above the order
			}
		}
		want, wantErr := crypto.SigToPub(digest, signature)
		if (err != nil) != (wantErr != nil || isHigh) {
			t.Fatalf("got %v, go-ethereum %v", err, wantErr)
		}
		if err == nil && !bytes.Equal(out.Address, crypto.PubkeyToAddress(*want).Bytes()) {
			t.Errorf("got %x, go-ethereum another", out.Address)
		}
	})
}
