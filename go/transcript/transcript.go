// Package transcript is the one way in which tandem hashes: SHA-256 through expand_message_xmd (RFC 9380, section 5.3.1),
// under the domain separation tag "TANDEM-V1-" + label, of a message that is the concatenation of its parts, each after
// its length as 4 bytes, big endian. So no two different lists of parts, and no two labels, share an input.
//
// A label has at most 11 characters, so that every block of output costs one compression.
package transcript

import (
	"encoding/binary"

	"tandem/go/internal/sha2"
	"tandem/go/secp256k1"
)

const (
	tagPrefix = "TANDEM-V1-"
	maxLabel  = 11
	blockSize = 64
)

// Expand returns n bytes that depend on the label and on all parts. It panics if the label is too long or n is above 8160.
func Expand(label string, n int, parts ...[]byte) []byte {
	out := make([]byte, n)
	expand(out, label, parts)
	return out
}

func expand(dst []byte, label string, parts [][]byte) {
	p := NewPrefix(label)
	p.Expand(dst, parts...)
	p.Clear()
}

// Hash returns the 32 bytes that Expand gives.
func Hash(label string, parts ...[]byte) (hash [32]byte) {
	expand(hash[:], label, parts)
	return hash
}

// Scalar hashes to a scalar: 48 bytes of output modulo q.
func Scalar(label string, parts ...[]byte) *secp256k1.Scalar {
	var uniform [secp256k1.UniformSize]byte
	defer clear(uniform[:])
	expand(uniform[:], label, parts)
	return new(secp256k1.Scalar).SetUniformBytes(uniform[:])
}

// Point hashes to a point other than the identity: hash_to_curve of RFC 9380 with the suite
// secp256k1_XMD:SHA-256_SSWU_RO_, under our tag.
func Point(label string, parts ...[]byte) (*secp256k1.Point, error) {
	var p [1]secp256k1.Affine
	if err := secp256k1.MapToCurveBatch(p[:], Expand(label, 2*secp256k1.UniformSize, parts...)); err != nil {
		return nil, err
	}
	return p[0].Point(), nil
}

// U32 returns i as 4 bytes, big endian: how indices and counts enter a transcript.
func U32(i int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(i)) }

// Prefix is the state of a transcript after its label and constant first parts. Expanding it hashes the other parts alone,
// and allocates nothing.
type Prefix struct {
	start sha2.State256 // after the zero block and the constant parts
	hash  sha2.State256
	tag   []byte          // DST_prime
	block [blockSize]byte // scratch
	b0    [32]byte
	bi    [32]byte
}

// NewPrefix returns the state after label and constant. It panics if the label is too long.
func NewPrefix(label string, constant ...[]byte) *Prefix {
	if len(label) > maxLabel {
		panic("transcript: label too long")
	}
	p := new(Prefix)
	p.tag = append(append(p.tag, tagPrefix...), label...)
	p.tag = append(p.tag, byte(len(p.tag)))
	p.hash.Clear()
	p.hash.Write(p.block[:])
	p.write(constant)
	p.start = p.hash
	return p
}

func (p *Prefix) write(parts [][]byte) {
	for _, part := range parts {
		binary.BigEndian.PutUint32(p.block[:], uint32(len(part)))
		p.hash.Write(p.block[:4])
		p.hash.Write(part)
	}
}

// Expand fills dst with what [Expand] returns for the label, the constant parts and these parts. It panics if dst is longer
// than 8160 bytes.
func (p *Prefix) Expand(dst []byte, parts ...[]byte) {
	if len(dst) > 255*len(p.bi) {
		panic("transcript: output too long")
	}
	p.hash = p.start
	p.write(parts)
	binary.BigEndian.PutUint16(p.block[:], uint16(len(dst)))
	p.block[2] = 0
	p.hash.Write(p.block[:3])
	p.hash.Write(p.tag)
	p.hash.Sum(p.b0[:])
	clear(p.bi[:])
	n := copy(p.block[33:], p.tag) + 33
	for i := 1; len(dst) > 0; i++ {
		for j := range p.bi {
			p.block[j] = p.b0[j] ^ p.bi[j]
		}
		p.block[32] = byte(i)
		p.hash.Write(p.block[:n])
		p.hash.Sum(p.bi[:])
		dst = dst[copy(dst, p.bi[:]):]
	}
}

// Clear forgets the parts, and what the last expansion left behind. The prefix cannot be used any more.
func (p *Prefix) Clear() { *p = Prefix{} }
