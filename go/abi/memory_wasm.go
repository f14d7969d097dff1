package abi

import "unsafe"

// buffers are those handed to the host, by address. The map keeps them from the
// collector, and an address that is not in it is never dereferenced.
var buffers = map[uint32][]byte{}

func hand(b []byte) uint32 {
	ptr := uint32(uintptr(unsafe.Pointer(unsafe.SliceData(b))))
	buffers[ptr] = b
	return ptr
}

// Alloc returns the address of a new buffer of n bytes, or 0 if n is 0 or more
// than MaxInput.
//
//go:wasmexport tandem_alloc
func Alloc(n uint32) uint32 {
	if n == 0 || n > MaxInput {
		return 0
	}
	return hand(make([]byte, n))
}

// Free clears and releases a buffer of Alloc or a result of Export. Any other
// address is ignored.
//
//go:wasmexport tandem_free
func Free(ptr, _ uint32) {
	clear(buffers[ptr])
	delete(buffers, ptr)
}

// Export runs Call on the n bytes at ptr, a buffer of Alloc, and returns the
// address of the result in the upper and its length in the lower 32 bits. Both
// buffers stay the host's to Free.
func Export[In, Out any](ptr, n uint32, step func(*In) (*Out, error)) uint64 {
	input := buffers[ptr]
	if uint32(len(input)) != n {
		input = nil // not a buffer of ours; reported as an input that does not parse
	}
	output := Call(input, step)
	return uint64(hand(output))<<32 | uint64(len(output))
}
