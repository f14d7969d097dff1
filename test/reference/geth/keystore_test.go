package main

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"github.com/ethereum/go-ethereum/accounts/keystore"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/crypto"
)

// go-ethereum opens the recorded keystore file, which test/keys.test.ts recomputes byte for byte.
func TestKeystore(t *testing.T) {
	data, err := os.ReadFile("../../vectors/keystore.json")
	if err != nil {
		t.Fatal(err)
	}
	var vector struct {
		Key        hexutil.Bytes
		Address    common.Address
		Passphrase string
		File       json.RawMessage
	}
	if err := json.Unmarshal(data, &vector); err != nil {
		t.Fatal(err)
	}
	key, err := keystore.DecryptKey(vector.File, vector.Passphrase)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(crypto.FromECDSA(key.PrivateKey), vector.Key) || key.Address != vector.Address {
		t.Errorf("got another key, of %v", key.Address)
	}
	if _, err := keystore.DecryptKey(vector.File, vector.Passphrase+"."); err != keystore.ErrDecrypt {
		t.Errorf("another passphrase: %v", err)
	}
}
