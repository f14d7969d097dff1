// Package mac is HMAC (RFC 2104) and HKDF (RFC 5869), which clear what they compute with. Those of the standard library are the oracle
// of the tests.
package mac

import "tandem/go/internal/sha2"

// maxBlock is the block size of SHA-512.
const maxBlock = 128

// HMAC puts the HMAC of the parts, one after the other, in dst, which is as long as the hash. dst may be among the parts. It clears
// the hash.
func HMAC[H sha2.Hash](dst []byte, hash H, key []byte, parts ...[]byte) {
	defer hash.Clear()
	var block [maxBlock]byte
	defer clear(block[:])
	pad := block[:hash.BlockSize()]
	if len(key) > len(pad) {
		hash.Write(key)
		hash.Sum(pad)
	} else {
		copy(pad, key)
	}
	for i := range pad {
		pad[i] ^= 0x36
	}
	hash.Write(pad)
	for _, part := range parts {
		hash.Write(part)
	}
	hash.Sum(dst)
	for i := range pad {
		pad[i] ^= 0x36 ^ 0x5c
	}
	hash.Write(pad)
	hash.Write(dst[:hash.Size()])
	hash.Sum(dst)
}

// HKDF fills dst with HKDF-SHA256 of a secret. salt may be empty. It panics if dst is longer than 8160 bytes.
func HKDF(dst, secret, salt []byte, info string) {
	hash := sha2.New256()
	var key, t [32]byte
	if len(dst) > 255*len(t) {
		panic("mac: output too long")
	}
	defer clear(key[:])
	defer clear(t[:])
	HMAC(key[:], hash, salt, secret)
	previous := t[:0]
	for i := byte(1); len(dst) > 0; i++ {
		HMAC(t[:], hash, key[:], previous, []byte(info), []byte{i})
		previous = t[:]
		dst = dst[copy(dst, t[:]):]
	}
}
