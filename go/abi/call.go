// Package abi is the boundary of a wasm module: one deterministic CBOR map in,
// one out, {ok: …} or {error: {code, message, party?}}. Call is the boundary's
// logic and runs anywhere; the memory and the random source behind it exist in
// wasm only.
package abi

import (
	"errors"
	"reflect"

	"tandem/go/wire"
)

// MaxInput is the largest input of a call in bytes, CBOR framing included.
const MaxInput = 1 << 20

type failure struct {
	Error report `cbor:"error"`
}

type report struct {
	Code    string `cbor:"code"`
	Message string `cbor:"message"`
	Party   int    `cbor:"party,omitempty"`
}

// Call decodes input, hands it to step and returns the encoded result or error.
// It never panics on account of the input. Input, and every byte string that
// step was given or returned, is cleared: step must keep none of them.
func Call[In, Out any](input []byte, step func(*In) (*Out, error)) []byte {
	in := new(In)
	return call(input, in, func() (any, error) {
		out, err := step(in)
		return out, err
	})
}

// call is Call for all types, so that there is one of it in a module and not one for each export.
func call(input []byte, in any, step func() (any, error)) []byte {
	err := wire.Unmarshal(input, min(len(input), MaxInput), in) // it reserves the maximum
	clear(input)
	defer wipe(in)
	if err != nil {
		return encodeError(err)
	}
	out, err := step()
	if err != nil {
		return encodeError(err)
	}
	defer wipe(out)
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
	encoded, err := wire.Marshal(&failure{r})
	if err != nil {
		panic(err) // two texts and a number: always encodable
	}
	return encoded
}

// wipe clears the byte strings among the fields of the struct that v points to,
// in embedded structs and in lists too. Which of them is a secret need not be known here.
func wipe(v any) { wipeFields(reflect.ValueOf(v).Elem()) }

func wipeFields(s reflect.Value) {
	for i := range s.NumField() {
		switch field := s.Field(i); {
		case field.Kind() == reflect.Struct:
			wipeFields(field)
		case field.Kind() == reflect.Slice && field.Type().Elem().Kind() == reflect.Uint8:
			clear(field.Bytes())
		case field.Kind() == reflect.Slice && field.Type().Elem().Kind() == reflect.Slice:
			for k := range field.Len() {
				clear(field.Index(k).Bytes())
			}
		}
	}
}
