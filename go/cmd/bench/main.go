// Command bench is a wasm module that measures the unit in which scripts/bench.ts gives its times, one multiplication in
// decred's field of secp256k1, and beside it one in the field of the module that is shipped. Both are compiled as that is. It
// holds no protocol and no secret.
package main

func main() {}
