// Package plain has what the protocols compute with, once more and as plainly as possible: scalars are big.Ints, hashing is
// written from RFC 9380. The references that tests compare the real code with are written in it. Points, and the streams
// that randomness is drawn from, are the project's own, which have tests of their own.
package plain

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"math/big"

	"github.com/fxamacker/cbor/v2"

	"tandem/go/secp256k1"
	"tandem/go/transcript"
)

var order, _ = new(big.Int).SetString("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141", 16)

// Mod returns x modulo the order of the group.
func Mod(x *big.Int) *big.Int { return new(big.Int).Mod(x, order) }

// Add returns the sum of all xs.
func Add(xs ...*big.Int) *big.Int {
	sum := new(big.Int)
	for _, x := range xs {
		sum.Add(sum, x)
	}
	return Mod(sum)
}

// Sub returns x - y.
func Sub(x, y *big.Int) *big.Int { return Mod(new(big.Int).Sub(x, y)) }

// Mul returns x · y.
func Mul(x, y *big.Int) *big.Int { return Mod(new(big.Int).Mul(x, y)) }

// Inverse returns 1/x.
func Inverse(x *big.Int) *big.Int { return new(big.Int).ModInverse(x, order) }

// Number returns big-endian bytes as a number.
func Number(b []byte) *big.Int { return new(big.Int).SetBytes(b) }

// Uniform returns big-endian bytes, of any length, modulo the order.
func Uniform(b []byte) *big.Int { return Mod(Number(b)) }

// Encode returns the 32 bytes of a scalar.
func Encode(x *big.Int) []byte { return x.FillBytes(make([]byte, 32)) }

// U32 returns the 4 bytes of i.
func U32(i int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(i)) }

// Join returns the parts, one after the other.
func Join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// Bit returns bit i of packed bits, the lowest of each byte first.
func Bit(packed []byte, i int) int { return int(packed[i/8]>>(i%8)) & 1 }

// Expand is expand_message_xmd of RFC 9380, section 5.3.1, over the parts, each after its length.
func Expand(label string, n int, parts ...[]byte) []byte {
	tag := "TANDEM-V1-" + label
	dst := append([]byte(tag), byte(len(tag)))
	message := make([]byte, 64)
	for _, part := range parts {
		message = append(message, U32(len(part))...)
		message = append(message, part...)
	}
	message = append(message, byte(n>>8), byte(n), 0)
	b0 := sha256.Sum256(append(message, dst...))
	var out []byte
	var last [32]byte
	for i := 1; len(out) < n; i++ {
		for j := range last {
			last[j] ^= b0[j]
		}
		last = sha256.Sum256(Join(last[:], []byte{byte(i)}, dst))
		out = append(out, last[:]...)
	}
	return out[:n]
}

// Hash returns 32 bytes over the parts.
func Hash(label string, parts ...[]byte) []byte { return Expand(label, 32, parts...) }

// HashScalar returns a scalar over the parts.
func HashScalar(label string, parts ...[]byte) *big.Int { return Uniform(Expand(label, 48, parts...)) }

// Point is a point of the project's group.
type Point = *secp256k1.Point

// G is the generator.
var G = secp256k1.NewGenerator()

// Times returns x·p.
func Times(x *big.Int, p Point) Point {
	k, err := new(secp256k1.Scalar).SetBytes(Encode(x))
	if err != nil {
		panic(err)
	}
	return new(secp256k1.Point).ScalarMult(k, p)
}

// Map returns the point that hash_to_curve of RFC 9380 maps 96 uniform bytes to.
func Map(uniform []byte) Point {
	var p [1]secp256k1.Affine
	if err := secp256k1.MapToCurveBatch(p[:], uniform); err != nil {
		panic(err)
	}
	return p[0].Point()
}

// Plus returns p + q.
func Plus(p, q Point) Point { return new(secp256k1.Point).Add(p, q) }

// Minus returns p - q.
func Minus(p, q Point) Point { return new(secp256k1.Point).Sub(p, q) }

// X returns the x-coordinate of p modulo the order.
func X(p Point) *big.Int { return Uniform(p.Uncompressed()[1:33]) }

// Draws is a stream of randomness.
type Draws struct{ Stream io.Reader }

// DrawFrom returns the stream of a seed.
func DrawFrom(seed []byte, label string) Draws {
	return Draws{transcript.StreamFromSeed(seed, label)}
}

// Bytes returns the next n bytes.
func (d Draws) Bytes(n int) []byte {
	b := make([]byte, n)
	if _, err := io.ReadFull(d.Stream, b); err != nil {
		panic(err)
	}
	return b
}

// Scalar returns the next scalar.
func (d Draws) Scalar() *big.Int { return Uniform(d.Bytes(48)) }

// Message returns the deterministic encoding of a message with these fields.
func Message(fields map[int]any) []byte {
	mode, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		panic(err)
	}
	data, err := mode.Marshal(fields)
	if err != nil {
		panic(err)
	}
	return data
}
