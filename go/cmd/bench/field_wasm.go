package main

import (
	"github.com/decred/dcrd/dcrec/secp256k1/v4"

	_ "tandem/go/abi" // its random source
	"tandem/go/internal/fp"
)

// Both functions make 2n multiplications, each with the result of the one before it, and return a word of the last, so that
// none can be left out.

// Unit multiplies in decred's field.
//
//go:wasmexport unit
func Unit(n uint32) uint32 {
	var x, y secp256k1.FieldVal
	x.SetInt(3)
	y.SetInt(5)
	for range n {
		x.Mul(&y)
		y.Mul(&x)
	}
	return uint32(x.Normalize().Bytes()[31])
}

// FieldMul multiplies in this project's field.
//
//go:wasmexport field_mul
func FieldMul(n uint32) uint32 {
	x, y := fp.Element{3}, fp.Element{5}
	for range n {
		x.Mul(&x, &y)
		y.Mul(&y, &x)
	}
	return x[0]
}
