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
	defer wipe(out)
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
	encoded, err := wire.Marshal(&failure{r})
	if err != nil {
		panic(err) // two texts and a number: always encodable
	}
	return encoded
}

// wipe clears the byte strings and arrays in what v points to, wherever they are:
// in structs, in lists and in maps. Which of them is a secret need not be known here.
// v may be a nil pointer.
func wipe(v any) { wipeValue(reflect.ValueOf(v).Elem()) }

func wipeValue(v reflect.Value) {
	switch kind := v.Kind(); kind {
	case reflect.Pointer:
		if !v.IsNil() {
			wipeValue(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			wipeValue(v.Field(i))
		}
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			clear(v.Bytes())
			return
		}
		for i := range v.Len() {
			wipeValue(v.Index(i))
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			if v.Type().Elem().Kind() == reflect.Slice {
				wipeValue(v.MapIndex(key))
			}
			v.SetMapIndex(key, reflect.Zero(v.Type().Elem())) // a value that is not a slice is in the map itself
		}
	}
}
