// Package box is ChaCha20-Poly1305 (RFC 8439, section 2.8) with a nonce of zeros, for keys that seal one value each. That of
// x/crypto is the oracle of the tests; package chacha says why it is not in use. Its Poly1305 is.
package box

import (
	"crypto/subtle"
	"encoding/binary"

	//lint:ignore SA1019 as a part of the very construction that its deprecation recommends
	"golang.org/x/crypto/poly1305"

	"tandem/go/internal/chacha"
)

const (
	// KeySize is the length of a key in bytes.
	KeySize = chacha.KeySize
	// Overhead is by how many bytes a sealed value is longer.
	Overhead = poly1305.TagSize
)

// Seal returns plaintext, encrypted, and a tag of it and of the context.
func Seal(key, context, plaintext []byte) []byte {
	s := newStream(key)
	defer s.clear()
	sealed := make([]byte, len(plaintext), len(plaintext)+Overhead)
	s.stream.XOR(sealed, plaintext)
	tag := s.tag(context, sealed)
	return append(sealed, tag[:]...)
}

// Open returns the plaintext of a sealed value, and false if it was not sealed under this key and for this context.
func Open(key, context, sealed []byte) ([]byte, bool) {
	if len(sealed) < Overhead {
		return nil, false
	}
	s := newStream(key)
	defer s.clear()
	sealed, theirs := sealed[:len(sealed)-Overhead], sealed[len(sealed)-Overhead:]
	tag := s.tag(context, sealed)
	if subtle.ConstantTimeCompare(tag[:], theirs) != 1 {
		return nil, false
	}
	plaintext := make([]byte, len(sealed))
	s.stream.XOR(plaintext, sealed)
	return plaintext, true
}

// state is the stream from block 1 on, and the key of the tag, from block 0.
type state struct {
	stream chacha.Stream
	key    [32]byte
}

func newStream(key []byte) *state {
	s := new(state)
	s.stream.Key.Set(key)
	var block [64]byte
	s.stream.XOR(block[:], block[:])
	copy(s.key[:], block[:])
	clear(block[:])
	return s
}

func (s *state) tag(context, sealed []byte) (tag [Overhead]byte) {
	mac := poly1305.New(&s.key)
	var zero [16]byte
	for _, part := range [2][]byte{context, sealed} {
		mac.Write(part)
		mac.Write(zero[:-len(part)&15])
	}
	var lengths [16]byte
	binary.LittleEndian.PutUint64(lengths[:], uint64(len(context)))
	binary.LittleEndian.PutUint64(lengths[8:], uint64(len(sealed)))
	mac.Write(lengths[:])
	mac.Sum(tag[:0])
	*mac = poly1305.MAC{}
	return tag
}

func (s *state) clear() {
	s.stream.Clear()
	clear(s.key[:])
}
