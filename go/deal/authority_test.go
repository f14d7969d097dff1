package deal_test

import (
	"bytes"
	"crypto/rand"
	"testing"

	"tandem/go/deal"
	"tandem/go/secp256k1"
	"tandem/go/transcript"
	"tandem/go/wire"
)

func TestAuthorize(t *testing.T) {
	all := keygen(2, 1, 2, 3).run(t, 4)
	key := all.check(t)
	digest := [32]byte{1, 2, 3}
	signature, err := deal.Authorize(all[3].share, digest, rand.Reader)
	if err != nil || key.CheckAuthorized(3, digest, signature) != nil {
		t.Fatal("refused", err)
	}
	again, err := deal.Authorize(all[3].share, digest, bytes.NewReader(bytes.Repeat([]byte{7}, 32)))
	if err != nil || bytes.Equal(again, signature) || key.CheckAuthorized(3, digest, again) != nil {
		t.Error("not another signature of the same", err)
	}
	after := resharing(all, []int{1, 3}, 2, 1, 2, 3).run(t, 4).check(t)
	other := keygen(2, 1, 2, 3).run(t, 4).check(t)
	zero := bytes.Clone(signature)
	clear(zero[32:])
	// A proof of another kind of the same secret does not count.
	confirmation, err := transcript.Prove(rand.Reader, "DEAL-CONF", secp256k1.NewGenerator(), all[3].share.X,
		key.ID[:], transcript.U32(3), digest[:])
	if err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"another digest":    key.CheckAuthorized(3, [32]byte{}, signature),
		"another party":     key.CheckAuthorized(1, digest, signature),
		"no party":          key.CheckAuthorized(4, digest, signature),
		"party 0":           key.CheckAuthorized(0, digest, signature),
		"the next epoch":    after.CheckAuthorized(3, digest, signature),
		"another key":       other.CheckAuthorized(3, digest, signature),
		"nothing":           key.CheckAuthorized(3, digest, nil),
		"cut short":         key.CheckAuthorized(3, digest, signature[:63]),
		"a byte more":       key.CheckAuthorized(3, digest, append(bytes.Clone(signature), 0)),
		"a response of 0":   key.CheckAuthorized(3, digest, zero),
		"a proof for round": key.CheckAuthorized(3, digest, confirmation),
	} {
		if wire.CodeOf(err) != wire.CodeInput {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := deal.Authorize(all[3].share, digest, bytes.NewReader(nil)); wire.CodeOf(err) != wire.CodeInternal {
		t.Errorf("no randomness: %v", err)
	}
}

// Every quorum of up to four parties becomes every other, with the first and with the last of the old parties as
// contributors.
func TestReshareEveryQuorum(t *testing.T) {
	indices := []int{1, 2, 3, 4}
	for oldN := 2; oldN <= 4; oldN++ {
		for oldT := 2; oldT <= oldN; oldT++ {
			old := keygen(oldT, indices[:oldN]...).run(t, 4)
			before := old.check(t)
			key := old.reconstruct(t, indices[:oldT])
			for n := 2; n <= 4; n++ {
				for threshold := 2; threshold <= n; threshold++ {
					for _, contributors := range [][]int{indices[:oldT], indices[oldN-oldT : oldN]} {
						all := resharing(old, contributors, threshold, indices[:n]...).run(t, 4)
						after := all.check(t)
						if after.Q.Equal(before.Q) != 1 || after.ChainCode != before.ChainCode {
							t.Errorf("%d of %d to %d of %d: another key", oldT, oldN, threshold, n)
						}
						if all.reconstruct(t, indices[n-threshold:n]).Equal(key) != 1 {
							t.Errorf("%d of %d to %d of %d: the last shares are not of the key", oldT, oldN, threshold, n)
						}
					}
				}
			}
		}
	}
}
