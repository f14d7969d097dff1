package main

import _ "tandem/go/abi" // its random source

func main() {}

var run func()

// Prepare readies sample n of the subject with that index.
//
//go:wasmexport prepare
func Prepare(index, n, random uint32) { run = prepare(&subjects[index], n, random == 1) }

// Run is what is timed.
//
//go:wasmexport run
func Run() { run() }
