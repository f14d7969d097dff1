package abi

import "unsafe"

// buffers are those handed to the host. The list keeps them from the collector,
// and an address that is not one of theirs is never dereferenced. It is a list
// because they are few, and a map has much more to compile.
var buffers [][]byte

func address(b []byte) uint32 { return uint32(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) }

func hand(b []byte) uint32 {
	buffers = append(buffers, b)
	return address(b)
}

// find returns the buffer at an address and its place in the list, or nil.
func find(ptr uint32) (b []byte, at int) {
	for at, b := range buffers {
		if address(b) == ptr {
			return b, at
		}
	}
	return nil, 0
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
	b, at := find(ptr)
	if b == nil {
		return
	}
	clear(b)
	last := len(buffers) - 1
	buffers[at], buffers[last] = buffers[last], nil
	buffers = buffers[:last]
}

var sweeps bool

// Sweep makes every call of Export end by clearing the stack, and all that was
// allocated since the call began but its result: copies that nobody can name,
// of the compiler's making or inside other people's packages. It is a second
// line. The first are the packages, which clear what they know of; a call that
// traps is not swept.
//
// So nothing that a call makes outlives it. There is no table in the module
// that is made when it is first asked for.
func Sweep() { sweeps = true }

// Export runs Call on the n bytes at ptr, a buffer of Alloc, and returns the
// address of the result in the upper and its length in the lower 32 bits. Both
// buffers stay the host's to Free.
func Export[In, Out any, I Struct[In], O Struct[Out]](ptr, n uint32, step func(I) (O, error)) uint64 {
	input, _ := find(ptr)
	if uint32(len(input)) != n {
		input = nil // not a buffer of ours; reported as an input that does not parse
	}
	from := mark()
	output := run(input, step)
	if sweeps {
		sweep(from, output)
	}
	return uint64(hand(output))<<32 | uint64(len(output))
}

// run is Call, and never inlined: none of its frame is left when sweep is called.
//
//go:noinline
func run[In, Out any, I Struct[In], O Struct[Out]](input []byte, step func(I) (O, error)) []byte {
	return Call(input, step)
}
