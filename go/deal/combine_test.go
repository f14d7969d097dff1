package deal_test

import (
	"testing"

	"tandem/go/deal"
	"tandem/go/secp256k1"
	"tandem/go/wire"
)

func TestCombine(t *testing.T) {
	for _, all := range []table{keygen(2, 1, 2, 3).run(t, 4), keygen(3, 2, 30, 200, 255).run(t, 4)} {
		parties := all.receivers()
		threshold := all[parties[0]].share.Threshold
		subsets(parties, threshold, func(set []int) {
			key, err := deal.Combine(all.shares(set...))
			if err != nil {
				t.Fatalf("%v: %v", set, err)
			}
			if key.Equal(all.reconstruct(t, set)) != 1 {
				t.Errorf("%v make another key", set)
			}
		})
	}
}

func TestCombineRefuses(t *testing.T) {
	all := keygen(2, 1, 2, 3).run(t, 4)
	other := keygen(2, 1, 2, 3).run(t, 4)
	next := resharing(all, []int{1, 2}, 2, 1, 2, 3).run(t, 4)
	wrong := *all[2].share
	wrong.X = new(secp256k1.Scalar).Add(all[2].share.X, all[2].share.X)
	for name, c := range map[string]struct {
		shares []*deal.KeyShare
		code   string
	}{
		"none":          {nil, wire.CodeInput},
		"too few":       {all.shares(1), wire.CodeInput},
		"too many":      {all.shares(1, 2, 3), wire.CodeInput},
		"one twice":     {all.shares(1, 1), wire.CodeInput},
		"another key":   {append(all.shares(1), other[2].share), wire.CodeIdentity},
		"another epoch": {append(all.shares(1), next[2].share), wire.CodeIdentity},
		"not a share":   {append(all.shares(1), &wrong), wire.CodeInternal},
	} {
		if key, err := deal.Combine(c.shares); wire.CodeOf(err) != c.code || key != nil {
			t.Errorf("%s: %v, want code %q", name, err, c.code)
		}
	}
}
