package secp256k1

import "tandem/go/internal/fp"

// field is an element of the field, weak unless said otherwise: see package fp.
type field = fp.Element

var fieldOne = field{1}

// mustField decodes a constant of this package.
func mustField(s string) field {
	var f field
	b := mustHex(s)
	if !f.SetBytes(&b) {
		panic("secp256k1: bad constant")
	}
	return f
}

// mustHex decodes 64 lower-case digits. Package encoding/hex would bring a module the standard library's files and clock.
func mustHex(s string) (b [32]byte) {
	if len(s) != 64 {
		panic("secp256k1: bad constant")
	}
	for i := range len(s) {
		digit := s[i] - '0'
		if digit > 9 {
			digit = s[i] - 'a' + 10
		}
		if digit > 15 {
			panic("secp256k1: bad constant")
		}
		b[i/2] = b[i/2]<<4 | digit
	}
	return b
}
