// Package wire is the encoding of everything that leaves a step of a protocol:
// messages, sessions and key shares. They are CBOR (RFC 8949) in the core
// deterministic encoding of its section 4.2.1, and nothing else: a value has
// exactly one encoding, and Unmarshal refuses every other. wire.cddl beside
// this file is the schema.
//
// A top-level value is a map with small integer keys; key 1 is the version and
// key 2 the kind, a text that no other message shares. A struct has a method
// which names its fields to a Coder, in the order of their encoded keys:
//
//	func (m *request) Fields(c *wire.Coder) {
//		c.Header("onecall/request")
//		c.Key(3).Array(m.KeyID[:])
//		...
//	}
//
// That one method encodes, decodes and wipes the struct. Marshal, Unmarshal and
// Wipe are given it.
//
// Fields are integers from 0 to 2^31-1 or to 2^32-1, texts, byte strings (slices
// or arrays of bytes: an array fixes the length), lists, structs, and maps with
// integer keys. Structs inside may have texts as keys, and fields that are left
// out when empty.
//
// The codec is ours because of its size. With fxamacker/cbor, which brings fmt,
// math/big and time along, the whole wasm module had 426 KB, 211 KB gzipped; with
// a codec of our own the same exports had 242 KB, 116 KB gzipped. It has no
// reflection because of its time: a process that makes one call compiles every
// function that the call uses, and reflection with tags took 5 KB more and 0.4 ms
// of the 6.4 ms of an answer of onecall. fxamacker/cbor is the oracle of the tests.
package wire

// Version is the version of every message, session and share.
const Version = 1

// Marshal returns the deterministic encoding of the struct whose method Fields it
// is given. It fails with code internal if the struct cannot be encoded. There is
// no other copy of what it returns.
func Marshal(fields func(*Coder)) ([]byte, error) {
	c := Coder{mode: counting}
	c.Struct(fields)
	if c.fault {
		return nil, Errorf(CodeInternal, "a value that cannot be encoded")
	}
	c = Coder{mode: writing, data: make([]byte, 0, c.size)}
	c.Struct(fields)
	return c.data, nil
}

// Unmarshal decodes data into the zero struct whose method Fields it is given. It
// accepts exactly what Marshal gives for some value of that struct, in at most
// max bytes: no unknown, missing or repeated key, no other length of an array, no
// trailing byte. Anything else is an error with code input. After an error the
// struct holds nothing of use. It shares no memory with data.
func Unmarshal(data []byte, max int, fields func(*Coder)) error {
	if len(data) > max {
		return Errorf(CodeInput, "message of %d bytes, at most %d expected", len(data), max)
	}
	c := Coder{mode: reading, data: data}
	c.Struct(fields)
	if c.fault || len(c.data) > 0 {
		return Errorf(CodeInput, "not a valid encoding")
	}
	return c.header
}

// Wipe clears the byte strings and arrays in the struct whose method Fields it is
// given, wherever they are: in structs, in lists and in maps. Which of them is a
// secret need not be known.
func Wipe(fields func(*Coder)) {
	c := Coder{mode: wiping}
	c.Struct(fields)
}
