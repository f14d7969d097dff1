package secp256k1

import (
	"encoding/hex"

	"tandem/go/internal/fp"
)

// field is an element of the field, weak unless said otherwise: see package fp.
type field = fp.Element

var fieldOne = field{1}

// mustField decodes a constant of this package.
func mustField(s string) field {
	var f field
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != 32 || !f.SetBytes((*[32]byte)(b)) {
		panic("secp256k1: bad constant")
	}
	return f
}
