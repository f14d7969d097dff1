// Package keccak is the Keccak-256 of Ethereum: SHA3-256 (FIPS 202) with the padding from before it was a standard. That of
// go-ethereum, the oracle of the tests, asks the system for the features of its processor, and so brings a module the standard
// library's files, clock and JavaScript, all of which begin before the first call.
package keccak

import (
	"encoding/binary"
	"math/bits"
)

// rate is how many bytes a permutation takes in.
const rate = 136

var roundConstants = [24]uint64{
	0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000, 0x000000000000808b, 0x0000000080000001,
	0x8000000080008081, 0x8000000000008009, 0x000000000000008a, 0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
	0x000000008000808b, 0x800000000000008b, 0x8000000000008089, 0x8000000000008003, 0x8000000000008002, 0x8000000000000080,
	0x000000000000800a, 0x800000008000000a, 0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
}

// state is the 25 lanes: that of x and y at x + 5y.
type state [25]uint64

// Sum256 returns the hash of data, which is public.
func Sum256(data []byte) (sum [32]byte) {
	var s state
	for len(data) >= rate {
		s.absorb(data[:rate])
		data = data[rate:]
	}
	var last [rate]byte
	copy(last[:], data)
	last[len(data)] = 1
	last[rate-1] |= 0x80
	s.absorb(last[:])
	for i := range 4 {
		binary.LittleEndian.PutUint64(sum[8*i:], s[i])
	}
	return sum
}

func (s *state) absorb(block []byte) {
	for i := range rate / 8 {
		s[i] ^= binary.LittleEndian.Uint64(block[8*i:])
	}
	for _, constant := range roundConstants {
		s.round(constant)
	}
}

// round is a round of the permutation, its steps as section 3.2 of FIPS 202 has them.
func (s *state) round(constant uint64) {
	var column [5]uint64
	for i, lane := range s { // θ
		column[i%5] ^= lane
	}
	for i := range s {
		s[i] ^= column[(i+4)%5] ^ bits.RotateLeft64(column[(i+1)%5], 1)
	}
	lane := s[1]
	for t, x, y := 0, 1, 0; t < 24; t++ { // ρ and π
		x, y = y, (2*x+3*y)%5
		to := &s[x+5*y]
		lane, *to = *to, bits.RotateLeft64(lane, (t+1)*(t+2)/2)
	}
	for y := 0; y < 25; y += 5 { // χ
		row := [5]uint64(s[y : y+5])
		for x := range row {
			s[y+x] ^= ^row[(x+1)%5] & row[(x+2)%5]
		}
	}
	s[0] ^= constant // ι
}
