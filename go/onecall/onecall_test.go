package onecall

import (
	"bytes"
	"crypto/sha256"
	"io"
	mathrand "math/rand/v2"
	"slices"
	"testing"

	decred "github.com/decred/dcrd/dcrec/secp256k1/v4"
	decdsa "github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
	"github.com/ethereum/go-ethereum/crypto"

	"tandem/go/bip32"
	"tandem/go/correlation"
	"tandem/go/deal"
	"tandem/go/ecdsa"
	"tandem/go/secp256k1"
	"tandem/go/transcript"
)

func source(n byte) io.Reader { return mathrand.NewChaCha8([32]byte{n}) }

// named returns 32 bytes that depend on both names.
func named(name, label string) []byte { return expand("VECTOR", 32, []byte(name), []byte(label)) }

// newShares returns the shares of the 2-of-3 key of that name.
func newShares(name string) map[int]*deal.KeyShare {
	f0, f1 := transcript.Scalar("f0", []byte(name)), transcript.Scalar("f1", []byte(name))
	key := deal.Key{
		Threshold: 2,
		Parties:   []int{1, 2, 3},
		Epoch:     4,
		Q:         new(secp256k1.Point).ScalarBaseMult(f0),
		ChainCode: [32]byte(named(name, "chain code")),
		ID:        [32]byte(named(name, "key id")),
	}
	shares := make(map[int]*deal.KeyShare)
	for _, i := range key.Parties {
		x := new(secp256k1.Scalar).SetUint64(uint64(i))
		x.MulAdd(x, f1, f0)
		key.PublicShares = append(key.PublicShares, new(secp256k1.Point).ScalarBaseMult(x))
		shares[i] = &deal.KeyShare{Index: i, X: x}
	}
	for _, share := range shares {
		share.Key = key
	}
	return shares
}

// digestsOf returns n digests, all different.
func digestsOf(n int) [][32]byte {
	digests := make([][32]byte, n)
	for i := range digests {
		digests[i] = sha256.Sum256([]byte{byte(i)})
	}
	return digests
}

// addressOf returns the address of a compressed public key, by go-ethereum.
func addressOf(t testing.TB, key []byte) []byte {
	t.Helper()
	public, err := crypto.DecompressPubkey(key)
	if err != nil {
		t.Fatal(err)
	}
	return crypto.PubkeyToAddress(*public).Bytes()
}

// checkSignature verifies a signature as Ethereum does, by recovery with go-ethereum, and again with decred's verification.
func checkSignature(t testing.TB, address []byte, digest [32]byte, s ecdsa.Signature) {
	t.Helper()
	recovered, err := crypto.Ecrecover(digest[:], slices.Concat(s.R[:], s.S[:], []byte{s.YParity}))
	if err != nil {
		t.Fatal(err)
	}
	public, err := crypto.UnmarshalPubkey(recovered)
	if err != nil {
		t.Fatal(err)
	}
	if got := crypto.PubkeyToAddress(*public).Bytes(); !bytes.Equal(got, address) {
		t.Fatalf("the signature recovers %x, the address is %x", got, address)
	}
	var sR, sS decred.ModNScalar
	sR.SetBytes(&s.R)
	sS.SetBytes(&s.S)
	key, err := decred.ParsePubKey(recovered)
	if err != nil {
		t.Fatal(err)
	}
	if !decdsa.NewSignature(&sR, &sS).Verify(digest[:], key) {
		t.Fatal("decred does not verify the signature")
	}
	if sS.IsOverHalfOrder() {
		t.Fatal("s is high")
	}
}

// correlate returns a correlation of user with action.
func correlate(t testing.TB, user, action *deal.KeyShare, seed byte) *correlation.Correlation {
	t.Helper()
	session, request, err := correlation.Request(user.X.Bytes(), action.Index, source(seed))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := correlation.Respond(action, user.Index, request, source(seed+1))
	if err != nil {
		t.Fatal(err)
	}
	c, err := correlation.Accept(user, session, answer)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// childAddress is that of the key that path derives.
func childAddress(t testing.TB, key *deal.Key, path string) []byte {
	t.Helper()
	indices, err := bip32.ParsePath(path)
	if err != nil {
		t.Fatal(err)
	}
	child, err := bip32.Derive(key.Q, key.ChainCode[:], indices)
	if err != nil {
		t.Fatal(err)
	}
	return addressOf(t, child.Q.Bytes())
}

// One correlation makes signatures of 1 to 8 digests, under any path, as often as one likes.
func TestSign(t *testing.T) {
	for _, test := range []struct {
		user, action int
		path         string
		counts       []int
	}{
		{1, 2, "", []int{1, 2, 3, 4, 5, 6, 7, 8, 1}},
		{3, 1, "m/2147483647/0/1", []int{1, 3}},
	} {
		shares := newShares("sign")
		user, action := shares[test.user], shares[test.action]
		c := correlate(t, user, action, 1)
		for i, n := range test.counts {
			digests := digestsOf(n)
			session, request, err := Request(user, c, test.action, digests, test.path, source(byte(3*i)))
			if err != nil {
				t.Fatal(err)
			}
			response, err := Respond(action, test.user, digests, test.path, request, nil, source(byte(3*i+1)))
			if err != nil {
				t.Fatal(err)
			}
			if err := Check(session, response); err != nil {
				t.Fatal(err)
			}
			signatures, err := Finish(c, session, response)
			if err != nil || len(signatures) != n {
				t.Fatal(len(signatures), err)
			}
			for i, signature := range signatures {
				checkSignature(t, childAddress(t, &user.Key, test.path), digests[i], signature)
			}
		}
	}
}
