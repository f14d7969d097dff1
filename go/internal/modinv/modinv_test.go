package modinv

import (
	"encoding/hex"
	"math/big"
	"math/rand/v2"
	"testing"
)

// The two primes of secp256k1, and others of 256 bits that have few zeros or few ones.
var primes = []string{
	"fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f",
	"fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141",
	"ffffffff00000001000000000000000000000000ffffffffffffffffffffffff",
	"7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed",
}

// near returns x and its neighbours, and what they leave of m.
func near(m, x *big.Int) (all []*big.Int) {
	for d := int64(-3); d <= 3; d++ {
		y := new(big.Int).Add(x, big.NewInt(d))
		all = append(all, y.Mod(y, m), new(big.Int).Mod(new(big.Int).Neg(y), m))
	}
	return all
}

func TestInvert(t *testing.T) {
	for _, p := range primes {
		b, _ := hex.DecodeString(p)
		modulus, m := NewModulus((*[Size]byte)(b)), new(big.Int).SetBytes(b)
		values := near(m, new(big.Int))
		values = append(values, near(m, new(big.Int).Rsh(m, 1))...)
		for bit := range uint(256) {
			values = append(values, near(m, new(big.Int).Lsh(big.NewInt(1), bit))...)
		}
		for range 2000 {
			var x [Size]byte
			for i := range x { // bytes of zeros, ones and anything
				x[i] = [3]byte{0, 255, byte(rand.Uint32())}[rand.IntN(3)]
			}
			y := new(big.Int).SetBytes(x[:])
			values = append(values, y.Mod(y, m))
		}
		for _, x := range values {
			var got [Size]byte
			x.FillBytes(got[:])
			modulus.Invert(&got)
			want := new(big.Int)
			if x.Sign() != 0 {
				want.ModInverse(x, m)
			}
			if want.Cmp(new(big.Int).SetBytes(got[:])) != 0 {
				t.Fatalf("1/%x modulo %s is %x, want %x", x, p, got, want)
			}
		}
	}
}

// Numbers take no more batches of steps than Invert makes: random ones come nowhere near the bound, so it is tested by itself.
func TestSteps(t *testing.T) {
	if width*batches < 590 {
		t.Errorf("%d steps", width*batches)
	}
	for _, p := range primes {
		b, _ := hex.DecodeString(p)
		modulus := NewModulus((*[Size]byte)(b))
		most := 0
		for range 2000 {
			s := state{f: modulus.m, e: number{1}, zeta: -1}
			var x [Size]byte
			for i := range x {
				x[i] = byte(rand.Uint32())
			}
			x[0] &= 0x3f // below all of the primes
			s.g.setBytes(&x)
			n := 0
			for ; s.g != (number{}); n++ {
				s.steps()
				s.updateCoefficients(&modulus)
				s.updatePair()
			}
			most = max(most, n)
		}
		if most > batches {
			t.Errorf("%s: %d steps", p, width*most)
		}
	}
}

// value is what the limbs of n stand for.
func (n *number) value() *big.Int {
	sum := new(big.Int)
	for i := limbs - 1; i >= 0; i-- {
		sum.Lsh(sum, width).Add(sum, big.NewInt(int64(n[i])))
	}
	return sum
}

func (n *number) setValue(x *big.Int) {
	rest := new(big.Int).Set(x)
	for i := range limbs - 1 {
		low := new(big.Int).And(rest, big.NewInt(mask30)) // as of two's complement
		n[i] = int32(low.Int64())
		rest.Rsh(rest, width)
	}
	n[limbs-1] = int32(rest.Int64())
}

// inRange returns numbers at the ends of what d and e may be, -2m < x < m, and within.
func inRange(m *big.Int) (all []*big.Int) {
	add := func(k, d int64) {
		x := big.NewInt(k)
		all = append(all, x.Mul(x, m).Add(x, big.NewInt(d)))
	}
	add(-2, 1)
	for k := int64(-1); k <= 0; k++ {
		for d := int64(-1); d <= 1; d++ {
			add(k, d)
		}
	}
	add(1, -1)
	half := new(big.Int).Rsh(m, 1)
	return append(all, half, new(big.Int).Neg(half))
}

// Whatever a matrix of steps can be, d and e stay in their range: inverses of random numbers come nowhere near its ends.
func TestUpdateCoefficients(t *testing.T) {
	const one = 1 << width
	rows := [][2]int32{
		{one, 0}, {0, one}, {-one, 0}, {0, -one}, {one / 2, one / 2}, {-one / 2, -one / 2}, {one - 1, 1}, {1 - one, -1}, {-1, one - 1},
	}
	for _, p := range primes[:2] {
		b, _ := hex.DecodeString(p)
		modulus, m := NewModulus((*[Size]byte)(b)), new(big.Int).SetBytes(b)
		check := func(row [2]int32, d, e *big.Int, got *number) {
			t.Helper()
			want := new(big.Int).Mul(big.NewInt(int64(row[0])), d)
			want.Add(want, new(big.Int).Mul(big.NewInt(int64(row[1])), e))
			x := got.value()
			if want.Sub(want, new(big.Int).Lsh(x, width)).Mod(want, m).Sign() != 0 {
				t.Errorf("%d of %x and %x is %x", row, d, e, x)
			}
			if x.Cmp(m) >= 0 || new(big.Int).Neg(x).Cmp(new(big.Int).Lsh(m, 1)) >= 0 {
				t.Errorf("%d of %x and %x is %x, out of range", row, d, e, x)
			}
			for _, limb := range got[:limbs-1] {
				if limb < 0 || limb > mask30 {
					t.Errorf("a limb is %#x", limb)
				}
			}
		}
		for i, row := range rows {
			for _, d := range inRange(m) {
				for _, e := range inRange(m) {
					other := rows[(i+1)%len(rows)]
					s := state{t: [4]int32{row[0], row[1], other[0], other[1]}}
					s.d.setValue(d)
					s.e.setValue(e)
					s.updateCoefficients(&modulus)
					check(row, d, e, &s.d)
					check(other, d, e, &s.e)
				}
			}
		}
		for _, x := range inRange(m) {
			for sign, negative := range map[int64]int32{1: 0, -1: -1} {
				var n number
				n.setValue(x)
				n.normalize(negative, &modulus)
				want := new(big.Int).Mul(x, big.NewInt(sign))
				if want.Mod(want, m).Cmp(n.value()) != 0 {
					t.Errorf("%d times %x modulo m is %x", sign, x, n.value())
				}
			}
		}
	}
}

func FuzzInvert(f *testing.F) {
	f.Add(make([]byte, Size))
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xfc\x2e"))
	b, _ := hex.DecodeString(primes[0])
	modulus, m := NewModulus((*[Size]byte)(b)), new(big.Int).SetBytes(b)
	f.Fuzz(func(t *testing.T, data []byte) {
		x := new(big.Int).SetBytes(data)
		x.Mod(x, m)
		var got [Size]byte
		x.FillBytes(got[:])
		modulus.Invert(&got)
		product := new(big.Int).SetBytes(got[:])
		product.Mul(product, x).Mod(product, m)
		if product.Cmp(big.NewInt(int64(min(x.BitLen(), 1)))) != 0 {
			t.Errorf("1/%x is %x", x, got)
		}
	})
}
