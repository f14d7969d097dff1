package wire_test

import (
	"bytes"
	"encoding/hex"
	"math"
	"strings"
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
	Letter  letter           `cbor:"9,keyasint"`
	Inner   inner            `cbor:"10,keyasint"`
	Parts   []inner          `cbor:"11,keyasint"`
	Points  [][3]byte        `cbor:"12,keyasint"`
	Texts   []string         `cbor:"13,keyasint"`
	Path    []uint32         `cbor:"24,keyasint"`
	Hashes  map[int][32]byte `cbor:"25,keyasint"`
	Peers   map[int]inner    `cbor:"300,keyasint"`
	Parity  byte             `cbor:"70000,keyasint"`
	Named   named            `cbor:"named"`
	Blobs   [][]byte         `cbor:"blobs"`
	Reserve map[int][]byte   `cbor:"reserve"`
}

func (e *everything) Fields(c *wire.Coder) {
	c.Key(9).Struct(e.Letter.Fields)
	c.Key(10).Struct(e.Inner.Fields)
	wire.List(c.Key(11), &e.Parts)
	for i := range e.Parts {
		c.Struct(e.Parts[i].Fields)
	}
	wire.List(c.Key(12), &e.Points)
	for i := range e.Points {
		c.Array(e.Points[i][:])
	}
	wire.List(c.Key(13), &e.Texts)
	for i := range e.Texts {
		c.Text(&e.Texts[i])
	}
	wire.List(c.Key(24), &e.Path)
	for i := range e.Path {
		c.Uint32(&e.Path[i])
	}
	wire.Map(c.Key(25), &e.Hashes, (*wire.Coder).Array32)
	wire.Map(c.Key(300), &e.Peers, func(c *wire.Coder, v *inner) { c.Struct(v.Fields) })
	c.Key(70000).Byte(&e.Parity)
	wire.List(c.Name("blobs"), &e.Blobs)
	for i := range e.Blobs {
		c.Bytes(&e.Blobs[i])
	}
	c.Name("named").Struct(e.Named.Fields)
	wire.Map(c.Name("reserve"), &e.Reserve, (*wire.Coder).Bytes)
}

type inner struct {
	B []byte `cbor:"1,keyasint"`
	N int    `cbor:"2,keyasint"`
}

func (i *inner) Fields(c *wire.Coder) {
	c.Key(1).Bytes(&i.B)
	c.Key(2).Int(&i.N)
}

// named has its fields in another order than that of their keys on the wire.
type named struct {
	Threshold int    `cbor:"threshold"`
	Kind      string `cbor:"kind"`
	Self      int    `cbor:"self"`
	Secret    []byte `cbor:"secret,omitempty"`
	Party     int    `cbor:"party,omitempty"`
	Longest   int    `cbor:"a-name-of-23-bytes-long"`
}

func (n *named) Fields(c *wire.Coder) {
	c.Name("kind").Text(&n.Kind)
	c.Name("self").Int(&n.Self)
	c.OptionalInt("party", &n.Party)
	c.OptionalBytes("secret", &n.Secret)
	c.Name("threshold").Int(&n.Threshold)
	c.Name("a-name-of-23-bytes-long").Int(&n.Longest)
}

func samples() []everything {
	full := everything{
		Letter: sample(),
		Inner:  inner{B: bytes.Repeat([]byte{7}, 300), N: math.MaxInt32},
		Parts:  []inner{{N: 23}, {N: 24}, {B: []byte{}, N: 255}, {N: 256}, {N: 65535}, {N: 65536}},
		Points: [][3]byte{{1}, {}},
		Texts:  []string{"", "ä", string(bytes.Repeat([]byte{'x'}, 24))},
		Path:   []uint32{0, math.MaxUint32},
		Hashes: map[int][32]byte{255: {}, 256: {9, 9}, 0: {1}, 70000: {}, 24: {}},
		Peers:  map[int]inner{2: {N: 1}, 1: {B: []byte{1}}},
		Parity: 255,
		Named:  named{Threshold: 2, Kind: "keygen", Self: 1, Secret: []byte{1}, Party: 1},

		Reserve: map[int][]byte{7: {}},
		Blobs:   [][]byte{{}, {1}},
	}
	few := everything{Letter: letter{Kind: "few"}}
	return []everything{full, few, {Letter: letter{List: make([]int, 256)}, Named: named{Party: 3}}}
}

func TestOracle(t *testing.T) {
	for _, value := range samples() {
		want, err := oracleEncoder.Marshal(&value)
		if err != nil {
			t.Fatal(err)
		}
		got, err := wire.Marshal(value.Fields)
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("got %x, %v\nwant %x", got, err, want)
		}
		var decoded everything
		if err := wire.Unmarshal(got, len(got), decoded.Fields); err != nil {
			t.Fatal(err)
		}
		if again, err := oracleEncoder.Marshal(&decoded); err != nil || !bytes.Equal(again, want) {
			t.Fatalf("decodes to %+v", decoded)
		}
	}
}

func TestUnmarshalRejectsPart(t *testing.T) {
	for _, value := range samples() {
		data, err := wire.Marshal(value.Fields)
		if err != nil {
			t.Fatal(err)
		}
		for n := range data {
			if err := wire.Unmarshal(data[:n], n, new(everything).Fields); wire.CodeOf(err) != wire.CodeInput {
				t.Errorf("%x: got %v, want code input", data[:n], err)
			}
		}
	}
	data := "\xa5\x64kind\x60\x64self\x01\x66secret\x41\x01\x69threshold\x01\x77a-name-of-23-bytes-long\x01"
	for from, code := range map[string]string{"secret\x41\x01": "", "secret\x40": wire.CodeInput} {
		changed := []byte(strings.Replace(data, "secret\x41\x01", from, 1))
		if got := wire.CodeOf(wire.Unmarshal(changed, len(changed), new(named).Fields)); got != code {
			t.Errorf("%x: code %q, want %q", changed, got, code)
		}
	}
}

func TestMarshalRefuses(t *testing.T) {
	many := map[int][]byte{}
	for i := range 257 {
		many[i] = nil
	}
	for name, fields := range map[string]func(*wire.Coder){
		"a negative integer": (&inner{N: -1}).Fields,
		"2^31":               (&inner{N: 1 << 31}).Fields,
		"a negative key":     (&letter{Shares: map[int][]byte{-1: nil}}).Fields,
		"257 elements":       (&letter{List: make([]int, 257)}).Fields,
		"257 pairs":          (&letter{Shares: many}).Fields,
		"24 fields": func(c *wire.Coder) {
			for i := range 24 {
				c.Key(uint32(i)).Int(new(int))
			}
		},
	} {
		if b, err := wire.Marshal(fields); wire.CodeOf(err) != wire.CodeInternal {
			t.Errorf("%s: %x, %v", name, b, err)
		}
	}
}

// Unmarshal accepts what the oracle accepts in the one encoding that the oracle gives it, except that integers are in range; and
// Marshal gives that encoding.
func FuzzUnmarshal(f *testing.F) {
	for _, value := range samples() {
		data, err := wire.Marshal(value.Fields)
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
		compare[letter](t, data, func(l *letter) bool { return !l.outside() })
		compare[named](t, data, func(n *named) bool { return !n.outside() })
		compare[everything](t, data, func(e *everything) bool { return !e.outside() })
	})
}

type structOf[T any] interface {
	*T
	wire.Struct
}

func compare[T any, P structOf[T]](t *testing.T, data []byte, allowed func(*T) bool) {
	var value, expected T
	want := oracleDecoder.Unmarshal(data, &expected) == nil && allowed(&expected)
	if want {
		again, err := oracleEncoder.Marshal(&expected)
		want = err == nil && bytes.Equal(again, data)
	}
	if got := wire.Unmarshal(data, 1<<20, P(&value).Fields) == nil; got != want {
		t.Fatalf("%T: %x: accepted %v, by the oracle %v", value, data, got, want)
	}
	if !want {
		return
	}
	if again, err := wire.Marshal(P(&value).Fields); err != nil || !bytes.Equal(again, data) {
		t.Fatalf("%T: accepted %x, encodes to %x (%v)", value, data, again, err)
	}
}

func (l *letter) outside() bool {
	return outside(l.Version) || outside(l.Party) || outside(l.List...) || outsideKey(l.Shares)
}

func (n *named) outside() bool { return outside(n.Threshold, n.Self, n.Party, n.Longest) }

func (e *everything) outside() bool {
	parts := outside(e.Inner.N)
	for _, part := range e.Parts {
		parts = parts || outside(part.N)
	}
	for _, peer := range e.Peers {
		parts = parts || outside(peer.N)
	}
	return parts || e.Letter.outside() || e.Named.outside() ||
		outsideKey(e.Hashes) || outsideKey(e.Peers) || outsideKey(e.Reserve)
}

// outside reports whether one of the integers is negative, or has more than 31 bits.
func outside(list ...int) bool {
	for _, n := range list {
		if n < 0 || n > math.MaxInt32 {
			return true
		}
	}
	return false
}

func outsideKey[V any](m map[int]V) bool {
	for n := range m {
		if outside(n) {
			return true
		}
	}
	return false
}
