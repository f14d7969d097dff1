package ecdsa

import (
	"bytes"
	"crypto/sha256"
	"testing"

	decred "github.com/decred/dcrd/dcrec/secp256k1/v4"
	decdsa "github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"

	"tandem/go/secp256k1"
	"tandem/go/transcript"
)

// signed is a signature made with the whole key: s = (m + r x)/k for the nonce point R = k·G.
type signed struct {
	x, m, k, s secp256k1.Scalar
	Q, R       *secp256k1.Point
	digest     [32]byte
}

func sign(seed byte) *signed {
	stream := transcript.StreamFromSeed(bytes.Repeat([]byte{seed}, 32), "TEST")
	v := &signed{x: *stream.Scalar(), k: *stream.Scalar(), digest: sha256.Sum256([]byte{seed})}
	v.m.SetDigest(v.digest[:])
	v.Q = new(secp256k1.Point).ScalarBaseMult(&v.x)
	v.R = new(secp256k1.Point).ScalarBaseMult(&v.k)
	v.s.MulAdd(v.R.XScalar(), &v.x, &v.m)
	v.s.Mul(&v.s, new(secp256k1.Scalar).Invert(&v.k))
	return v
}

// Signatures of both halves come out low, verify with decred and recover the key.
func TestComplete(t *testing.T) {
	high := 0
	for seed := range byte(16) {
		v := sign(seed)
		high += v.s.IsHigh()
		signature, err := Complete(secp256k1.NewComb(v.Q), &v.m, v.R, &v.s)
		if err != nil {
			t.Fatal(err)
		}
		var r, s decred.ModNScalar
		r.SetBytes(&signature.R)
		s.SetBytes(&signature.S)
		if s.IsOverHalfOrder() {
			t.Error("s is high")
		}
		compact := append([]byte{27 + 4 + signature.YParity}, append(signature.R[:], signature.S[:]...)...)
		key, _, err := decdsa.RecoverCompact(compact, v.digest[:])
		if err != nil || !bytes.Equal(key.SerializeCompressed(), v.Q.Bytes()) {
			t.Errorf("%d: recovers another key, %v", seed, err)
		}
		if !decdsa.NewSignature(&r, &s).Verify(v.digest[:], key) {
			t.Error("decred does not verify it")
		}
	}
	if high == 0 || high == 16 {
		t.Error("only one half of s was tried")
	}
}

func TestInvalid(t *testing.T) {
	one := new(secp256k1.Scalar).SetUint64(1)
	for name, change := range map[string]func(*signed){
		"another digest":     func(v *signed) { v.m.Add(&v.m, one) },
		"another s":          func(v *signed) { v.s.Add(&v.s, one) },
		"s = 0":              func(v *signed) { v.s.Clear() },
		"another key":        func(v *signed) { v.Q.Add(v.Q, secp256k1.NewGenerator()) },
		"another nonce":      func(v *signed) { v.R.Add(v.R, secp256k1.NewGenerator()) },
		"the same r, not R":  func(v *signed) { v.R.Negate(v.R) },
		"the identity for R": func(v *signed) { v.R = secp256k1.NewIdentity() },
		"-s with the same R": func(v *signed) { v.s.Neg(&v.s) },
		"-s and -R":          nil, // is one
	} {
		v := sign(1)
		want := ErrInvalid
		if change != nil {
			change(v)
		} else {
			v.s.Neg(&v.s)
			v.R.Negate(v.R)
			want = nil
		}
		if _, err := Complete(secp256k1.NewComb(v.Q), &v.m, v.R, &v.s); err != want {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
}

// For a nonce point whose x is not below q nobody knows a nonce, but a key under which it has a signature can be computed.
func TestOverflow(t *testing.T) {
	R := overflowing(t)
	var m, s, w secp256k1.Scalar
	m.SetUint64(5)
	s.SetUint64(7)
	// Q = (s·R - m·G)/r
	Q := new(secp256k1.Point).ScalarMult(&s, R)
	Q.Sub(Q, new(secp256k1.Point).ScalarBaseMult(&m))
	Q.ScalarMult(w.Invert(R.XScalar()), Q)
	if _, err := Complete(secp256k1.NewComb(Q), &m, R, &s); err != (Overflow{}) {
		t.Errorf("%v, want %v", err, Overflow{})
	}
}

// overflowing returns a point with x = q + i for a small i above 0.
func overflowing(t *testing.T) *secp256k1.Point {
	t.Helper()
	b := append([]byte{2}, new(secp256k1.Scalar).Neg(new(secp256k1.Scalar).SetUint64(1)).Bytes()...)
	b[32]++ // q
	for range 100 {
		b[32]++
		if p, err := new(secp256k1.Point).SetBytes(b); err == nil {
			return p
		}
	}
	t.Fatal("no point with an x above q")
	return nil
}
