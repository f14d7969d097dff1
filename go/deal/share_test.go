package deal_test

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"regexp"
	"slices"
	"testing"

	"tandem/go/deal"
	"tandem/go/internal/tamper"
	"tandem/go/secp256k1"
	"tandem/go/wire"
)

func TestKeyShareEncoding(t *testing.T) {
	for _, all := range []table{keygen(2, 1, 2).run(t, 4), keygen(2, 1, 2, 3).run(t, 4), keygen(3, 2, 30, 200, 255).run(t, 4)} {
		parties := all.receivers()
		share := all[parties[1]].share
		data, err := share.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if len(parties) == 3 && len(data) > 1024 {
			t.Errorf("a share of three has %d bytes", len(data))
		}
		decoded, err := deal.DecodeKeyShare(data)
		if err != nil {
			t.Fatal(err)
		}
		again, err := decoded.Encode()
		if err != nil || !bytes.Equal(again, data) {
			t.Errorf("decoded and encoded, the share is another: %v", err)
		}
		if decoded.X.Equal(share.X) != 1 || decoded.Q.Equal(share.Q) != 1 || !slices.Equal(decoded.Seeds, share.Seeds) {
			t.Error("the decoded share is another")
		}
		key, err := share.Key.Encode()
		if err != nil {
			t.Fatal(err)
		}
		decodedKey, err := deal.DecodeKey(key)
		if err != nil || decodedKey.ID != share.ID {
			t.Errorf("key: %v", err)
		}
		if _, err := deal.DecodeKey(data); wire.CodeOf(err) != wire.CodeInput {
			t.Errorf("a share is taken for a key: %v", err)
		}
		if _, err := deal.DecodeKeyShare(key); wire.CodeOf(err) != wire.CodeInput {
			t.Errorf("a key is taken for a share: %v", err)
		}
	}
}

func TestTamperedKeyShare(t *testing.T) {
	share := keygen(2, 1, 2, 3).run(t, 4)[2].share
	data, err := share.Encode()
	if err != nil {
		t.Fatal(err)
	}
	accepted := 0
	anySeed := regexp.MustCompile(`^/6(\[.\] (.* bit|zero|ones)| swapped)$`)
	for _, change := range tamper.All(t, data) {
		// The epoch is not part of the key's id, and a seed is any 32 bytes; all else hangs together.
		if change.Where == "/3/3 +1" || anySeed.MatchString(change.Where) {
			accepted++
			continue
		}
		_, err := deal.DecodeKeyShare(change.Bytes)
		wantError(t, err, wire.CodeInput, 0, "")
	}
	if accepted != 1+2*5+1 {
		t.Errorf("%d changes left out", accepted)
	}
	key, err := share.Key.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range tamper.All(t, key) {
		if change.Where != "/3/3 +1" {
			_, err := deal.DecodeKey(change.Bytes)
			wantError(t, err, wire.CodeInput, 0, "")
		}
	}
}

// A key whose parts are each well formed, but not those of one sharing.
func TestInconsistentKey(t *testing.T) {
	all := keygen(2, 1, 2, 3, 4).run(t, 4)
	other := keygen(2, 1, 2, 3, 4).run(t, 4)[1].share
	for name, change := range map[string]func(*deal.KeyShare){
		"other public key":      func(s *deal.KeyShare) { s.Q = other.Q },
		"other public share":    func(s *deal.KeyShare) { s.PublicShares[3] = other.PublicShares[3] },
		"other own share":       func(s *deal.KeyShare) { s.PublicShares[0] = other.PublicShares[0] },
		"other chain code":      func(s *deal.KeyShare) { s.ChainCode = other.ChainCode },
		"other id":              func(s *deal.KeyShare) { s.ID = other.ID },
		"other secret":          func(s *deal.KeyShare) { s.X = other.X },
		"zero secret":           func(s *deal.KeyShare) { s.X = new(secp256k1.Scalar) },
		"other index":           func(s *deal.KeyShare) { s.Index = 2 },
		"foreign index":         func(s *deal.KeyShare) { s.Index = 5 },
		"higher threshold":      func(s *deal.KeyShare) { s.Threshold = 3 },
		"threshold 1":           func(s *deal.KeyShare) { s.Threshold = 1 },
		"other parties":         func(s *deal.KeyShare) { s.Parties[3] = 5 },
		"parties not ascending": func(s *deal.KeyShare) { s.Parties[2], s.Parties[3] = 4, 3 },
		"a party less":          func(s *deal.KeyShare) { s.Parties = s.Parties[:3] },
		"a share less":          func(s *deal.KeyShare) { s.PublicShares = s.PublicShares[:3] },
		"a seed less":           func(s *deal.KeyShare) { s.Seeds = s.Seeds[:2] },
	} {
		t.Run(name, func(t *testing.T) {
			share := *all[1].share
			share.Parties, share.PublicShares = slices.Clone(share.Parties), slices.Clone(share.PublicShares)
			change(&share)
			data, err := share.Encode()
			if err != nil {
				t.Fatal(err)
			}
			_, err = deal.DecodeKeyShare(data)
			wantError(t, err, wire.CodeInput, 0, "")
		})
	}
}

func TestInfo(t *testing.T) {
	share := keygen(2, 1, 2, 9).run(t, 4)[9].share
	info := share.Info()
	if info.Index != 9 || info.Threshold != 2 || !slices.Equal(info.Parties, []int{1, 2, 9}) || info.Epoch != 0 ||
		!bytes.Equal(info.PublicKey, share.Q.Bytes()) || len(info.Address) != 20 ||
		!bytes.Equal(info.KeyID, share.ID[:]) || !bytes.Equal(info.ChainCode, share.ChainCode[:]) {
		t.Errorf("%+v", info)
	}
	own := new(secp256k1.Point).ScalarBaseMult(share.X)
	if X, err := share.PublicShare(9); err != nil || X.Equal(own) != 1 {
		t.Errorf("public share: %v", err)
	}
	_, err := share.PublicShare(3)
	wantError(t, err, wire.CodeInput, 0, "party 3")
	_, err = share.Seed(9)
	wantError(t, err, wire.CodeInput, 0, "party 9")
	_, err = share.Seed(3)
	wantError(t, err, wire.CodeInput, 0, "party 3")
	x := share.X
	share.Clear()
	if x.IsZero() != 1 || share.Seeds[0] != [32]byte{} || share.Seeds[1] != [32]byte{} {
		t.Error("a cleared share has secrets")
	}
}

// The addresses of the keys 1 and 2 are known to everyone.
func TestAddress(t *testing.T) {
	for key, want := range map[uint64]string{
		1: "7e5f4552091a69125d5dfcb7b8c2659029395bdf",
		2: "2b5ad5c4795c026514f8317c7a215e218dccd6cf",
	} {
		all := importing(new(secp256k1.Scalar).SetUint64(key), nil, 1, 2, 1, 2).run(t, 4)
		address := all[2].share.Address()
		if got := hex.EncodeToString(address[:]); got != want {
			t.Errorf("key %d: address %s, want %s", key, got, want)
		}
	}
}

func TestLagrange(t *testing.T) {
	// f of degree 2 with known coefficients.
	var f [3]*secp256k1.Scalar
	for k := range f {
		var err error
		if f[k], err = secp256k1.RandomScalar(rand.Reader); err != nil {
			t.Fatal(err)
		}
	}
	for _, set := range [][]int{{1, 2, 3}, {3, 1, 2}, {255, 254, 253}, {1, 128, 255}, {4, 9, 7, 100}} {
		sum := new(secp256k1.Scalar)
		for _, i := range set {
			x, y := new(secp256k1.Scalar).SetUint64(uint64(i)), new(secp256k1.Scalar).Set(f[2])
			y.MulAdd(y, x, f[1]).MulAdd(y, x, f[0])
			coefficient, err := deal.Lagrange(set, i)
			if err != nil {
				t.Fatal(err)
			}
			sum.MulAdd(coefficient, y, sum)
		}
		if sum.Equal(f[0]) != 1 {
			t.Errorf("%v: the coefficients do not give f(0)", set)
		}
	}
	for _, test := range []struct {
		set []int
		i   int
	}{
		{nil, 1}, {[]int{1, 2}, 3}, {[]int{1, 2}, 0}, {[]int{1, 2}, 256}, {[]int{1, 2}, -1},
		{[]int{1, 2, 1}, 2}, {[]int{0, 1}, 1}, {[]int{1, 256}, 1}, {[]int{1, -2}, 1},
	} {
		_, err := deal.Lagrange(test.set, test.i)
		wantError(t, err, wire.CodeInput, 0, "")
	}
}
