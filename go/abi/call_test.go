package abi

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"tandem/go/wire"
)

type Inner struct {
	Key []byte `cbor:"key,omitempty"`
}

type testInput struct {
	Inner
	Data  []byte         `cbor:"data"`
	List  [][]byte       `cbor:"list,omitempty"`
	Count int            `cbor:"count"`
	Parts map[int][]byte `cbor:"parts,omitempty"`
}

type testOutput struct {
	Data []byte `cbor:"data"`
}

func encode(t *testing.T, v any) []byte {
	t.Helper()
	b, err := wire.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

type success[Out any] struct {
	OK *Out `cbor:"ok"`
}

// reply decodes what Call returned, either form of it.
func reply(t *testing.T, b []byte) (ok *testOutput, fault *report) {
	t.Helper()
	var s success[testOutput]
	if wire.Unmarshal(b, len(b), &s) == nil {
		return s.OK, nil
	}
	var f failure
	if err := wire.Unmarshal(b, len(b), &f); err != nil {
		t.Fatalf("neither a result nor an error: %x", b)
	}
	return nil, &f.Error
}

func TestCall(t *testing.T) {
	input := encode(t, &testInput{Inner{[]byte("key")}, []byte("abc"), [][]byte{[]byte("item")}, 2, map[int][]byte{1: []byte("x"), 200: {}}})
	var given *testInput
	var returned []byte
	ok, fault := reply(t, Call(input, func(in *testInput) (*testOutput, error) {
		if string(in.Key) != "key" || len(in.Parts) != 2 {
			t.Errorf("step was given %+v", in)
		}
		given, returned = in, bytes.Repeat(in.Data, in.Count)
		return &testOutput{returned}, nil
	}))
	if fault != nil || string(ok.Data) != "abcabc" {
		t.Fatalf("got %+v, %+v", ok, fault)
	}
	for name, b := range map[string][]byte{"input": input, "field": given.Data, "embedded field": given.Key,
		"item of a list": given.List[0], "result": returned} {
		if len(b) == 0 || !bytes.Equal(b, make([]byte, len(b))) {
			t.Errorf("the %s was not cleared: %q", name, b)
		}
	}
}

// What comes and goes in maps is cleared as well, whatever it is there.
func TestAudit7CallClearsMaps(t *testing.T) {
	type item struct {
		Key [4]byte `cbor:"1,keyasint"`
	}
	type input struct {
		Slices map[int][]byte  `cbor:"1,keyasint"`
		Arrays map[int][4]byte `cbor:"2,keyasint"`
		Array  [4]byte         `cbor:"3,keyasint"`
		Items  []item          `cbor:"4,keyasint"`
		Inner  *item           `cbor:"5,keyasint"`
	}
	type output struct {
		Slices map[int][]byte `cbor:"1,keyasint"`
	}
	secret := [4]byte{1, 2, 3, 4}
	in := &input{map[int][]byte{1: secret[:], 2: secret[:]}, map[int][4]byte{3: secret}, secret, []item{{secret}}, &item{secret}}
	for _, err := range []error{nil, errors.New("failed")} {
		var given *input
		var slices [][]byte
		var out output
		Call(encode(t, in), func(decoded *input) (*output, error) {
			given = decoded
			out = output{map[int][]byte{7: bytes.Clone(secret[:])}}
			slices = append(slices, decoded.Slices[1], decoded.Slices[2], out.Slices[7])
			return &out, err
		})
		for i, b := range append(slices, given.Array[:], given.Items[0].Key[:], given.Inner.Key[:]) {
			if !bytes.Equal(b, make([]byte, 4)) {
				t.Errorf("error %v: secret %d was not cleared: %x", err, i, b)
			}
		}
		if given.Arrays[3] == secret {
			t.Errorf("error %v: an array in a map was not cleared", err)
		}
	}
}

func TestCallErrors(t *testing.T) {
	for _, c := range []struct {
		err  error
		want report
	}{
		{wire.Errorf(wire.CodeCheck, "no"), report{Code: "check", Message: "no"}},
		{wire.PartyErrorf(3, "lied"), report{Code: "party", Message: "lied", Party: 3}},
		{fmt.Errorf("while: %w", wire.PartyErrorf(2, "lied")), report{Code: "party", Message: "lied", Party: 2}},
		{errors.New("surprise"), report{Code: "internal", Message: "surprise"}},
	} {
		input := encode(t, &testInput{Data: []byte("secret")})
		var data []byte
		ok, fault := reply(t, Call(input, func(in *testInput) (*testOutput, error) {
			data = in.Data
			return nil, c.err
		}))
		if ok != nil || *fault != c.want {
			t.Errorf("%v: got %+v", c.err, fault)
		}
		if !bytes.Equal(data, make([]byte, len(data))) {
			t.Errorf("%v: the input was not cleared", c.err)
		}
	}
}

func FuzzCall(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0xa0})
	f.Add([]byte{0xa2, 0x64, 'd', 'a', 't', 'a', 0x41, 1, 0x65, 'c', 'o', 'u', 'n', 't', 2})
	f.Add(bytes.Repeat([]byte{0x81}, 1000))
	f.Add([]byte{0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, input []byte) {
		sent := bytes.Clone(input)
		called := false
		ok, fault := reply(t, Call(input, func(in *testInput) (*testOutput, error) {
			called = true
			again, err := wire.Marshal(in)
			if err != nil || !bytes.Equal(again, sent) {
				t.Errorf("%x was taken for %x", sent, again)
			}
			return &testOutput{bytes.Clone(in.Data)}, nil
		}))
		if called != (ok != nil) || !called && fault.Code != wire.CodeInput {
			t.Errorf("%x: called %v, got %+v, %+v", sent, called, ok, fault)
		}
		if !bytes.Equal(input, make([]byte, len(input))) {
			t.Error("the input was not cleared")
		}
	})
}
