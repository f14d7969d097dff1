package fq

import (
	"math/big"
	"math/rand/v2"
	"testing"

	decred "github.com/decred/dcrd/dcrec/secp256k1/v4"
)

var order, _ = new(big.Int).SetString("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141", 16)

// values are numbers of 256 bits, the interesting ones first, not all of them below q.
func values() []*big.Int {
	one := big.NewInt(1)
	var all []*big.Int
	for _, x := range []*big.Int{new(big.Int), order, new(big.Int).Rsh(order, 1), new(big.Int).Lsh(one, 255), new(big.Int).Lsh(one, 129)} {
		for d := int64(-2); d <= 2; d++ {
			if y := new(big.Int).Add(x, big.NewInt(d)); y.Sign() >= 0 {
				all = append(all, y)
			}
		}
	}
	top := new(big.Int).Lsh(one, 256)
	all = append(all, new(big.Int).Sub(top, one), new(big.Int).Sub(top, order), new(big.Int).Sub(order, new(big.Int).Sub(top, order)))
	for range 8 { // limbs of zeros, ones and anything
		var b [Size]byte
		for i := 0; i < len(b); i += 4 {
			word := [3]uint32{0, 1<<32 - 1, rand.Uint32()}[rand.IntN(3)]
			b[i], b[i+1], b[i+2], b[i+3] = byte(word), byte(word>>8), byte(word>>16), byte(word>>24)
		}
		all = append(all, new(big.Int).SetBytes(b[:]))
	}
	for range 24 {
		var b [Size]byte
		for i := range b {
			b[i] = byte(rand.Uint32())
		}
		all = append(all, new(big.Int).SetBytes(b[:]))
	}
	return all
}

func set(x *big.Int) (Element, uint32) {
	var b [Size]byte
	var e Element
	above := e.SetBytes((*[Size]byte)(x.FillBytes(b[:])))
	return e, above
}

func TestArithmetic(t *testing.T) {
	all := values()
	check := func(what string, x, y *big.Int, got *Element, want *big.Int) {
		t.Helper()
		var b [Size]byte
		got.PutBytes(b[:])
		if want.Mod(want, order); want.Cmp(new(big.Int).SetBytes(b[:])) != 0 {
			t.Errorf("%x %s %x is %x, want %x", x, what, y, b, want)
		}
	}
	for _, x := range all {
		a, above := set(x)
		if want := x.Cmp(order) >= 0; (above == 1) != want || above > 1 {
			t.Errorf("%x: above q is %d", x, above)
		}
		check("mod q,", x, nil, &a, new(big.Int).Set(x))
		var r Element
		r.Neg(&a)
		check("negated,", x, nil, &r, new(big.Int).Neg(x))
		r = a
		r.Neg(&r)
		check("negated in place,", x, nil, &r, new(big.Int).Neg(x))
		if want := new(big.Int).Mod(x, order).Sign() == 0; (a.IsZero() == 1) != want {
			t.Errorf("%x: zero is %d", x, a.IsZero())
		}
		for _, y := range all {
			b, _ := set(y)
			r.Add(&a, &b)
			check("+", x, y, &r, new(big.Int).Add(x, y))
			r.Mul(&a, &b)
			check("·", x, y, &r, new(big.Int).Mul(x, y))
			var theirs decred.ModNScalar
			var dx, dy decred.ModNScalar
			dx.SetByteSlice(x.Bytes())
			dy.SetByteSlice(y.Bytes())
			decredBytes := theirs.Mul2(&dx, &dy).Bytes()
			var ours [Size]byte
			if r.PutBytes(ours[:]); ours != decredBytes {
				t.Errorf("%x · %x is %x, decred's is %x", x, y, ours, decredBytes)
			}
			r = a
			r.Mul(&r, &b)
			check("· in place,", x, y, &r, new(big.Int).Mul(x, y))
			r = b
			r.Add(&a, &r)
			check("+ in place,", x, y, &r, new(big.Int).Add(x, y))
		}
		r = a
		r.Mul(&r, &r)
		check("squared,", x, nil, &r, new(big.Int).Mul(x, x))
	}
}

func TestSetLimbs(t *testing.T) {
	for n := 9; n <= 12; n++ {
		for range 200 {
			limbs, want := make([]uint32, n), new(big.Int)
			for i := n - 1; i >= 0; i-- {
				limbs[i] = [4]uint32{0, 1<<32 - 1, 1<<32 - 1, rand.Uint32()}[rand.IntN(4)]
				want.Lsh(want, 32).Add(want, big.NewInt(int64(limbs[i])))
			}
			var got Element
			var b [Size]byte
			got.SetLimbs(limbs)
			if got.PutBytes(b[:]); want.Mod(want, order).Cmp(new(big.Int).SetBytes(b[:])) != 0 {
				t.Errorf("%x modulo q is %x, want %x", limbs, b, want)
			}
		}
	}
}

func BenchmarkMul(b *testing.B) {
	x, _ := set(new(big.Int).Sub(order, big.NewInt(12345)))
	for b.Loop() {
		x.Mul(&x, &x)
	}
}

func BenchmarkDecred(b *testing.B) {
	var x decred.ModNScalar
	x.SetInt(12345)
	x.Negate()
	for b.Loop() {
		x.Mul(&x)
	}
}
