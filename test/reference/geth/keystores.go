package main

import (
	"encoding/json"
	"fmt"
	"log"

	"github.com/ethereum/go-ethereum/accounts/keystore"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/crypto"
)

// printKeystores prints keystore files that go-ethereum makes, as test/vectors/keystores.json has them.
func printKeystores() {
	type vector struct {
		Name       string          `json:"name"`
		Key        hexutil.Bytes   `json:"key"`
		Address    common.Address  `json:"address"`
		Passphrase string          `json:"passphrase"`
		File       json.RawMessage `json:"file"`
	}
	given := []struct{ name, key, passphrase string }{
		{"geth", "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318", "correct horse"},
		{"geth, of a key with zeros before it", "0000a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f36231800", "пароль"},
		{"geth, without a passphrase", "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20", ""},
	}
	var vectors []vector
	for _, v := range given {
		private, err := crypto.HexToECDSA(v.key)
		if err != nil {
			log.Fatal(err)
		}
		address := crypto.PubkeyToAddress(private.PublicKey)
		key := &keystore.Key{Address: address, PrivateKey: private}
		file, err := keystore.EncryptKey(key, v.passphrase, keystore.LightScryptN, keystore.LightScryptP)
		if err != nil {
			log.Fatal(err)
		}
		vectors = append(vectors, vector{v.name, crypto.FromECDSA(private), address, v.passphrase, file})
	}
	text, err := json.MarshalIndent(vectors, "", "  ")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(text))
}
