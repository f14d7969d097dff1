// Package mac is HMAC (RFC 2104) and HKDF (RFC 5869). Those of the standard library keep the keys that they compute with, and bring
// AES, SHA-3 and a random generator with them, with self-tests that run whenever a module starts.
package mac

import (
	"crypto/sha256"
	"hash"
)

// maxBlock is the block size of SHA-512.
const maxBlock = 128

// HMAC puts the HMAC of the parts, one after the other, in dst, which is as long as the hash. dst may be among the parts.
func HMAC(dst []byte, hash func() hash.Hash, key []byte, parts ...[]byte) {
	h := hash()
	defer forget(h)
	var block [maxBlock]byte
	defer clear(block[:])
	pad := block[:h.BlockSize()]
	if len(key) > len(pad) {
		h.Write(key)
		h.Sum(pad[:0])
		h.Reset()
	} else {
		copy(pad, key)
	}
	for i := range pad {
		pad[i] ^= 0x36
	}
	h.Write(pad)
	for _, part := range parts {
		h.Write(part)
	}
	h.Sum(dst[:0])
	h.Reset()
	for i := range pad {
		pad[i] ^= 0x36 ^ 0x5c
	}
	h.Write(pad)
	h.Write(dst)
	h.Sum(dst[:0])
}

// HKDF fills dst with HKDF-SHA256 of a secret. salt may be empty. It panics if dst is longer than 8160 bytes.
func HKDF(dst, secret, salt []byte, info string) {
	if len(dst) > 255*sha256.Size {
		panic("mac: output too long")
	}
	var key, t [sha256.Size]byte
	defer clear(key[:])
	defer clear(t[:])
	HMAC(key[:], sha256.New, salt, secret)
	previous := t[:0]
	for i := byte(1); len(dst) > 0; i++ {
		HMAC(t[:], sha256.New, key[:], previous, []byte(info), []byte{i})
		previous = t[:]
		dst = dst[copy(dst, t[:]):]
	}
}

// forget overwrites the state of a hash, and the part of a block that it waits with, which Reset leaves as it is.
func forget(h hash.Hash) {
	var zero [maxBlock]byte
	n := h.BlockSize()
	h.Reset()
	h.Write(zero[:n-1])
	h.Write(zero[:1])
	h.Reset()
}
