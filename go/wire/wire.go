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
// Fields are integers that are not negative, texts, byte strings (slices or
// arrays of bytes: an array fixes the length), lists, structs, and maps with
// integer keys. Structs inside may have texts as keys, and fields that are left
// out when empty. Floats and interfaces have no place there.
//
// The codec is ours because of its size. With fxamacker/cbor, which brings fmt,
// math/big and time along, the whole wasm module had 426 KB, 211 KB gzipped;
// with this codec the same exports had 242 KB, 116 KB gzipped. Types and tags are
// still that library's, which is the oracle of the tests. Methods that name the
// fields, in the place of reflection, would save 8 KB more of the gzipped
// module, and the oracle with them.
package wire

import "reflect"

// Version is the version of every message, session and share.
const Version = 1

// Marshal returns the deterministic encoding of v, a pointer to a struct. It
// fails with code internal if the value cannot be encoded. There is no other
// copy of what it returns.
func Marshal(v any) ([]byte, error) {
	var w writer
	value := reflect.ValueOf(v).Elem()
	if !w.value(value) {
		return nil, Errorf(CodeInternal, "a value that cannot be encoded")
	}
	w = writer{buffer: make([]byte, 0, w.size)}
	w.value(value)
	return w.buffer, nil
}

// Unmarshal decodes data into v, a pointer to a zero struct. It accepts exactly
// what Marshal gives for some value of that type, in at most max bytes: no
// unknown, missing or repeated key, no other length of an array, no trailing
// byte. Anything else is an error with code input. After an error v holds
// nothing of use. v shares no memory with data.
func Unmarshal(data []byte, max int, v any) error {
	if len(data) > max {
		return Errorf(CodeInput, "message of %d bytes, at most %d expected", len(data), max)
	}
	r := reader{data}
	if !r.value(reflect.ValueOf(v).Elem()) || len(r.data) > 0 {
		return Errorf(CodeInput, "not a valid encoding")
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
