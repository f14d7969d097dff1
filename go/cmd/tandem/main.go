// Command tandem is the wasm module: an export for every step of a protocol,
// through package abi. Native builds exist for the tests only.
package main

func main() {}
