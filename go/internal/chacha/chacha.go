// Package chacha is ChaCha20 (RFC 8439), four keys at a time. That of x/crypto, the oracle of the tests, is an allocation for each
// key, of which we need many, and leaves it behind.
package chacha

import (
	"encoding/binary"
	"math/bits"
)

// KeySize is the length of a key in bytes.
const KeySize = 32

// Key is a key: eight words, as RFC 8439 reads them from 32 bytes.
type Key [8]uint32

// Set sets the key to 32 bytes.
func (k *Key) Set(b []byte) {
	for i := range k {
		k[i] = binary.LittleEndian.Uint32(b[4*i:])
	}
}

// Put writes the 32 bytes of the key to dst.
func (k *Key) Put(dst []byte) {
	for i, w := range k {
		dst[4*i], dst[4*i+1], dst[4*i+2], dst[4*i+3] = byte(w), byte(w>>8), byte(w>>16), byte(w>>24)
	}
}

// Lanes is how many blocks are computed at once.
const Lanes = 4

// Keys is a key, or half of a block, in each lane: [i][l] is word i of lane l.
type Keys [8][Lanes]uint32

// Get sets dst to what is in a lane.
func (k *Keys) Get(dst *Key, lane int) {
	for i := range k {
		dst[i] = k[i][lane]
	}
}

// Set sets what is in a lane.
func (k *Keys) Set(lane int, key *Key) {
	for i := range k {
		k[i][lane] = key[i]
	}
}

// Nonce is the words 12 to 15 of the state: the block counter, and the nonce.
type Nonce [4]uint32

// State is the room in which blocks are computed. It holds secrets afterwards: clear it.
type State [16][Lanes]uint32

// Blocks sets low and high to the first and the second halves of the blocks that the keys have under one nonce. Either may be
// where keys is. It runs in constant time.
//
// A loop over the lanes, four words side by side, becomes vector instructions. That matters most in a process that signs once:
// the code that V8 makes first keeps every variable in memory, and is then ten times as fast.
//
//go:noinline
func (s *State) Blocks(low, high, keys *Keys, nonce *Nonce) {
	const c0, c1, c2, c3 = 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574
	for l := range Lanes {
		s[0][l], s[1][l], s[2][l], s[3][l] = c0, c1, c2, c3
	}
	*(*Keys)(s[4:]) = *keys
	for l := range Lanes {
		s[12][l], s[13][l], s[14][l], s[15][l] = nonce[0], nonce[1], nonce[2], nonce[3]
	}
	for range 10 {
		s.doubleRound()
	}
	for l := range Lanes {
		s[0][l], s[1][l], s[2][l], s[3][l] = s[0][l]+c0, s[1][l]+c1, s[2][l]+c2, s[3][l]+c3
		s[12][l], s[13][l] = s[12][l]+nonce[0], s[13][l]+nonce[1]
		s[14][l], s[15][l] = s[14][l]+nonce[2], s[15][l]+nonce[3]
	}
	for i := range keys {
		for l := range Lanes {
			s[4+i][l] += keys[i][l]
		}
	}
	*low, *high = Keys(s[:8]), Keys(s[8:])
}

// doubleRound is four quarter rounds on the columns and four on the diagonals, written out: TinyGo would call a function.
func (s *State) doubleRound() {
	for l := range Lanes {
		x0, x1, x2, x3 := s[0][l], s[1][l], s[2][l], s[3][l]
		x4, x5, x6, x7 := s[4][l], s[5][l], s[6][l], s[7][l]
		x8, x9, x10, x11 := s[8][l], s[9][l], s[10][l], s[11][l]
		x12, x13, x14, x15 := s[12][l], s[13][l], s[14][l], s[15][l]

		x0, x1, x2, x3 = x0+x4, x1+x5, x2+x6, x3+x7
		x12, x13, x14, x15 = rotate(x12^x0, 16), rotate(x13^x1, 16), rotate(x14^x2, 16), rotate(x15^x3, 16)
		x8, x9, x10, x11 = x8+x12, x9+x13, x10+x14, x11+x15
		x4, x5, x6, x7 = rotate(x4^x8, 12), rotate(x5^x9, 12), rotate(x6^x10, 12), rotate(x7^x11, 12)
		x0, x1, x2, x3 = x0+x4, x1+x5, x2+x6, x3+x7
		x12, x13, x14, x15 = rotate(x12^x0, 8), rotate(x13^x1, 8), rotate(x14^x2, 8), rotate(x15^x3, 8)
		x8, x9, x10, x11 = x8+x12, x9+x13, x10+x14, x11+x15
		x4, x5, x6, x7 = rotate(x4^x8, 7), rotate(x5^x9, 7), rotate(x6^x10, 7), rotate(x7^x11, 7)

		x0, x1, x2, x3 = x0+x5, x1+x6, x2+x7, x3+x4
		x15, x12, x13, x14 = rotate(x15^x0, 16), rotate(x12^x1, 16), rotate(x13^x2, 16), rotate(x14^x3, 16)
		x10, x11, x8, x9 = x10+x15, x11+x12, x8+x13, x9+x14
		x5, x6, x7, x4 = rotate(x5^x10, 12), rotate(x6^x11, 12), rotate(x7^x8, 12), rotate(x4^x9, 12)
		x0, x1, x2, x3 = x0+x5, x1+x6, x2+x7, x3+x4
		x15, x12, x13, x14 = rotate(x15^x0, 8), rotate(x12^x1, 8), rotate(x13^x2, 8), rotate(x14^x3, 8)
		x10, x11, x8, x9 = x10+x15, x11+x12, x8+x13, x9+x14
		x5, x6, x7, x4 = rotate(x5^x10, 7), rotate(x6^x11, 7), rotate(x7^x8, 7), rotate(x4^x9, 7)

		s[0][l], s[1][l], s[2][l], s[3][l] = x0, x1, x2, x3
		s[4][l], s[5][l], s[6][l], s[7][l] = x4, x5, x6, x7
		s[8][l], s[9][l], s[10][l], s[11][l] = x8, x9, x10, x11
		s[12][l], s[13][l], s[14][l], s[15][l] = x12, x13, x14, x15
	}
}

func rotate(x uint32, n int) uint32 { return bits.RotateLeft32(x, n) }

// Stream is a key stream, for which one lane is enough. Its zero value is that of a key of zeros: Set the key.
type Stream struct {
	Key       Key
	Nonce     Nonce // of the next block
	state     State
	low, high Keys
	bytes     [64]byte
	left      int // of bytes
}

// XOR sets dst to src XOR the next bytes of the stream. dst may be src.
func (s *Stream) XOR(dst, src []byte) {
	for i := range src {
		if s.left == 0 {
			s.next()
		}
		dst[i] = src[i] ^ s.bytes[len(s.bytes)-s.left]
		s.left--
	}
}

// next makes the bytes those of the next block.
func (s *Stream) next() {
	s.low.Set(0, &s.Key)
	s.state.Blocks(&s.low, &s.high, &s.low, &s.Nonce)
	s.Nonce[0]++
	var half Key
	s.low.Get(&half, 0)
	half.Put(s.bytes[:KeySize])
	s.high.Get(&half, 0)
	half.Put(s.bytes[KeySize:])
	half = Key{}
	s.left = len(s.bytes)
}

// Clear forgets the key, and what is left of a block.
func (s *Stream) Clear() { *s = Stream{} }
