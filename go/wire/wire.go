// Package wire is the encoding of everything that leaves a step of a protocol:
// messages, sessions and key shares. They are CBOR (RFC 8949) in the core
// deterministic encoding of its section 4.2.1, and nothing else: a value has
// exactly one encoding, and Unmarshal refuses every other. wire.cddl beside
// this file is the schema.
//
// A top-level value is a map with small integer keys; key 1 is the version and
// key 2 the kind, a text that no other message shares:
//
//	type request struct {
//		Version int    `cbor:"1,keyasint"`
//		Kind    string `cbor:"2,keyasint"`
//		...
//	}
//
// Fields are integers, texts, byte strings (slices or arrays of bytes: an array
// fixes the length), lists, and maps with integer keys. Pointers, floats and
// interfaces have no place there.
package wire

import (
	"bytes"

	"github.com/fxamacker/cbor/v2"
)

// Version is the version of every message, session and share.
const Version = 1

// secretSize is more than any secret value (a session, a share) encodes to. A
// buffer of that capacity never moves while one is written, so no stray copy of
// it is left behind.
const secretSize = 8 << 10

var (
	encoding = must(encOptions().UserBufferEncMode())
	decoding = must(decOptions().DecMode())
)

func encOptions() cbor.EncOptions {
	options := cbor.CoreDetEncOptions()
	options.NilContainers = cbor.NilContainerAsEmpty // null is never a byte string, a list or a map
	options.TagsMd = cbor.TagsForbidden
	return options
}

func decOptions() cbor.DecOptions {
	return cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		TagsMd:            cbor.TagsForbidden,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		UTF8:              cbor.UTF8RejectInvalid,
		FieldNameMatching: cbor.FieldNameMatchingCaseSensitive,
		MaxNestedLevels:   6,
		MaxArrayElements:  256,
		MaxMapPairs:       256,
	}
}

func must[T any](mode T, err error) T {
	if err != nil {
		panic(err) // constant options: fails at the first start of the program or never
	}
	return mode
}

// Marshal returns the deterministic encoding of v, a pointer to a struct. It
// fails with code internal if the type cannot be encoded.
func Marshal(v any) ([]byte, error) {
	var buffer bytes.Buffer
	buffer.Grow(secretSize)
	if err := encoding.MarshalToBuffer(v, &buffer); err != nil {
		return nil, Errorf(CodeInternal, "encode: %v", err)
	}
	encoded := bytes.Clone(buffer.Bytes())
	clear(buffer.Bytes())
	return encoded, nil
}

// Unmarshal decodes data into v, a pointer to a zero struct. It accepts exactly
// what Marshal gives for some value of that type, in at most max bytes: no
// unknown, missing or repeated key, no other length of an array, no trailing
// byte. Anything else is an error with code input. After an error v holds
// nothing of use.
func Unmarshal(data []byte, max int, v any) error {
	if len(data) > max {
		return Errorf(CodeInput, "message of %d bytes, at most %d expected", len(data), max)
	}
	if err := decoding.Unmarshal(data, v); err != nil {
		return Errorf(CodeInput, "not a valid encoding")
	}
	var buffer bytes.Buffer
	buffer.Grow(len(data))
	err := encoding.MarshalToBuffer(v, &buffer)
	canonical := err == nil && bytes.Equal(buffer.Bytes(), data)
	clear(buffer.Bytes())
	if !canonical {
		return Errorf(CodeInput, "not the canonical encoding")
	}
	return nil
}

// Header checks the first two fields of a decoded message: an error with code
// input if the version is not ours or the kind is not the wanted one.
func Header(version int, kind, want string) error {
	if version != Version {
		return Errorf(CodeInput, "version %d, this code speaks version %d", version, Version)
	}
	if kind != want {
		return Errorf(CodeInput, "this is not a %s message", want)
	}
	return nil
}
