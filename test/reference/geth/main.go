// Command geth prints go-ethereum's digest of each intent on stdin, one line of JSON each, or an empty line where
// go-ethereum does not take it (some EIP-712 types and domains). It records test/vectors/intents.json:
//
//	npx tsx test/reference/intents.ts
//
// With the argument keystores it prints keystore files instead, the first ones of test/vectors/keystores.json:
//
//	go run . keystores
//
// Its test opens a keystore file with go-ethereum. A module of its own, so that tandem itself does not depend on all of go-ethereum.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"log"
	"math/big"
	"os"

	"github.com/ethereum/go-ethereum/accounts"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/common/math"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/signer/core/apitypes"
	"github.com/holiman/uint256"
)

type intent struct {
	Kind          string
	Message       json.RawMessage
	Digest        common.Hash
	Authorization authorization
	TypedData     typedData
	Transaction   transaction
}

type authorization struct {
	ChainID uint64 `json:"chainId,string"`
	Address common.Address
	Nonce   uint64 `json:",string"`
	YParity uint8  `json:"yParity,string"`
	R, S    common.Hash
}

type typedData struct {
	Domain struct {
		Name, Version, VerifyingContract, Salt *string
		ChainID                                *math.HexOrDecimal256 `json:"chainId"`
	}
	Types       apitypes.Types
	PrimaryType string
	Message     map[string]any
}

type transaction struct {
	Type                                                string
	ChainID                                             uint64 `json:"chainId,string"`
	Nonce                                               uint64 `json:",string"`
	Gas                                                 uint64 `json:",string"`
	GasPrice, MaxFeePerGas, MaxPriorityFeePerGas, Value decimal
	MaxFeePerBlobGas                                    decimal
	To                                                  *common.Address
	Data                                                hexutil.Bytes
	AccessList                                          types.AccessList
	BlobVersionedHashes                                 []common.Hash
	AuthorizationList                                   []authorization
}

type decimal struct{ uint256.Int }

func (d *decimal) UnmarshalText(text []byte) error { return d.SetFromDecimal(string(text)) }

func main() {
	if len(os.Args) > 1 && os.Args[1] == "keystores" {
		printKeystores()
		return
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var in intent
		if err := json.Unmarshal(lines.Bytes(), &in); err != nil {
			log.Fatalf("%v in %s", err, lines.Text())
		}
		digest, err := in.hash()
		if err != nil {
			log.Printf("%v", err)
		}
		fmt.Println(digest)
	}
	if err := lines.Err(); err != nil {
		log.Fatal(err)
	}
}

func (in *intent) hash() (string, error) {
	switch in.Kind {
	case "message":
		message, err := messageBytes(in.Message)
		return hexutil.Encode(accounts.TextHash(message)), err
	case "digest":
		return in.Digest.Hex(), nil
	case "authorization":
		signed := in.Authorization.signed()
		return signed.SigHash().Hex(), nil
	case "typedData":
		return in.TypedData.hash()
	case "transaction":
		tx := types.NewTx(in.Transaction.data())
		return types.NewPragueSigner(new(big.Int).SetUint64(in.Transaction.ChainID)).Hash(tx).Hex(), nil
	}
	return "", fmt.Errorf("no kind %q", in.Kind)
}

func messageBytes(data json.RawMessage) ([]byte, error) {
	var text string
	if json.Unmarshal(data, &text) == nil {
		return []byte(text), nil
	}
	var raw struct{ Raw hexutil.Bytes }
	return raw.Raw, json.Unmarshal(data, &raw)
}

func (d *typedData) hash() (string, error) {
	domain := apitypes.TypedDataDomain{ChainId: d.Domain.ChainID}
	var fields []apitypes.Type
	add := func(to, value *string, name, kind string) {
		if value != nil {
			*to = *value
			fields = append(fields, apitypes.Type{Name: name, Type: kind})
		}
	}
	add(&domain.Name, d.Domain.Name, "name", "string")
	add(&domain.Version, d.Domain.Version, "version", "string")
	if d.Domain.ChainID != nil {
		fields = append(fields, apitypes.Type{Name: "chainId", Type: "uint256"})
	}
	add(&domain.VerifyingContract, d.Domain.VerifyingContract, "verifyingContract", "address")
	add(&domain.Salt, d.Domain.Salt, "salt", "bytes32")
	d.Types["EIP712Domain"] = fields
	digest, _, err := apitypes.TypedDataAndHash(apitypes.TypedData{
		Types: d.Types, PrimaryType: d.PrimaryType, Domain: domain, Message: d.Message,
	})
	if err != nil {
		return "", err
	}
	return hexutil.Encode(digest), nil
}

func (a *authorization) signed() types.SetCodeAuthorization {
	signed := types.SetCodeAuthorization{Address: a.Address, Nonce: a.Nonce, V: a.YParity}
	signed.ChainID.SetUint64(a.ChainID)
	signed.R.SetBytes(a.R[:])
	signed.S.SetBytes(a.S[:])
	return signed
}

func (t *transaction) data() types.TxData {
	chain := uint256.NewInt(t.ChainID)
	var to common.Address
	if t.To != nil {
		to = *t.To
	}
	switch t.Type {
	case "legacy":
		return &types.LegacyTx{
			Nonce: t.Nonce, GasPrice: t.GasPrice.ToBig(), Gas: t.Gas, To: t.To, Value: t.Value.ToBig(), Data: t.Data,
		}
	case "eip2930":
		return &types.AccessListTx{
			ChainID: chain.ToBig(), Nonce: t.Nonce, GasPrice: t.GasPrice.ToBig(), Gas: t.Gas, To: t.To,
			Value: t.Value.ToBig(), Data: t.Data, AccessList: t.AccessList,
		}
	case "eip1559":
		return &types.DynamicFeeTx{
			ChainID: chain.ToBig(), Nonce: t.Nonce, GasTipCap: t.MaxPriorityFeePerGas.ToBig(),
			GasFeeCap: t.MaxFeePerGas.ToBig(), Gas: t.Gas, To: t.To, Value: t.Value.ToBig(), Data: t.Data,
			AccessList: t.AccessList,
		}
	case "eip4844":
		return &types.BlobTx{
			ChainID: chain, Nonce: t.Nonce, GasTipCap: &t.MaxPriorityFeePerGas.Int, GasFeeCap: &t.MaxFeePerGas.Int,
			Gas: t.Gas, To: to, Value: &t.Value.Int, Data: t.Data, AccessList: t.AccessList,
			BlobFeeCap: &t.MaxFeePerBlobGas.Int, BlobHashes: t.BlobVersionedHashes,
		}
	case "eip7702":
		var list []types.SetCodeAuthorization
		for _, a := range t.AuthorizationList {
			list = append(list, a.signed())
		}
		return &types.SetCodeTx{
			ChainID: chain, Nonce: t.Nonce, GasTipCap: &t.MaxPriorityFeePerGas.Int, GasFeeCap: &t.MaxFeePerGas.Int,
			Gas: t.Gas, To: to, Value: &t.Value.Int, Data: t.Data, AccessList: t.AccessList, AuthList: list,
		}
	}
	log.Fatalf("no type %q", t.Type)
	return nil
}
