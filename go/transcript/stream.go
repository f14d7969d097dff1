package transcript

import (
	"io"

	"tandem/go/internal/chacha"
	"tandem/go/internal/mac"
	"tandem/go/internal/random"
	"tandem/go/secp256k1"
)

// SeedSize is the length of a stream's seed in bytes.
const SeedSize = 32

// Stream is a source of secret randomness that never runs dry: the key stream of ChaCha20 (RFC 8439) with nonce and counter
// 0 under the key Expand("STREAM", 32, seed, label), for a seed of 32 bytes.
type Stream struct{ cipher chacha.Stream }

// NewStream returns a hedged stream: its key is derived by HKDF-SHA256 from 32 fresh bytes of rand, from long-term secrets and
// from all that was received so far. If rand repeats itself, as that of a machine restored from a snapshot does, other
// secrets or other messages still give an independent stream. It returns [secp256k1.ErrRandom] if rand fails or gives
// zeros only.
func NewStream(rand io.Reader, label string, secret, received []byte) (*Stream, error) {
	seed, err := HedgedSeed(rand, label, secret, received)
	if err != nil {
		return nil, err
	}
	defer clear(seed)
	return StreamFromSeed(seed, label), nil
}

// HedgedSeed returns the 32-byte seed of such a stream, for a session that must make its randomness again later: HKDF-SHA256
// without salt, with "TANDEM-V1-" + label as info, of fresh ‖ U32(len(secret)) ‖ secret ‖ U32(len(received)) ‖ received, where
// fresh are 32 bytes of rand.
func HedgedSeed(rand io.Reader, label string, secret, received []byte) ([]byte, error) {
	var fresh [SeedSize]byte
	defer clear(fresh[:])
	if err := random.Fill(rand, fresh[:]); err != nil {
		return nil, secp256k1.ErrRandom
	}
	if fresh == [SeedSize]byte{} {
		return nil, secp256k1.ErrRandom
	}
	ikm := make([]byte, 0, SeedSize+4+len(secret)+4+len(received))
	ikm = append(ikm, fresh[:]...)
	ikm = append(append(ikm, U32(len(secret))...), secret...)
	ikm = append(append(ikm, U32(len(received))...), received...)
	defer clear(ikm)
	seed := make([]byte, SeedSize)
	mac.HKDF(seed, ikm, nil, tagPrefix+label)
	return seed, nil
}

// StreamFromSeed returns the stream of a 32-byte seed. It panics if seed has another length.
func StreamFromSeed(seed []byte, label string) *Stream {
	key := Expand("STREAM", chacha.KeySize, seed, []byte(label))
	defer clear(key)
	if len(seed) != SeedSize {
		panic("transcript: a seed has 32 bytes")
	}
	s := new(Stream)
	s.cipher.Key.Set(key)
	return s
}

// Read fills b. It never fails.
func (s *Stream) Read(b []byte) (int, error) {
	clear(b)
	s.cipher.XOR(b, b)
	return len(b), nil
}

// Scalar returns a uniform scalar other than 0: the next 48 bytes modulo q, or those after them if that is 0.
func (s *Stream) Scalar() *secp256k1.Scalar {
	for {
		if k, err := secp256k1.RandomScalar(s); err == nil {
			return k
		}
	}
}

// Clear forgets the key.
func (s *Stream) Clear() { s.cipher.Clear() }
