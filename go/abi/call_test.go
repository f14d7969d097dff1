package abi

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"tandem/go/wire"
)

type inner struct{ Key []byte }

func (i *inner) Fields(c *wire.Coder) { c.OptionalBytes("key", &i.Key) }

type testInput struct {
	inner
	Data  []byte
	List  [][]byte
	Count int
	Parts map[int][]byte
}

func (in *testInput) Fields(c *wire.Coder) {
	in.inner.Fields(c)
	c.Name("data").Bytes(&in.Data)
	wire.List(c.Name("list"), &in.List)
	for i := range in.List {
		c.Bytes(&in.List[i])
	}
	c.Name("count").Int(&in.Count)
	wire.Map(c.Name("parts"), &in.Parts, (*wire.Coder).Bytes)
}

type testOutput struct{ Data []byte }

func (out *testOutput) Fields(c *wire.Coder) { c.Name("data").Bytes(&out.Data) }

func encode(t *testing.T, v wire.Struct) []byte {
	t.Helper()
	b, err := wire.Marshal(v.Fields)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

type success struct{ OK testOutput }

func (s *success) Fields(c *wire.Coder) { c.Name("ok").Struct(s.OK.Fields) }

// reply decodes what Call returned, either form of it.
func reply(t *testing.T, b []byte) (ok *testOutput, fault *report) {
	t.Helper()
	var s success
	if wire.Unmarshal(b, len(b), s.Fields) == nil {
		return &s.OK, nil
	}
	var f failure
	if err := wire.Unmarshal(b, len(b), f.Fields); err != nil {
		t.Fatalf("neither a result nor an error: %x", b)
	}
	return nil, &f.Error
}

func TestCall(t *testing.T) {
	input := encode(t, &testInput{inner{[]byte("key")}, []byte("abc"), [][]byte{[]byte("item")}, 2, map[int][]byte{1: []byte("x"), 200: {}}})
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

type testItem struct{ Key [32]byte }

func (i *testItem) Fields(c *wire.Coder) { c.Key(1).Array(i.Key[:]) }

type mapsInput struct {
	Slices map[int][]byte
	Arrays map[int][32]byte
	Array  [32]byte
	Items  []testItem
	Inner  testItem
	Peers  map[int]testItem
}

func (in *mapsInput) Fields(c *wire.Coder) {
	wire.Map(c.Key(1), &in.Slices, (*wire.Coder).Bytes)
	wire.Map(c.Key(2), &in.Arrays, (*wire.Coder).Array32)
	c.Key(3).Array(in.Array[:])
	wire.List(c.Key(4), &in.Items)
	for i := range in.Items {
		c.Struct(in.Items[i].Fields)
	}
	c.Key(5).Struct(in.Inner.Fields)
	wire.Map(c.Key(6), &in.Peers, func(c *wire.Coder, v *testItem) { c.Struct(v.Fields) })
}

type mapsOutput struct{ Slices map[int][]byte }

func (out *mapsOutput) Fields(c *wire.Coder) { wire.Map(c.Key(1), &out.Slices, (*wire.Coder).Bytes) }

// What comes and goes in maps is cleared as well, whatever it is there.
func TestAudit7CallClearsMaps(t *testing.T) {
	secret := [32]byte{1, 2, 3, 4}
	in := &mapsInput{
		map[int][]byte{1: secret[:], 2: secret[:]}, map[int][32]byte{3: secret}, secret, []testItem{{secret}}, testItem{secret},
		map[int]testItem{4: {secret}},
	}
	for _, err := range []error{nil, errors.New("failed")} {
		var given *mapsInput
		var slices [][]byte
		var out mapsOutput
		Call(encode(t, in), func(decoded *mapsInput) (*mapsOutput, error) {
			given = decoded
			out = mapsOutput{map[int][]byte{7: bytes.Clone(secret[:])}}
			slices = append(slices, decoded.Slices[1], decoded.Slices[2], out.Slices[7])
			return &out, err
		})
		for i, b := range append(slices, given.Array[:], given.Items[0].Key[:], given.Inner.Key[:]) {
			if !bytes.Equal(b, make([]byte, 32)) {
				t.Errorf("error %v: secret %d was not cleared: %x", err, i, b)
			}
		}
		if given.Arrays[3] != [32]byte{} || given.Peers[4].Key != [32]byte{} {
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
	f.Add([]byte("\xa4\x64data\x41\x01\x64list\x80\x65count\x02\x65parts\xa0"))
	f.Add(bytes.Repeat([]byte{0x81}, 1000))
	f.Add([]byte{0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, input []byte) {
		sent := bytes.Clone(input)
		called := false
		ok, fault := reply(t, Call(input, func(in *testInput) (*testOutput, error) {
			called = true
			again, err := wire.Marshal(in.Fields)
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
