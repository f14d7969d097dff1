// Command ecrecover prints the address that go-ethereum recovers from a digest (32 bytes) and a signature (r, s, v: 65 bytes, v
// 27 or 28), both in hex: what an Ethereum node makes of a signature.
package main

import (
	"encoding/hex"
	"fmt"
	"os"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: ecrecover DIGEST SIGNATURE")
		os.Exit(64)
	}
	address, err := recoverAddress(os.Args[1], os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, "ecrecover:", err)
		os.Exit(1)
	}
	fmt.Println(address)
}

func recoverAddress(digestHex, signatureHex string) (string, error) {
	digest, err := decode(digestHex, 32)
	if err != nil {
		return "", err
	}
	signature, err := decode(signatureHex, crypto.SignatureLength)
	if err != nil {
		return "", err
	}
	signature[crypto.RecoveryIDOffset] -= 27
	publicKey, err := crypto.Ecrecover(digest, signature)
	if err != nil {
		return "", err
	}
	return common.BytesToAddress(crypto.Keccak256(publicKey[1:])[12:]).Hex(), nil
}

func decode(text string, length int) ([]byte, error) {
	data, err := hex.DecodeString(strings.TrimPrefix(text, "0x"))
	if err == nil && len(data) != length {
		err = fmt.Errorf("%d bytes, %d expected", len(data), length)
	}
	return data, err
}
