package secp256k1

import (
	"bytes"
	"fmt"
	"math/big"
	"os"
	"strings"
	"testing"
)

// baseSource is the source of base.go: row r has the sums of ±2^(22j + 11r) G. Bit j of an index tells whether a sign is plus, as in
// a Comb; that of the highest power is.
func baseSource() string {
	var b strings.Builder
	b.WriteString(`package secp256k1

// base is the comb of the generator: a table made when a module starts would cost more than a signature. Its test says what belongs
// here.
var base = baseComb{
`)
	for r := range baseRows {
		b.WriteString("\t{\n")
		for index := range baseSize {
			sum := NewIdentity()
			for j := range baseWidth {
				power := NewGenerator()
				for range baseDistance*j + baseSteps*r {
					power.Double(power)
				}
				if j == baseWidth-1 || index>>j&1 == 1 {
					sum.Add(sum, power)
				} else {
					sum.Sub(sum, power)
				}
			}
			a, _ := sum.Affine()
			b.WriteString("\t\t{\n")
			for _, f := range []field{a.x, a.y} {
				words := make([]string, 9)
				for i := range words {
					words[i] = fmt.Sprintf("%#x", f[i])
				}
				fmt.Fprintf(&b, "\t\t\tfield{%s},\n", strings.Join(words, ", "))
			}
			b.WriteString("\t\t},\n")
		}
		b.WriteString("\t},\n")
	}
	b.WriteString("}\n")
	return b.String()
}

func TestBase(t *testing.T) {
	source, err := os.ReadFile("base.go")
	if err != nil || string(source) != baseSource() {
		t.Errorf("base.go is not:\n%s", baseSource())
	}
}

// A comb gives what addition gives, for scalars small, large and in between, and for the identity too.
func TestComb(t *testing.T) {
	p := new(Point).ScalarBaseMult(new(Scalar).SetUint64(12345))
	ofBase := func(r *Point, k *Scalar) *Point { return r.ScalarBaseMult(k) }
	for point, mult := range map[*Point]func(*Point, *Scalar) *Point{
		p: NewComb(p).ScalarMult, NewGenerator(): ofBase, NewIdentity(): NewComb(NewIdentity()).ScalarMult,
	} {
		sum := NewIdentity()
		for k := range uint64(70) {
			if got := mult(new(Point), new(Scalar).SetUint64(k)); got.Equal(sum) != 1 {
				t.Fatalf("%d times %x is %x", k, point.Bytes(), got.Bytes())
			}
			got := mult(new(Point), new(Scalar).Neg(new(Scalar).SetUint64(k)))
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
			if mult(new(Point), k).Equal(double) != 1 {
				t.Fatalf("2^%d times %x", bit, point.Bytes())
			}
		}
	}
}

// Doublings by way of Jacobian coordinates give what the others give, a valid point even if it is the identity.
func TestDoubleTimes(t *testing.T) {
	p := randomPoint(t)
	p.Double(p)
	for name, a := range map[string]*Point{
		"p": p, "G": NewGenerator(), "the identity": NewIdentity(), "p - p": new(Point).Sub(p, p),
	} {
		want := new(Point).Set(a)
		for n := range 30 {
			var got Point
			got.doubleTimes(a, n)
			// (0, 0, 0) equals everything: the sum with something else shows it.
			if got.Equal(want) != 1 || !bytes.Equal(got.Add(&got, p).Bytes(), new(Point).Add(want, p).Bytes()) {
				t.Fatalf("2^%d times %s", n, name)
			}
			got = *a
			if got.doubleTimes(&got, n); !bytes.Equal(got.Bytes(), want.Bytes()) {
				t.Fatalf("2^%d times %s, in place", n, name)
			}
			want.Double(want)
		}
	}
}
