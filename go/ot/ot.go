// Package ot is a batch of one-out-of-two oblivious transfers in two messages: the endemic OT of Masny and Rindal
// (ePrint 2019/706), in the batch treatment of McQuoid, Rosulek and Roy (ePrint 2021/682), with random keys for the
// sender's two messages. No base transfers, no extension, no state between batches.
//
// The instances i = 0..n-1 of a batch belong to one session id, sid, and share the sender's point B. G is the generator,
// b a bit, and
//
//	H_b(r) = hash_to_curve("OT-POINT", sid, U32(i), b, r)
//
// the hash of transcript.Point of the 33-byte encoding of r, with b as one byte.
//
//   - Receiver, with the choice bit c: x ← Z_q; r_{1-c} is a random point, what hash_to_curve maps 96 random bytes to;
//     r_c = x·G - H_c(r_{1-c}). It sends all (r_0, r_1) as one byte string, see [MessageSize].
//   - Sender: T = Hash("OT-REQUEST", sid, message); y ← Z_q, once; B = y·G; P_b = r_b + H_b(r_{1-b}), never the identity;
//     key_b = KDF(i, b, y·P_b), of any length, where
//     KDF(i, b, K) = Expand("OT-KEY", length, sid, T, B, U32(i), b, K). It sends B.
//   - Receiver: key_c = KDF(i, c, x·B).
//
// The index and T in the KDF make it safe to use one B for all instances. Nothing that the receiver does depends on the
// choice bits in time or in memory access.
//
// The order in which randomness is drawn is part of the definition, because sessions make theirs again from a seed and test
// vectors fix it: the receiver draws x_0..x_{n-1}, and then 96 bytes for each r_{1-c}, in order; the sender y. Scalars are 48
// bytes, big endian, modulo q.
package ot

import (
	"encoding/binary"
	"io"

	"tandem/go/internal/random"
	"tandem/go/secp256k1"
	"tandem/go/transcript"
)

const (
	xSize       = 32                        // of the x-coordinate that a message holds for a point
	uniformSize = 2 * secp256k1.UniformSize // what hash_to_curve takes
)

// TranscriptSize is the length of T in bytes.
const TranscriptSize = 32

// MessageSize returns the length of the receiver's message for n instances: 64n + ceil(n/4) bytes. First come the
// x-coordinates of r_{0,0}, r_{0,1}, r_{1,0}, r_{1,1}, ..., 32 bytes each, big endian; then the parities of their
// y-coordinates in the same order, one bit each, 1 for odd, from the least significant bit of the first byte on, the unused
// bits of the last byte being 0.
func MessageSize(n int) int { return 2*xSize*n + (2*n+7)/8 }

// Transcript returns T, the hash of a receiver's message, 32 bytes.
func Transcript(sid, message []byte) []byte {
	return transcript.Expand("OT-REQUEST", TranscriptSize, sid, message)
}

// Bit returns bit i of packed bits, from the least significant of the first byte on.
func Bit(packed []byte, i int) int { return int(packed[i/8]>>(i%8)) & 1 }

// hasher hashes an index, a bit and a point, after constant parts: the shape of both H and the KDF.
type hasher struct {
	prefix *transcript.Prefix
	index  [4]byte
	bit    [1]byte
	parts  [3][]byte
}

func newHasher(label string, constant ...[]byte) *hasher {
	h := &hasher{prefix: transcript.NewPrefix(label, constant...)}
	h.parts[0], h.parts[1] = h.index[:], h.bit[:]
	return h
}

func (h *hasher) expand(dst []byte, i, b int, point []byte) {
	binary.BigEndian.PutUint32(h.index[:], uint32(i))
	h.bit[0] = byte(b)
	h.parts[2] = point
	h.prefix.Expand(dst, h.parts[:]...)
}

func (h *hasher) clear() {
	h.prefix.Clear()
	h.bit[0] = 0
}

// draw fills scalars from rand. Each is uniform, and 0 with a probability (2^-256) that the batch functions of the group
// answer with an error.
func draw(scalars []secp256k1.Scalar, rand io.Reader) error {
	var b [secp256k1.UniformSize]byte
	defer clear(b[:])
	for i := range scalars {
		if err := random.Fill(rand, b[:]); err != nil {
			return secp256k1.ErrRandom
		}
		scalars[i].SetUniformBytes(b[:])
	}
	return nil
}

func clearScalars(scalars []secp256k1.Scalar) {
	for i := range scalars {
		scalars[i].Clear()
	}
}
