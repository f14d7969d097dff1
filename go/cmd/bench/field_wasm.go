package main

import (
	"github.com/decred/dcrd/dcrec/secp256k1/v4"

	_ "tandem/go/abi" // its random source
)

var x, y secp256k1.FieldVal

// FieldMul makes 2n multiplications, each with the result of the one before it, and returns a word of the last, so that none
// can be left out.
//
//go:wasmexport field_mul
func FieldMul(n uint32) uint32 {
	x.SetInt(3)
	y.SetInt(5)
	for range n {
		x.Mul(&y)
		y.Mul(&x)
	}
	return uint32(x.Normalize().Bytes()[31])
}
