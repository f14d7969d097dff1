package correlation

import (
	"tandem/go/deal"
	"tandem/go/internal/chacha"
	"tandem/go/secp256k1"
)

// What cmd/ct and the tests of other packages need of this one.

// Deal makes a correlation from both shares, as if a set-up of that id had ended with these digits and this seed.
func Deal(user, action *deal.KeyShare, id, seed [32]byte, digits [Digits]byte) (*Correlation, error) {
	tU, err := user.Summand(action.Index)
	if err != nil {
		return nil, err
	}
	c := &Correlation{
		ID: id, KeyID: user.ID, Epoch: user.Epoch, User: user.Index, Action: action.Index,
		Seed: seed, Delta: tU, digits: digits,
	}
	a := NewAction(action.X, id)
	defer a.Clear()
	a.MACKey(&c.MACKey)
	g := NewGadget(&c.Seed, &c.ID)
	var term secp256k1.Scalar
	var node chacha.Key
	for i, digit := range digits {
		a.forest.plant(i)
		for level := range Bits {
			a.forest.grow(level)
			a.forest.get(&node, place(digit>>(Bits-1-level)^1, level+1))
			node.Put(c.nodes[nodeSize*(Bits*i+level):])
		}
		term.SetUint64(uint64(digit))
		c.Delta.Sub(c.Delta, term.Mul(&term, &g[i]))
	}
	return c, nil
}

// Rebuild is what Accept does with the digit of one tree, for the keys of its OTs, what they encrypt, and a sum: 192, 384 and 32
// bytes.
func Rebuild(digit byte, keys, encrypted, sum []byte) {
	var nodes [Bits * nodeSize]byte
	checks := make([]byte, checksSize)
	t, checker := new(tree), newChecker()
	t.rebuild(digit, keys, encrypted, nodes[:])
	t.checksPunctured(checks, sum, digit, checker)
	t.clear()
	checker.clear()
	clear(checks)
}
