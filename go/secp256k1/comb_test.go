package secp256k1

import (
	"fmt"
	"math/big"
	"os"
	"strings"
	"testing"
)

// baseSource is the source of base.go.
func baseSource() string {
	var b strings.Builder
	b.WriteString(`package secp256k1

// baseComb is NewComb(NewGenerator()): a table made when a module starts would cost more than a signature. Its test says what belongs
// here.
var baseComb = Comb{
`)
	for _, p := range NewComb(NewGenerator()) {
		a, _ := p.Affine()
		b.WriteString("\t{\n")
		for _, f := range []field{a.x, a.y, fieldOne} {
			words := make([]string, 9)
			for i := range words {
				words[i] = fmt.Sprintf("%#x", f[i])
			}
			if f == fieldOne {
				words = words[:1]
			}
			fmt.Fprintf(&b, "\t\tfield{%s},\n", strings.Join(words, ", "))
		}
		b.WriteString("\t},\n")
	}
	b.WriteString("}\n")
	return b.String()
}

func TestBaseComb(t *testing.T) {
	source, err := os.ReadFile("base.go")
	if err != nil || string(source) != baseSource() {
		t.Errorf("base.go is not:\n%s", baseSource())
	}
}

// A comb gives what addition gives, for scalars small, large and in between, and for the identity too.
func TestComb(t *testing.T) {
	p := new(Point).ScalarBaseMult(new(Scalar).SetUint64(12345))
	combs := map[*Point]*Comb{p: NewComb(p), NewGenerator(): &baseComb, NewIdentity(): NewComb(NewIdentity())}
	for point, comb := range combs {
		sum := NewIdentity()
		for k := range uint64(70) {
			if got := comb.ScalarMult(new(Point), new(Scalar).SetUint64(k)); got.Equal(sum) != 1 {
				t.Fatalf("%d times %x is %x", k, point.Bytes(), got.Bytes())
			}
			got := comb.ScalarMult(new(Point), new(Scalar).Neg(new(Scalar).SetUint64(k)))
			if got.Negate(got).Equal(sum) != 1 {
				t.Fatalf("-%d times %x", k, point.Bytes())
			}
			sum.Add(sum, point)
		}
		for bit := range 256 {
			k, err := new(Scalar).SetBytes(new(big.Int).Lsh(big.NewInt(1), uint(bit)).FillBytes(make([]byte, 32)))
			if err != nil {
				t.Fatal(err)
			}
			double := new(Point).Set(point)
			for range bit {
				double.Double(double)
			}
			if comb.ScalarMult(new(Point), k).Equal(double) != 1 {
				t.Fatalf("2^%d times %x", bit, point.Bytes())
			}
		}
	}
}
