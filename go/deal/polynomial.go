package deal

import (
	"tandem/go/secp256k1"
	"tandem/go/wire"
)

// polynomial is f(x) = f[0] + f[1]·x + … over the scalars, a secret.
type polynomial []*secp256k1.Scalar

// at returns f(i).
func (f polynomial) at(i int) *secp256k1.Scalar {
	x, y := scalar(i), new(secp256k1.Scalar)
	for m := len(f) - 1; m >= 0; m-- {
		y.MulAdd(y, x, f[m])
	}
	return y
}

// feldman returns F = f·G.
func (f polynomial) feldman() feldman {
	F := make(feldman, len(f))
	for m := range f {
		F[m] = new(secp256k1.Point).ScalarBaseMult(f[m])
	}
	return F
}

func (f polynomial) clear() {
	for _, a := range f {
		a.Clear()
	}
}

// feldman is a polynomial in the exponent, F(x) = F[0] + x·F[1] + …: Feldman's commitment to the f with F = f·G.
type feldman []*secp256k1.Point

func newFeldman(threshold int) feldman {
	F := make(feldman, threshold)
	for m := range F {
		F[m] = secp256k1.NewIdentity()
	}
	return F
}

// add adds other, of the same degree, to F.
func (F feldman) add(other feldman) {
	for m := range F {
		F[m].Add(F[m], other[m])
	}
}

// at returns F(i).
func (F feldman) at(i int) *secp256k1.Point {
	y := secp256k1.NewIdentity()
	for m := len(F) - 1; m >= 0; m-- {
		y.Add(y.ScalarMultVarTime(scalar(i), y), F[m])
	}
	return y
}

// encode returns the points of F.
func (F feldman) encode() []point {
	points := make([]point, len(F))
	for m := range F {
		points[m] = point(F[m].Bytes())
	}
	return points
}

func decodePoints(points []point) (feldman, error) {
	F := make(feldman, len(points))
	for m := range points {
		p, err := new(secp256k1.Point).SetBytes(points[m][:])
		if err != nil {
			return nil, wire.Errorf(wire.CodeInput, "not a point of the curve")
		}
		F[m] = p
	}
	return F, nil
}

// scalar returns n, which may be negative, modulo q.
func scalar(n int) *secp256k1.Scalar {
	if n < 0 {
		return new(secp256k1.Scalar).Neg(scalar(-n))
	}
	return new(secp256k1.Scalar).SetUint64(uint64(n))
}

// Lagrange returns the coefficient λ_i = Π j / (j − i), over the j ≠ i in set, that party i of a set of signers weights
// its share with: f(0) = Σ λ_i·f(i) for any f of degree below len(set). The order of set does not matter. It is an
// error of code input if an index is out of 1..255 or is there twice, or if i is not in set.
func Lagrange(set []int, i int) (*secp256k1.Scalar, error) {
	var seen [MaxIndex + 1]bool
	for _, j := range set {
		if j < 1 || j > MaxIndex || seen[j] {
			return nil, wire.Errorf(wire.CodeInput, "not a set of party indices")
		}
		seen[j] = true
	}
	if i < 1 || i > MaxIndex || !seen[i] {
		return nil, wire.Errorf(wire.CodeInput, "party %d is not in the set", i)
	}
	return lagrange(set, i, 0), nil
}

// lagrange returns λ_i with f(x) = Σ λ_i·f(i) over the i in set: λ_i = Π (x − j) / (i − j).
func lagrange(set []int, i, x int) *secp256k1.Scalar {
	numerator, denominator := scalar(1), scalar(1)
	for _, j := range set {
		if j != i {
			numerator.Mul(numerator, scalar(x-j))
			denominator.Mul(denominator, scalar(i-j))
		}
	}
	return numerator.Mul(numerator, denominator.Invert(denominator))
}

// interpolates reports, as 1 or 0, whether F(x) = y for the F of degree below len(set) that takes the given values at the
// indices of set. All of it is public. It compares multiples of both sides, by Π d_i with d_i = Π (i − j), so that there is
// nothing to divide by, and the factors are small if the set is.
func interpolates(set []int, values []*secp256k1.Point, x int, y *secp256k1.Point) int {
	product := scalar(1) // of the d_i so far
	sum := secp256k1.NewIdentity()
	for k, i := range set {
		n, d := scalar(1), scalar(1)
		for _, j := range set {
			if j != i {
				n.Mul(n, scalar(x-j))
				d.Mul(d, scalar(i-j))
			}
		}
		sum.ScalarMultVarTime(d, sum)
		sum.Add(sum, new(secp256k1.Point).ScalarMultVarTime(n.Mul(n, product), values[k]))
		product.Mul(product, d)
	}
	return sum.Equal(new(secp256k1.Point).ScalarMultVarTime(product, y))
}
