// Command bench is a wasm module that measures the unit in which scripts/bench.ts gives its times: one multiplication in the
// field of secp256k1, compiled as in the module that is shipped. It holds no protocol and no secret.
package main

func main() {}
