//go:build tinygo && gc.leaking

package abi

import "unsafe"

// heap is where the next allocation will be: the leaking collector counts up and never goes back.
//
//go:extern runtime.heapptr
var heap uintptr

//go:linkname stackPointer tinygo_getCurrentStackPointer
func stackPointer() uintptr

// stackEnd is the lowest address of the stack that is not nil: the linker puts the stack below everything else
// (toolchain/target.json, --stack-first), and it grows down.
const stackEnd = 16

// mark returns where a call's allocations begin.
func mark() uintptr { return heap }

// sweep clears what was allocated since mark, except keep, and the stack below
// its caller's frame.
//
//go:noinline
func sweep(mark uintptr, keep []byte) {
	kept := uintptr(unsafe.Pointer(unsafe.SliceData(keep)))
	clear(memory(mark, kept))
	clear(memory(kept+uintptr(len(keep)), heap))
	clear(memory(stackEnd, stackPointer()))
}

func memory(from, to uintptr) []byte { return unsafe.Slice((*byte)(unsafe.Pointer(from)), to-from) }
