package main

import "tandem/go/abi"

func init() { abi.Sweep() }
