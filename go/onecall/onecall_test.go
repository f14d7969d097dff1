package onecall

import (
	"io"
	mathrand "math/rand/v2"
	"testing"

	"tandem/go/correlation"
	"tandem/go/deal"
	"tandem/go/secp256k1"
	"tandem/go/transcript"
)

func source(n byte) io.Reader { return mathrand.NewChaCha8([32]byte{n}) }

// newShares returns the shares of the 2-of-3 key of that name.
func newShares(name string) map[int]*deal.KeyShare {
	f0, f1 := transcript.Scalar("f0", []byte(name)), transcript.Scalar("f1", []byte(name))
	key := deal.Key{
		Threshold: 2,
		Parties:   []int{1, 2, 3},
		Epoch:     4,
		Q:         new(secp256k1.Point).ScalarBaseMult(f0),
		ChainCode: transcript.Hash("chain code", []byte(name)),
		ID:        transcript.Hash("key id", []byte(name)),
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

func TestSign(t *testing.T) {
	shares := newShares("a")
	user, action := shares[1], shares[2]
	session, request, err := correlation.Request([]byte("secret"), 2, source(1))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := correlation.Respond(action, 1, request, source(2))
	if err != nil {
		t.Fatal(err)
	}
	c, err := correlation.Accept(user, session, answer)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(len(request), len(answer))
	for n := 1; n <= 8; n++ {
		digests := make([][32]byte, n)
		for i := range digests {
			digests[i][0] = byte(i)
		}
		session, request, err := Request(user, c, 2, digests, "m/3", source(3))
		if err != nil {
			t.Fatal(err)
		}
		response, err := Respond(action, 1, digests, "m/3", request, nil, source(4))
		if err != nil {
			t.Fatal(err)
		}
		t.Log(n, len(session), len(request), len(response))
		if _, err := Finish(c, session, response); err != nil {
			t.Fatal(err)
		}
	}
}
