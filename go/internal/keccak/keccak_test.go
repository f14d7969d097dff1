package keccak

import (
	"encoding/hex"
	"math/rand/v2"
	"testing"

	"github.com/ethereum/go-ethereum/crypto/keccak"
)

func TestSum256(t *testing.T) {
	empty := Sum256(nil)
	if got := hex.EncodeToString(empty[:]); got != "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470" {
		t.Errorf("the hash of nothing is %s", got)
	}
	data := make([]byte, 3*rate+1)
	rand.NewChaCha8([32]byte{1}).Read(data)
	for n := range data {
		oracle := keccak.NewLegacyKeccak256()
		oracle.Write(data[:n])
		if got := Sum256(data[:n]); got != [32]byte(oracle.Sum(nil)) {
			t.Errorf("%d bytes: %x", n, got)
		}
	}
}
