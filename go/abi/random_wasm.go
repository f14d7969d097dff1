//go:build tinygo

package abi

import (
	"io"
	"unsafe"
)

// Random is the random source of the exports: the host's crypto.getRandomValues. It never fails: it traps. Package crypto/rand reads
// the same, and brings a module the standard library's big numbers, files and clock.
var Random io.Reader = source{}

type source struct{}

func (source) Read(p []byte) (int, error) {
	if len(p) > 0 {
		arc4randomBuf(unsafe.Pointer(unsafe.SliceData(p)), uint(len(p)))
	}
	return len(p), nil
}

// TinyGo's runtime calls the C library's arc4random, whose archive member would
// bring the library's start-up code with it and have the linker wrap every
// export in it. These take its place.

// maxRandom is the most that one call of the host's crypto.getRandomValues gives.
const maxRandom = 65536

//go:wasmimport wasi_snapshot_preview1 random_get
func randomGet(ptr unsafe.Pointer, n uint32) uint32

//go:linkname arc4randomBuf arc4random_buf
func arc4randomBuf(ptr unsafe.Pointer, n uint) {
	for n > 0 {
		part := min(n, maxRandom)
		if randomGet(ptr, uint32(part)) != 0 {
			panic("no randomness") // C's arc4random cannot fail, so neither may this: trap
		}
		ptr = unsafe.Add(ptr, part)
		n -= part
	}
}

//go:linkname arc4random arc4random
func arc4random() uint32 {
	var n uint32
	arc4randomBuf(unsafe.Pointer(&n), 4)
	return n
}
