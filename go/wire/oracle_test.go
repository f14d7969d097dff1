package wire_test

import (
	"bytes"
	"encoding/hex"
	"math"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"tandem/go/wire"
)

// The oracle of this package's codec is fxamacker/cbor, in the options that allow the least.
var (
	oracleEncoder = must(cbor.EncOptions{
		Sort: cbor.SortCoreDeterministic, NilContainers: cbor.NilContainerAsEmpty, TagsMd: cbor.TagsForbidden,
	}.EncMode())
	oracleDecoder = must(cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		TagsMd:            cbor.TagsForbidden,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		UTF8:              cbor.UTF8RejectInvalid,
		FieldNameMatching: cbor.FieldNameMatchingCaseSensitive,
		MaxNestedLevels:   6,
		MaxArrayElements:  256,
		MaxMapPairs:       256,
	}.DecMode())
)

func must[T any](mode T, err error) T {
	if err != nil {
		panic(err)
	}
	return mode
}

// everything has a field of each shape that is in use.
type everything struct {
	letter
	Inner   Inner          `cbor:"10,keyasint"`
	Parts   []Inner        `cbor:"11,keyasint"`
	Points  [][3]byte      `cbor:"12,keyasint"`
	Texts   []string       `cbor:"13,keyasint"`
	Path    []uint32       `cbor:"24,keyasint"`
	Hashes  digests        `cbor:"25,keyasint"`
	Peers   map[int]Inner  `cbor:"300,keyasint"`
	Parity  byte           `cbor:"70000,keyasint"`
	Named   *named         `cbor:"named"`
	Reserve map[int][]byte `cbor:"reserve,omitempty"`
	Blobs   [][]byte       `cbor:"blobs,omitempty"`
}

type digests map[int][2]byte

type Inner struct {
	B []byte `cbor:"1,keyasint"`
	N int    `cbor:"2,keyasint"`
}

// named has its fields in another order than that of their keys on the wire.
type named struct {
	Threshold int    `cbor:"threshold"`
	Kind      string `cbor:"kind"`
	Self      int    `cbor:"self"`
	Secret    []byte `cbor:"secret,omitempty"`
	Note      string `cbor:"note,omitempty"`
	Epoch     uint32 `cbor:"epoch,omitempty"`
}

func samples() []everything {
	full := everything{
		letter: sample(),
		Inner:  Inner{B: bytes.Repeat([]byte{7}, 300), N: math.MaxInt32},
		Parts:  []Inner{{N: 23}, {N: 24}, {B: []byte{}, N: 255}, {N: 256}, {N: 65535}, {N: 65536}},
		Points: [][3]byte{{1}, {}},
		Texts:  []string{"", "ä", string(bytes.Repeat([]byte{'x'}, 24))},
		Path:   []uint32{0, math.MaxUint32},
		Hashes: digests{255: {}, 256: {9, 9}, 0: {1}, 70000: {}, 24: {}},
		Peers:  map[int]Inner{2: {N: 1}, 1: {B: []byte{1}}},
		Parity: 255,
		Named:  &named{Threshold: 2, Kind: "keygen", Self: 1, Secret: []byte{1}, Note: "n", Epoch: 1},

		Reserve: map[int][]byte{7: {}},
		Blobs:   [][]byte{{}, {1}},
	}
	few := everything{letter: letter{Kind: "few"}, Named: &named{}}
	return []everything{full, few, {letter: letter{List: make([]int, 256)}, Named: &named{Note: "x"}}}
}

func TestOracle(t *testing.T) {
	for _, value := range samples() {
		want, err := oracleEncoder.Marshal(&value)
		if err != nil {
			t.Fatal(err)
		}
		got, err := wire.Marshal(&value)
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("got %x, %v\nwant %x", got, err, want)
		}
		var decoded everything
		if err := wire.Unmarshal(got, len(got), &decoded); err != nil {
			t.Fatal(err)
		}
		if again, err := oracleEncoder.Marshal(&decoded); err != nil || !bytes.Equal(again, want) {
			t.Fatalf("decodes to %+v", decoded)
		}
	}
}

func TestMarshalRefuses(t *testing.T) {
	for name, value := range map[string]any{
		"a negative integer": &Inner{N: -1},
		"a negative key":     &struct{ M map[int][]byte }{map[int][]byte{-1: nil}},
		"a float":            &struct{ F float64 }{1},
		"an interface":       &struct{ I any }{1},
		"a null":             &struct{ P *Inner }{},
	} {
		if b, err := wire.Marshal(value); wire.CodeOf(err) != wire.CodeInternal {
			t.Errorf("%s: %x, %v", name, b, err)
		}
	}
}

// Unmarshal accepts what the oracle accepts in the one encoding that the oracle gives it, without negative integers; and
// Marshal gives that encoding.
func FuzzUnmarshal(f *testing.F) {
	for _, value := range samples() {
		data, err := wire.Marshal(&value)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	raw, err := hex.DecodeString(encodedSample)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte{0xa0})
	f.Fuzz(func(t *testing.T, data []byte) {
		compare[letter](t, data, func(l *letter) bool { return !l.negative() })
		compare[named](t, data, func(n *named) bool { return n.Threshold >= 0 && n.Self >= 0 })
		compare[everything](t, data, func(e *everything) bool { return e.Named != nil && !e.negative() })
	})
}

func compare[T any](t *testing.T, data []byte, allowed func(*T) bool) {
	var value, expected T
	want := oracleDecoder.Unmarshal(data, &expected) == nil && allowed(&expected)
	if want {
		again, err := oracleEncoder.Marshal(&expected)
		want = err == nil && bytes.Equal(again, data)
	}
	if got := wire.Unmarshal(data, 1<<20, &value) == nil; got != want {
		t.Fatalf("%T: %x: accepted %v, by the oracle %v", value, data, got, want)
	}
	if !want {
		return
	}
	if again, err := wire.Marshal(&value); err != nil || !bytes.Equal(again, data) {
		t.Fatalf("%T: accepted %x, encodes to %x (%v)", value, data, again, err)
	}
}

func (l *letter) negative() bool {
	return l.Version < 0 || anyNegative(l.List) || anyNegativeKey(l.Shares)
}

func (e *everything) negative() bool {
	parts := e.Inner.N < 0 || e.Named.Threshold < 0 || e.Named.Self < 0
	for _, part := range e.Parts {
		parts = parts || part.N < 0
	}
	for _, peer := range e.Peers {
		parts = parts || peer.N < 0
	}
	return parts || e.letter.negative() || anyNegativeKey(e.Hashes) || anyNegativeKey(e.Peers) || anyNegativeKey(e.Reserve)
}

func anyNegative(list []int) bool {
	for _, n := range list {
		if n < 0 {
			return true
		}
	}
	return false
}

func anyNegativeKey[V any](m map[int]V) bool {
	for n := range m {
		if n < 0 {
			return true
		}
	}
	return false
}
