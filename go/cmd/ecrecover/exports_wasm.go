package main

import "tandem/go/abi"

//go:wasmexport recover_signer
func exportRecoverSigner(ptr, n uint32) uint64 { return abi.Export(ptr, n, recoverSigner) }
