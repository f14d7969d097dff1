// Package abi is the boundary of a wasm module: one deterministic CBOR map in,
// one out, {ok: …} or {error: {code, message, party?}}. Call is the boundary's
// logic and runs anywhere; the memory and the random source behind it exist in
// wasm only.
package abi

import (
	"errors"

	"tandem/go/wire"
)

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
	defer wire.Wipe(in)
	if err != nil {
		return encodeError(err)
	}
	out, err := step()
	if out != nil {
		defer wire.Wipe(out)
	}
	if err != nil {
		return encodeError(err)
	}
	value, err := wire.Marshal(out)
	if err != nil {
		return encodeError(err)
	}
	defer clear(value)
	return append(append(make([]byte, 0, len(okHead)+len(value)), okHead...), value...)
}

// okHead is the encoding of {ok: …} up to its value.
const okHead = "\xa1\x62ok"

func encodeError(err error) []byte {
	r := report{Code: wire.CodeOf(err), Message: err.Error()}
	var e *wire.Error
	if errors.As(err, &e) {
		r.Message, r.Party = e.Message, e.Party
	}
	encoded, err := wire.Marshal((&failure{r}).Fields)
	if err != nil {
		panic(err) // two texts and a number: always encodable
	}
	return encoded
}
