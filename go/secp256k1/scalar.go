package secp256k1

import (
	"encoding/binary"
	"errors"
	"io"
	"math/bits"

	"tandem/go/internal/fq"
	"tandem/go/internal/random"
)

// ScalarSize is the length of an encoded scalar in bytes.
const ScalarSize = 32

// UniformSize is the number of uniform bytes that are reduced to one scalar or field element, so that its distance from
// uniform is below 2^-128 (RFC 9380, section 5).
const UniformSize = 48

// ErrScalar is returned for an encoding that is not 32 bytes or not below the group order.
var ErrScalar = errors.New("secp256k1: not a canonical scalar")

// ErrRandom is returned when a random source fails or gives zeros.
var ErrRandom = errors.New("secp256k1: the random source failed")

// Scalar is an integer modulo q, the order of the group. Its zero value is 0. All methods run in constant time, and their
// receivers may be among their arguments.
type Scalar struct{ n fq.Element }

// scalarHalf is 1/2.
var scalarHalf = mustScalar("7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a1")

func mustScalar(s string) Scalar {
	b := mustHex(s)
	var r Scalar
	if _, err := r.SetBytes(b[:]); err != nil {
		panic("secp256k1: bad constant")
	}
	return r
}

// Set sets s = a.
func (s *Scalar) Set(a *Scalar) *Scalar {
	*s = *a
	return s
}

// SetUint64 sets s = v.
func (s *Scalar) SetUint64(v uint64) *Scalar {
	var b [32]byte
	for i := range 8 {
		b[31-i] = byte(v >> (8 * i))
	}
	s.n.SetBytes(&b)
	return s
}

// SetBytes sets s to the value of 32 bytes, big endian. It returns [ErrScalar], and leaves s as it was, if b is not the
// canonical encoding of a scalar. Whether b is canonical may show in timing.
func (s *Scalar) SetBytes(b []byte) (*Scalar, error) {
	if len(b) != ScalarSize {
		return nil, ErrScalar
	}
	var n fq.Element
	if n.SetBytes((*[32]byte)(b)) != 0 {
		return nil, ErrScalar
	}
	s.n = n
	n = fq.Element{}
	return s, nil
}

// SetDigest sets s to the value of 32 bytes, big endian, reduced modulo q, as ECDSA does with a digest. It panics if b is
// not 32 bytes long.
func (s *Scalar) SetDigest(b []byte) *Scalar {
	s.n.SetBytes((*[32]byte)(b))
	return s
}

// SetUniformBytes sets s to the value of 48 bytes, big endian, reduced modulo q. It panics if b has another length.
func (s *Scalar) SetUniformBytes(b []byte) *Scalar {
	if len(b) != UniformSize {
		panic("secp256k1: SetUniformBytes wants 48 bytes")
	}
	var limbs [UniformSize / 4]uint32
	for i := range limbs {
		limbs[i] = binary.BigEndian.Uint32(b[UniformSize-4*(i+1):])
	}
	s.n.SetLimbs(limbs[:])
	clear(limbs[:])
	return s
}

// SetLimbs sets s to a number of 9 to 12 limbs of 32 bits, least significant first, modulo q.
func (s *Scalar) SetLimbs(limbs []uint32) *Scalar {
	s.n.SetLimbs(limbs)
	return s
}

// RandomScalar returns a uniform scalar other than 0 from 48 bytes of rand, or [ErrRandom].
func RandomScalar(rand io.Reader) (*Scalar, error) {
	var b [UniformSize]byte
	if err := random.Fill(rand, b[:]); err != nil {
		return nil, ErrRandom
	}
	s := new(Scalar).SetUniformBytes(b[:])
	clear(b[:])
	if s.IsZero() == 1 {
		return nil, ErrRandom
	}
	return s, nil
}

// Bytes returns the 32-byte big-endian encoding of s.
func (s *Scalar) Bytes() []byte {
	b := make([]byte, ScalarSize)
	s.n.PutBytes(b)
	return b
}

// PutBytes writes the 32-byte big-endian encoding of s to dst.
func (s *Scalar) PutBytes(dst []byte) { s.n.PutBytes(dst[:ScalarSize]) }

// Add sets s = a + b.
func (s *Scalar) Add(a, b *Scalar) *Scalar {
	s.n.Add(&a.n, &b.n)
	return s
}

// Sub sets s = a - b.
func (s *Scalar) Sub(a, b *Scalar) *Scalar {
	var t fq.Element
	t.Neg(&b.n)
	s.n.Add(&a.n, &t)
	t = fq.Element{}
	return s
}

// Neg sets s = -a.
func (s *Scalar) Neg(a *Scalar) *Scalar {
	s.n.Neg(&a.n)
	return s
}

// Mul sets s = a*b.
func (s *Scalar) Mul(a, b *Scalar) *Scalar {
	s.n.Mul(&a.n, &b.n)
	return s
}

// MulAdd sets s = a*b + c.
func (s *Scalar) MulAdd(a, b, c *Scalar) *Scalar {
	var t fq.Element
	t.Mul(&a.n, &b.n)
	s.n.Add(&c.n, &t)
	t = fq.Element{}
	return s
}

// Invert sets s = 1/a, or 0 if a is 0.
func (s *Scalar) Invert(a *Scalar) *Scalar {
	s.n.Invert(&a.n)
	return s
}

// Select sets s = a if cond is 1, s = b if it is 0.
func (s *Scalar) Select(a, b *Scalar, cond int) *Scalar {
	mask := -uint32(cond)
	x, y, z := s.limbs(), a.limbs(), b.limbs()
	for i := range x {
		x[i] = z[i] ^ (mask & (y[i] ^ z[i]))
	}
	return s
}

// limbs gives access to the eight 32-bit limbs, least significant first.
func (s *Scalar) limbs() *[8]uint32 { return (*[8]uint32)(&s.n) }

// IsZero returns 1 if s is 0, and 0 otherwise.
func (s *Scalar) IsZero() int { return int(s.n.IsZero()) }

// Equal returns 1 if s = a, and 0 otherwise.
func (s *Scalar) Equal(a *Scalar) int {
	var t Scalar
	return t.Sub(s, a).IsZero()
}

// IsHigh returns 1 if s is above q/2, and 0 otherwise.
func (s *Scalar) IsHigh() int {
	// Twice it, less q, is odd.
	var t Scalar
	t.Add(s, s)
	return int(t.n[0] & 1)
}

// Clear sets s = 0.
func (s *Scalar) Clear() { s.n = fq.Element{} }

// The endomorphism (x, y) -> (beta x, y) multiplies by lambda. split decomposes scalars as in "Guide to
// Elliptic Curve Cryptography", section 3.5, with the rounded divisions as products by precomputed g1 and g2.
var (
	lambda     = mustScalar("5363ad4cc05c30e0a5261c028812645a122e22ea20816678df02967c1b23bd72")
	minusB1    = mustScalar("00000000000000000000000000000000e4437ed6010e88286f547fa90abfe4c3")
	minusB2    = mustScalar("fffffffffffffffffffffffffffffffe8a280ac50774346dd765cda83db1562c")
	two128     = mustScalar("0000000000000000000000000000000100000000000000000000000000000000")
	glvG1      = mustScalar("3086d221a7d46bcde86c90e49284eb153daa8a1471e8ca7fe893209a45dbb031")
	glvG2      = mustScalar("e4437ed6010e88286f547fa90abfe4c4221208ac9df506c61571b4ae8ac47f71")
	glvOffset  = mustScalar("a4e88a7dcb13034ec2bdd6bf7c118d6b589ae84826ba29e4b5c2c1dcde9798d9")
	combOffset = mustScalar("00000000000000000000000000000014551231950b75fc4402da1732fc9bebef")
)

// A digit stands for an odd number: the index of its absolute value in a table of 1, 3, 5, ... times a point, and a mask of
// all ones if it is negative.
type digit struct {
	index    uint32
	negative uint64
}

// makeDigit reads w bits as the sum of 2^i for a one and -2^i for a zero.
func makeDigit(b uint32, w int) digit {
	negative := b>>(w-1) - 1 // all ones if the top bit is zero
	return digit{index: (b ^ negative) & (1<<(w-1) - 1), negative: uint64(int64(int32(negative)))}
}

// Windows of two bits of both halves of a scalar balance the multiples that each point of a batch needs against the
// additions they save; a table that serves a whole batch has windows of five.
const (
	glvWindow  = 2
	glvDigits  = 65
	combWindow = 5
	combDigits = 52
)

// split sets u and v to what the digits are read from of k = sum 4^i (u_i + lambda v_i), all of them odd, so that no
// partial sum of a multiplication is ever the identity. With s = (k + glvOffset)/2 = s1 + lambda s2, where glvOffset is
// (2^130 - 2^129 - 1)(1 + lambda) and |s1|, |s2| < 2^128, the 130 bits of u = s1 + 2^128 and of v = s2 + 2^128, read as signs,
// have this sum.
func (k *Scalar) split(u, v *Scalar) {
	var s, t Scalar
	s.Add(k, &glvOffset)
	s.Mul(&s, &scalarHalf)
	v.Mul(mulShift384(&t, &s, &glvG1), &minusB1)
	u.Mul(mulShift384(&t, &s, &glvG2), &minusB2)
	v.Add(v, u)
	u.Mul(v, &lambda)
	u.Sub(&s, u)
	u.Add(u, &two128)
	v.Add(v, &two128)
	s.Clear()
	t.Clear()
}

// comb sets u to what the digits are read from of k = sum 32^i u_i, all of them odd: u = (k + combOffset)/2 mod q, with
// 2^260 - 1 for the offset, whose 260 bits, read as signs, have this sum.
func (u *Scalar) comb(k *Scalar) {
	u.Add(k, &combOffset)
	u.Mul(u, &scalarHalf)
}

// pair returns what digits i of u and v, which split has set, stand for together: an index of [multiples] and a sign.
func pair(u, v *Scalar, i int) digit {
	d := u.digit(i, glvWindow)
	b := v.window(i, glvWindow) ^ uint32(d.negative)&(1<<glvWindow-1)
	d.index = d.index<<glvWindow | b
	return d
}

// digit reads digit i, of w bits, of a scalar that split or comb has set.
func (s *Scalar) digit(i, w int) digit { return makeDigit(s.window(i, w), w) }

// window returns bits i*w to i*w+w-1 of s.
func (s *Scalar) window(i, w int) uint32 {
	n, bit := s.limbs(), i*w
	b := uint64(n[bit/32])
	if bit/32 < 7 {
		b |= uint64(n[bit/32+1]) << 32
	}
	return uint32(b>>(bit%32)) & (1<<w - 1)
}

// mulShift384 sets r = a*b / 2^384, rounded, on integers.
func mulShift384(r, a, b *Scalar) *Scalar {
	var x, y [4]uint64
	for i := range 4 {
		x[i] = uint64(a.limbs()[2*i]) | uint64(a.limbs()[2*i+1])<<32
		y[i] = uint64(b.limbs()[2*i]) | uint64(b.limbs()[2*i+1])<<32
	}
	var z [8]uint64
	for i := range 4 {
		var carry uint64
		for j := range 4 {
			hi, lo := bits.Mul64(x[i], y[j])
			var c uint64
			lo, c = bits.Add64(lo, z[i+j], 0)
			hi += c
			lo, c = bits.Add64(lo, carry, 0)
			hi += c
			z[i+j], carry = lo, hi
		}
		z[i+4] = carry
	}
	lo, c := bits.Add64(z[6], z[5]>>63, 0)
	hi := z[7] + c
	r.Clear()
	n := r.limbs()
	n[0], n[1], n[2], n[3] = uint32(lo), uint32(lo>>32), uint32(hi), uint32(hi>>32)
	return r
}
