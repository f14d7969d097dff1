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
