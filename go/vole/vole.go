// Package vole is random vector oblivious linear evaluation over Z_q: the receiver gets a random β, the sender brings a
// vector a, and they end with vectors that add up to their product, c + d = a·β. It is the RVOLE of DKLs23 (ePrint
// 2023/765, section 5, with forced reuse) on the oblivious transfers of package ot, so it takes two messages.
//
// # One RVOLE
//
// Ids: sid names the session of the receiver's message; ssid names what the sender answers (it may bind what the
// receiver's message does not know yet); v is the number of the RVOLE in its [Layout]. T and B are those of the OTs. All
// hashes are those of package transcript; U32 is 4 bytes, big endian; a scalar is 32 bytes, big endian, but where it is
// made from 48 uniform bytes, big endian, modulo q.
//
//  1. Receiver: ξ random bits b_j, the choice bits of ξ OTs. The gadget is
//     g_j = Scalar("VOLE-GADGET", sid, T, U32(v), U32(j)), and β = Σ g_j b_j. j counts the OTs of this RVOLE from 0.
//  2. Sender, with a of width ℓ: â ← Z_q; α = (a, â). From the keys of OT j come k0, k1 ∈ Z_q^{ℓ+1}, 48 bytes for each
//     scalar; τ_j = k0 - k1 + α; c_j = -k0. With τ = τ_0 ‖ τ_1 ‖ ... and
//     (θ_0, ..., θ_{ℓ-1}) = Expand("VOLE-THETA", 48ℓ, ssid, T, B, U32(v), τ), 48 bytes each: η = â + Σ θ_i a_i and
//     μ = Hash("VOLE-MU", ssid, U32(v), rows), where row j is the scalar c_{j,ℓ} + Σ θ_i c_{j,i}, and rows are all of
//     them, one after the other. It sends B and (τ, η, μ), and outputs c = Σ g_j (c_{j,0}, ..., c_{j,ℓ-1}).
//  3. Receiver: d_j = k_{b_j} + b_j τ_j. It accepts if μ is the hash of the rows b_j η - d_{j,ℓ} - Σ θ_i d_{j,i}, and
//     outputs d = Σ g_j (d_{j,0}, ..., d_{j,ℓ-1}).
//
// A sender that cheats and passes the check of step 3 has guessed some j choice bits, with probability 2^-j, and knows them
// then; and whether it passes tells it the same. ξ = κ + 2λ = 416 bits for a β of 256 leave room for that. A failed check
// is a lost secret: what comes of it is for the caller to decide.
//
// # Several on one batch
//
// The OTs of a batch are divided into blocks, and an RVOLE runs on some of the blocks, in their order. If two RVOLEs run
// on one block they share its choice bits, and nothing else: the key of an OT is expanded to the length that all its
// RVOLEs take together, 48(ℓ+1) bytes each, in the order of their numbers.
//
// The order in which randomness is drawn is part of the definition. Receiver: the choice bits of all OTs, n of them in
// ceil(n/8) bytes, least significant bit first; then as in package ot. Sender: as in package ot; then the â of each RVOLE
// in order, 48 bytes each.
package vole

import (
	"encoding/binary"

	"tandem/go/ot"
	"tandem/go/secp256k1"
	"tandem/go/transcript"
	"tandem/go/wire"
)

// Xi is ξ, the number of OTs that one RVOLE runs on: 256 bits of β and twice 80 bits of statistical security.
const Xi = 416

// Layout says which RVOLEs run on a batch of OTs, and where.
type Layout struct {
	Widths []int   // ℓ of each RVOLE
	Blocks []Block // of OTs, in the order of their indices
}

// Block is a range of OTs that serve the same RVOLEs.
type Block struct {
	Size   int   // OTs
	RVOLEs []int // numbers of the RVOLEs that run on it, ascending
}

// OTs returns the number of OTs in the batch.
func (l *Layout) OTs() int {
	n := 0
	for _, block := range l.Blocks {
		n += block.Size
	}
	return n
}

// indices returns the index in the batch of each OT of RVOLE v.
func (l *Layout) indices(v int) []int {
	var indices []int
	first := 0
	for _, block := range l.Blocks {
		for _, on := range block.RVOLEs {
			if on == v {
				for i := range block.Size {
					indices = append(indices, first+i)
				}
			}
		}
		first += block.Size
	}
	return indices
}

// keySize returns the length to which the keys of a block are expanded.
func (l *Layout) keySize(block Block) int {
	size := 0
	for _, v := range block.RVOLEs {
		size += secp256k1.UniformSize * (l.Widths[v] + 1)
	}
	return size
}

// Message is what the sender of one RVOLE sends, apart from the B of the batch.
type Message struct {
	Tau []byte   // τ: ξ(ℓ+1) scalars of 32 bytes
	Eta [32]byte // η
	Mu  [32]byte // μ
}

// Fields names the fields to package wire.
func (m *Message) Fields(c *wire.Coder) {
	c.Key(1).Bytes(&m.Tau)
	c.Key(2).Array(m.Eta[:])
	c.Key(3).Array(m.Mu[:])
}

// Clear forgets the message.
func (m *Message) Clear() {
	clear(m.Tau)
	*m = Message{}
}

// gadget returns the n elements of the gadget of RVOLE v.
func gadget(sid, t []byte, v, n int) []secp256k1.Scalar {
	g := make([]secp256k1.Scalar, n)
	prefix := transcript.NewPrefix("VOLE-GADGET", sid, t, transcript.U32(v))
	index := make([]byte, 4)
	parts := [][]byte{index}
	var uniform [secp256k1.UniformSize]byte
	for j := range g {
		binary.BigEndian.PutUint32(index, uint32(j))
		prefix.Expand(uniform[:], parts...)
		g[j].SetUniformBytes(uniform[:])
	}
	return g
}

// challenge returns the θ of RVOLE v.
func challenge(width int, ssid, t []byte, b *secp256k1.Point, v int, tau []byte) []secp256k1.Scalar {
	theta := make([]secp256k1.Scalar, width)
	uniform := transcript.Expand("VOLE-THETA", secp256k1.UniformSize*width, ssid, t, b.Bytes(), transcript.U32(v), tau)
	for i := range theta {
		theta[i].SetUniformBytes(uniform[secp256k1.UniformSize*i:][:secp256k1.UniformSize])
	}
	return theta
}

// rowsHash returns the μ of RVOLE v.
func rowsHash(ssid []byte, v int, rows []byte) [32]byte {
	return transcript.Hash("VOLE-MU", ssid, transcript.U32(v), rows)
}

// addProducts sets s += Σ a_i b_i, over the elements of the shorter.
func addProducts(s *secp256k1.Scalar, a, b []secp256k1.Scalar) {
	for i := range min(len(a), len(b)) {
		s.MulAdd(&a[i], &b[i], s)
	}
}

func clearScalars(scalars []secp256k1.Scalar) {
	for i := range scalars {
		scalars[i].Clear()
	}
}

// bit returns choice bit i.
func bit(choices []byte, i int) int { return ot.Bit(choices, i) }

func internal(err error) error { return wire.Errorf(wire.CodeInternal, "vole: %v", err) }
