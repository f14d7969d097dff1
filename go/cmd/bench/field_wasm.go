package main

import (
	_ "tandem/go/abi" // its random source
	"tandem/go/internal/fp"
)

// FieldMul makes 2n multiplications, each with the result of the one before it, and returns a word of the last, so that none
// can be left out.
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
