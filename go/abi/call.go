// Package abi is the boundary of a wasm module: one deterministic CBOR map in,
// one out, {ok: …} or {error: {code, message, party?}}. Call is the boundary's
// logic and runs anywhere; the memory and the random source behind it exist in
// wasm only.
package abi

import "tandem/go/wire"

// MaxInput is the largest input of a call in bytes, CBOR framing included.
const MaxInput = 1 << 20

type failure struct{ Error report }

// Fields names the fields to package wire.
func (f *failure) Fields(c *wire.Coder) { c.Name("error").Struct(f.Error.Fields) }

type report struct {
	Code    string
	Message string
	Party   int
}

// Fields names the fields to package wire.
func (r *report) Fields(c *wire.Coder) {
	c.Name("code").Text(&r.Code)
	c.OptionalInt("party", &r.Party)
	c.Name("message").Text(&r.Message)
}

// Struct is a wire.Struct that points to a T.
type Struct[T any] interface {
	*T
	wire.Struct
}

// Call decodes input, hands it to step and returns the encoded result or error.
// It never panics on account of the input. Input, and every byte string that
// step was given or returned, is cleared: step must keep none of them.
func Call[In, Out any, I Struct[In], O Struct[Out]](input []byte, step func(I) (O, error)) []byte {
	in := I(new(In))
	return call(input, in.Fields, func() (func(*wire.Coder), error) {
		out, err := step(in)
		if out == nil {
			return nil, err
		}
		return out.Fields, err
	})
}

// call is Call for all types, so that there is one of it in a module and not one for each export.
func call(input []byte, in func(*wire.Coder), step func() (out func(*wire.Coder), err error)) []byte {
	err := wire.Unmarshal(input, min(len(input), MaxInput), in) // it reserves the maximum
	clear(input)
	var out func(*wire.Coder)
	if err == nil {
		out, err = step()
	}
	var encoded []byte
	if err == nil {
		encoded, err = wire.Marshal(func(c *wire.Coder) { c.Name("ok").Struct(out) })
	}
	wire.Wipe(in)
	if out != nil {
		wire.Wipe(out)
	}
	if err != nil {
		return encodeError(err)
	}
	return encoded
}

func encodeError(err error) []byte {
	e := wire.ErrorOf(err)
	encoded, err := wire.Marshal((&failure{report{e.Code, e.Message, e.Party}}).Fields)
	if err != nil {
		panic(err) // two texts and a number: always encodable
	}
	return encoded
}
