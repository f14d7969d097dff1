//go:build !tinygo

package abi

import (
	"crypto/rand"
	"io"
)

// Random is the random source of the exports.
var Random io.Reader = rand.Reader
