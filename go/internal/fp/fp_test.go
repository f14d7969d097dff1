package fp

import (
	"bytes"
	"math/big"
	"math/rand/v2"
	"testing"

	secp "github.com/decred/dcrd/dcrec/secp256k1/v4"
)

var prime = secp.S256().P

// value is what the limbs of a stand for, modulo p.
func value(a *Element) *big.Int {
	n := new(big.Int)
	for i := 8; i >= 0; i-- {
		n.Lsh(n, 29).Add(n, big.NewInt(int64(a[i])))
	}
	return n.Mod(n, prime)
}

func fromBig(n *big.Int) (a Element) {
	a.SetBytes((*[Size]byte)(n.FillBytes(make([]byte, Size))))
	return a
}

// weakExcess is what a limb of a weak value may have above its width.
const weakExcess = 1 << 17

func isWeak(a *Element) bool {
	for i := range 8 {
		if a[i] > mask29+weakExcess {
			return false
		}
	}
	return a[8] <= mask24+weakExcess && a[9] == 0
}

// weakValues are those at which carries and reductions turn, the largest weak one and random ones.
func weakValues() []Element {
	var out []Element
	for _, base := range []*big.Int{new(big.Int), prime, new(big.Int).Lsh(big.NewInt(1), 256)} {
		for d := int64(-3); d <= 3; d++ {
			n := new(big.Int).Add(base, big.NewInt(d))
			if n.Sign() >= 0 && n.BitLen() <= 256 {
				out = append(out, fromBig(n))
			}
		}
	}
	for shift := uint(28); shift < 256; shift += 29 {
		n := new(big.Int).Lsh(big.NewInt(1), shift)
		out = append(out, fromBig(n), fromBig(new(big.Int).Lsh(n, 1)), fromBig(n.Sub(n, big.NewInt(1))))
	}
	var largest Element
	for i := range 9 {
		largest[i] = mask29 + weakExcess
	}
	largest[8] = mask24 + weakExcess
	out = append(out, largest)
	for range 20 {
		a := largest
		for i := range 9 {
			a[i] = rand.Uint32N(a[i] + 1)
		}
		out = append(out, a)
	}
	return out
}

// lazy returns the sum of three weak values, which is as large as a lazy one gets.
func lazy(a, b *Element) (r Element) {
	for i := range r {
		r[i] = a[i] + 2*b[i]
	}
	return r
}

func TestArithmetic(t *testing.T) {
	values := weakValues()
	mod := func(n *big.Int) *big.Int { return n.Mod(n, prime) }
	for i := range values {
		for j := range values {
			a, b, c := &values[i], &values[j], &values[(i+j)%len(values)]
			x, y, z := value(a), value(b), value(c)
			l := lazy(a, b)
			for _, test := range []struct {
				name string
				op   func(r *Element)
				want *big.Int
			}{
				{"Mul", func(r *Element) { r.Mul(a, b) }, new(big.Int).Mul(x, y)},
				{"Mul of a lazy one", func(r *Element) { r.Mul(&l, c) }, new(big.Int).Mul(value(&l), z)},
				{"Mul by a lazy one", func(r *Element) { r.Mul(c, &l) }, new(big.Int).Mul(value(&l), z)},
				{"Mul in place", func(r *Element) { *r = *a; r.Mul(r, r) }, new(big.Int).Mul(x, x)},
				{"Square", func(r *Element) { r.Square(a) }, new(big.Int).Mul(x, x)},
				{"SquareTimes", func(r *Element) { *r = *a; r.SquareTimes(r, 5) }, new(big.Int).Exp(x, big.NewInt(32), prime)},
				{"Add", func(r *Element) { r.Add(a, b) }, new(big.Int).Add(x, y)},
				{"SubWeak", func(r *Element) { r.SubWeak(a, b) }, new(big.Int).Sub(x, y)},
				{"SubSub", func(r *Element) { r.SubSub(a, b, c) }, new(big.Int).Sub(new(big.Int).Sub(x, y), z)},
				{"Negate", func(r *Element) { r.Negate(a) }, new(big.Int).Neg(x)},
				{"MulInt", func(r *Element) { r.MulInt(a, 32) }, new(big.Int).Lsh(x, 5)},
				{"AddInt", func(r *Element) { r.Mul(a, b); r.AddInt(1<<16 - 1) }, new(big.Int).Add(new(big.Int).Mul(x, y), big.NewInt(1<<16-1))},
				{"Select 1", func(r *Element) { r.Select(a, b, ^uint64(0)) }, x},
				{"Select 0", func(r *Element) { r.Select(a, b, 0) }, y},
				{"CondNegate 1", func(r *Element) { *r = *a; r.CondNegate(^uint64(0)) }, new(big.Int).Neg(x)},
				{"CondNegate 0", func(r *Element) { *r = *a; r.CondNegate(0) }, x},
			} {
				var r Element
				test.op(&r)
				if want := mod(new(big.Int).Set(test.want)); value(&r).Cmp(want) != 0 || !isWeak(&r) {
					t.Fatalf("%s(%v, %v, %v) = %v, want %x", test.name, *a, *b, *c, r, want)
				}
			}
			// A lazy limb has three times the room of a weak one.
			for name, op := range map[string]struct {
				r    func(r *Element)
				want *big.Int
			}{
				"Sub":    {func(r *Element) { r.Sub(a, b) }, new(big.Int).Sub(x, y)},
				"Double": {func(r *Element) { r.Double(a) }, new(big.Int).Lsh(x, 1)},
				"Triple": {func(r *Element) { r.Triple(a) }, new(big.Int).Mul(x, big.NewInt(3))},
			} {
				var r Element
				op.r(&r)
				for i, limb := range r[:8] {
					if limb > 3*(mask29+weakExcess) {
						t.Fatalf("%s: limb %d is %#x", name, i, limb)
					}
				}
				if value(&r).Cmp(mod(op.want)) != 0 || r[8] > 3*(mask24+weakExcess) {
					t.Fatalf("%s(%v, %v) = %v", name, *a, *b, r)
				}
			}
			if (a.Equal(b) != 0) != (x.Cmp(y) == 0) {
				t.Fatalf("%v = %v", *a, *b)
			}
			if l.Normalize(); value(&l).Cmp(mod(new(big.Int).Add(x, new(big.Int).Lsh(y, 1)))) != 0 || l.aboveP() != 0 {
				t.Fatalf("a normalised lazy value is %v", l)
			}
		}
	}
}

func TestPowers(t *testing.T) {
	half := new(big.Int).Rsh(new(big.Int).Add(prime, big.NewInt(1)), 2)
	for _, a := range weakValues() {
		x := value(&a)
		inverse := new(big.Int).ModInverse(x, prime)
		if inverse == nil {
			inverse = new(big.Int)
		}
		var r Element
		if r.Invert(&a); value(&r).Cmp(inverse) != 0 {
			t.Fatalf("1/%x = %x", x, value(&r))
		}
		if r.Sqrt(&a); value(&r).Cmp(new(big.Int).Exp(x, half, prime)) != 0 {
			t.Fatalf("sqrt(%x) = %x", x, value(&r))
		}
	}
}

func TestEncoding(t *testing.T) {
	for _, a := range weakValues() {
		x := value(&a)
		a.Normalize()
		var b [Size]byte
		a.PutBytes(b[:])
		if !bytes.Equal(b[:], x.FillBytes(make([]byte, Size))) {
			t.Fatalf("%x is encoded as %x", x, b)
		}
		var again Element
		if !again.SetBytes(&b) || again != a {
			t.Fatalf("%x decodes to %v", b, again)
		}
		if (a.IsZero() != 0) != (x.Sign() == 0) || uint(a.IsOdd()) != x.Bit(0) {
			t.Fatalf("%x: zero %x, odd %d", x, a.IsZero(), a.IsOdd())
		}
		if (a.IsOne() != 0) != (x.IsInt64() && x.Int64() == 1) {
			t.Fatalf("%x: one %x", x, a.IsOne())
		}
	}
}

// FuzzField has decred's field, of ten limbs, as its oracle.
func FuzzField(f *testing.F) {
	f.Add(prime.Bytes(), prime.Bytes())
	f.Add(new(big.Int).Sub(prime, big.NewInt(1)).Bytes(), bytes.Repeat([]byte{255}, Size))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		if len(a) != Size || len(b) != Size {
			return
		}
		var x, y Element
		var u, v secp.FieldVal
		if x.SetBytes((*[Size]byte)(a)) == u.SetByteSlice(a) || y.SetBytes((*[Size]byte)(b)) == v.SetByteSlice(b) {
			t.Fatalf("%x, %x: decred finds otherwise what is below p", a, b)
		}
		x.Mul(&x, &y)
		x.SubWeak(&x, &y)
		x.Square(&x)
		x.Invert(&x)
		x.Normalize()
		var got [Size]byte
		x.PutBytes(got[:])
		u.Mul(&v).Add(v.Negate(1)).Square().Inverse().Normalize()
		if *u.Bytes() != got {
			t.Fatalf("%x, %x: %x, decred has %x", a, b, got, *u.Bytes())
		}
	})
}
