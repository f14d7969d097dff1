package wire_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"tandem/go/wire"
)

type letter struct {
	Version int            `cbor:"1,keyasint"`
	Kind    string         `cbor:"2,keyasint"`
	Nonce   [2]byte        `cbor:"3,keyasint"`
	Body    []byte         `cbor:"4,keyasint"`
	List    []int          `cbor:"5,keyasint"`
	Shares  map[int][]byte `cbor:"6,keyasint"`
	Epoch   uint32         `cbor:"7,keyasint"`
	Party   int            `cbor:"party,omitempty"`
}

func (l *letter) Fields(c *wire.Coder) {
	c.Key(1).Int(&l.Version)
	c.Key(2).Text(&l.Kind)
	c.Key(3).Array(l.Nonce[:])
	c.Key(4).Bytes(&l.Body)
	c.Key(5).Ints(&l.List)
	wire.Map(c.Key(6), &l.Shares, (*wire.Coder).Bytes)
	c.Key(7).Uint32(&l.Epoch)
	c.OptionalInt("party", &l.Party)
}

func sample() letter {
	return letter{
		Version: wire.Version, Kind: "letter", Nonce: [2]byte{1, 2}, Body: []byte{3},
		List: []int{1, 2}, Shares: map[int][]byte{2: {9}, 1: {8}}, Epoch: 7, Party: 9,
	}
}

const encodedSample = "a8" + "0101" + "02666c6574746572" + "03420102" + "044103" + "05820102" + "06a2014108024109" + "0707" + "65706172747909"

func TestMarshal(t *testing.T) {
	value := sample()
	data, err := wire.Marshal(value.Fields)
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(data); got != encodedSample {
		t.Fatalf("got  %s\nwant %s", got, encodedSample)
	}
	var decoded letter
	if err := wire.Unmarshal(data, len(data), decoded.Fields); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(decoded) != fmt.Sprint(value) {
		t.Fatalf("got %v, want %v", decoded, value)
	}
	if wire.CodeOf(wire.Unmarshal(data, len(data)-1, new(letter).Fields)) != wire.CodeInput {
		t.Error("longer than the limit, and accepted")
	}
}

func TestUnmarshalRejects(t *testing.T) {
	swap := func(from, to string) string {
		if strings.Count(encodedSample, from) != 1 {
			t.Fatalf("%q does not occur once", from)
		}
		return strings.Replace(encodedSample, from, to, 1)
	}
	for name, data := range map[string]string{
		"empty":                   "",
		"truncated":               encodedSample[:len(encodedSample)-2],
		"trailing byte":           encodedSample + "00",
		"not a map":               "80",
		"null":                    "f6",
		"unknown key":             strings.Replace(swap("0707", "07070801"), "a8", "a9", 1),
		"missing key":             strings.Replace(swap("044103", ""), "a8", "a7", 1),
		"repeated key":            strings.Replace(swap("0707", "07070707"), "a8", "a9", 1),
		"optional key with zero":  swap("747909", "747900"),
		"optional key, repeated":  strings.Replace(swap("747909", "74790965706172747909"), "a8", "a9", 1),
		"unknown text key":        swap("747909", "747a09"),
		"a text as an integer":    swap("65706172747909", "0809"),
		"claims more pairs":       "a9" + encodedSample[2:],
		"claims fewer pairs":      "a7" + encodedSample[2:],
		"long map":                "b808" + encodedSample[2:],
		"keys out of order":       swap("03420102044103", "04410303420102"),
		"map out of order":        swap("014108024109", "024109014108"),
		"map key twice":           swap("014108024109", "014108014109"),
		"long integer":            swap("0101"+"02", "011801"+"02"),
		"long length":             swap("044103", "04580103"),
		"long key":                swap("044103", "18044103"),
		"negative":                swap("0707", "0720"),
		"out of range":            swap("0707", "071b0000000100000000"),
		"2^31":                    swap("747909", "74791a80000000"),
		"2^32":                    swap("747909", "74791b0000000100000000"),
		"float":                   swap("0707", "07f94700"),
		"indefinite map":          "bf" + encodedSample[2:] + "ff",
		"indefinite bytes":        swap("044103", "045f4103ff"),
		"tag":                     swap("044103", "04d84041 03"),
		"another key":             swap("0707", "0807"),
		"array of another length": swap("03420102", "03430102"),
		"array too short":         swap("03420102", "034101"),
		"array too long":          swap("03420102", "0343010203"),
		"list as bytes":           swap("044103", "048103"),
		"text as bytes":           swap("044103", "046103"),
		"bytes as text":           swap("666c6574746572", "466c6574746572"),
		"text not UTF-8":          swap("666c6574746572", "66ff6574746572"),
		"null as bytes":           swap("044103", "04f6"),
		"undefined as list":       swap("05820102", "05f7"),
		"null as map":             swap("06a2014108024109", "06f6"),
		"null as integer":         swap("0707", "07f6"),
		"bool as integer":         swap("0101"+"02", "01f5"+"02"),
		"big number as integer":   swap("0707", "07c24107"),
		"claims 2^32 bytes":       swap("044103", "045b0000000100000000"),
		"claims 2^63 bytes":       swap("044103", "045b8000000000000000"),
		"claims 2^31 elements":    swap("05820102", "059a7fffffff"),
		"nested lists, very deep": swap("05820102", "05"+strings.Repeat("81", 40)+"01"),
	} {
		raw, err := hex.DecodeString(strings.ReplaceAll(data, " ", ""))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := wire.Unmarshal(raw, 1000, new(letter).Fields); wire.CodeOf(err) != wire.CodeInput {
			t.Errorf("%s: got %v, want code input", name, err)
		}
	}
}

func TestEmptyNotNull(t *testing.T) {
	data, err := wire.Marshal((&letter{}).Fields)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := hex.EncodeToString(data), "a7"+"0100"+"0260"+"03420000"+"0440"+"0580"+"06a0"+"0700"; got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
}

func TestUnmarshalCopies(t *testing.T) {
	value := sample()
	data, err := wire.Marshal(value.Fields)
	if err != nil {
		t.Fatal(err)
	}
	var decoded letter
	if err := wire.Unmarshal(data, len(data), decoded.Fields); err != nil {
		t.Fatal(err)
	}
	clear(data)
	if fmt.Sprint(decoded) != fmt.Sprint(value) {
		t.Errorf("got %v, want %v", decoded, value)
	}
}

// Also what Marshal refuses is wiped.
func TestWipe(t *testing.T) {
	value := sample()
	value.Version, value.List = -1, make([]int, 257)
	value.Shares = map[int][]byte{-2: {1}, -1: {2}, 5: {3}}
	for i := range 257 {
		value.Shares[1000+i] = []byte{4}
	}
	wire.Wipe(value.Fields)
	if value.Nonce != [2]byte{} || value.Body[0] != 0 {
		t.Errorf("%v is not wiped", value)
	}
	for i, share := range value.Shares {
		if share[0] != 0 {
			t.Fatalf("share %d is not wiped", i)
		}
	}
	all := samples()[0]
	wire.Wipe(all.Fields)
	if all.Hashes[0] != [32]byte{} || all.Peers[1].B[0] != 0 || all.Points[0] != [3]byte{} || all.Inner.B[0] != 0 {
		t.Errorf("%v is not wiped", all)
	}
}

func TestHeader(t *testing.T) {
	for data, want := range map[string]string{
		"a3 0101 02646e6f7465 034101":      "",
		"a3 0102 02646e6f7465 034101":      "version 2, this code speaks version 1",
		"a3 0100 02646e6f7465 034101":      "version 0, this code speaks version 1",
		"a3 0102 0260 034101":              "version 2, this code speaks version 1",
		"a3 0101 0260 034101":              "this is not a note message",
		"a3 0101 02646e6f7466 034101":      "this is not a note message",
		"a3 0101 02656e6f746573 034101":    "this is not a note message",
		"a3 0101 0264ff6f7465 034101":      "not a valid encoding",
		"a3 0102 0260 03":                  "not a valid encoding",
		"a3 0101 02446e6f7465 034101":      "not a valid encoding",
		"a3 011a80000000 0260 034101":      "not a valid encoding",
		"a2 0101 034101":                   "not a valid encoding",
		"a2 02646e6f7465 034101":           "not a valid encoding",
		"a3 02646e6f7465 0101 034101":      "not a valid encoding",
		"a4 0101 02646e6f7465 0260 034101": "not a valid encoding",
	} {
		raw, err := hex.DecodeString(strings.ReplaceAll(data, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		err = wire.Unmarshal(raw, len(raw), new(note).Fields)
		if want == "" && err != nil || want != "" && (wire.CodeOf(err) != wire.CodeInput || err.Error() != want) {
			t.Errorf("%s: %v, want %q", data, err, want)
		}
	}
}

func TestError(t *testing.T) {
	err := wire.PartyErrorf(3, "proof of %s", "possession")
	if err.Code != wire.CodeParty || err.Party != 3 || err.Error() != "proof of possession (party 3)" {
		t.Errorf("got %#v, %q", err, err.Error())
	}
	formatted := wire.Errorf(wire.CodeInput, "%d of %d: %s, %v, %v", 1, uint32(2), "three", err, 4.0)
	if want := "1 of 2: three, proof of possession (party 3), ?"; formatted.Error() != want {
		t.Errorf("got %q, want %q", formatted.Error(), want)
	}
	if code := wire.CodeOf(fmt.Errorf("deal: %w", err)); code != wire.CodeParty {
		t.Errorf("wrapped: code %q", code)
	}
	if e := wire.ErrorOf(fmt.Errorf("foreign: %w", errors.New("surprise"))); e.Code != wire.CodeInternal || e.Message != "foreign: surprise" {
		t.Errorf("foreign and wrapped: %#v", e)
	}
	if e := wire.ErrorOf(nil); e != nil || wire.CodeOf(nil) != "" {
		t.Errorf("nil: %#v", e)
	}
	if code := wire.CodeOf(fmt.Errorf("foreign")); code != wire.CodeInternal {
		t.Errorf("foreign: code %q", code)
	}
}

type note struct{ Text []byte }

func (n *note) Fields(c *wire.Coder) {
	c.Header("note")
	c.Key(3).Bytes(&n.Text)
}

func ExampleUnmarshal() {
	data, err := wire.Marshal((&note{[]byte("hi")}).Fields)
	fmt.Printf("%x %v\n", data, err)

	var decoded note
	fmt.Println(wire.Unmarshal(data, 64, decoded.Fields), string(decoded.Text))
	fmt.Println(wire.Unmarshal(append(data, 0), 64, decoded.Fields))
	// Output:
	// a3010102646e6f746503426869 <nil>
	// <nil> hi
	// not a valid encoding
}
