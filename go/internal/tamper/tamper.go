// Package tamper changes messages, one thing at a time. It is for tests.
package tamper

import (
	"bytes"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"tandem/go/secp256k1"
)

// Message is a message with one thing in it changed.
type Message struct {
	Where string
	Bytes []byte
}

// Decode returns a message as a tree of maps, lists, byte strings, texts and integers.
func Decode(t testing.TB, message []byte) map[any]any {
	t.Helper()
	var root map[any]any
	if err := cbor.Unmarshal(message, &root); err != nil {
		t.Fatal(err)
	}
	return root
}

// Header returns a message with another version, below 24, or kind in its header.
func Header(message []byte, version byte, kind string) []byte {
	const text = 3 << 5 // a text of less than 24 bytes begins with this and its length
	rest := message[5+int(message[4]&^text):]
	return slices.Concat(message[:2], []byte{version, 2, text | byte(len(kind))}, []byte(kind), rest)
}

// All returns the message with each thing in it changed, one at a time and in several ways each, encoded as strictly as
// the original.
func All(t testing.TB, message []byte) []Message {
	t.Helper()
	mode, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		t.Fatal(err)
	}
	root := Decode(t, message)
	var all []Message
	var walk func(where string, value any, put func(any))
	walk = func(where string, value any, put func(any)) {
		try := func(how string, changed any) {
			put(changed)
			encoded, err := mode.Marshal(root)
			if err != nil {
				t.Fatal(err)
			}
			put(value)
			all = append(all, Message{where + " " + how, encoded})
		}
		switch v := value.(type) {
		case map[any]any:
			for _, key := range slices.Collect(maps.Keys(v)) {
				element := v[key]
				walk(fmt.Sprintf("%s/%v", where, key), element, func(changed any) { v[key] = changed })
				delete(v, key)
				try(fmt.Sprintf("without %v", key), v)
				v[key] = element
			}
			v[uint64(99)] = uint64(1)
			try("with 99", v)
			delete(v, uint64(99))
		case []any:
			for i := range v {
				walk(fmt.Sprintf("%s[%d]", where, i), v[i], func(changed any) { v[i] = changed })
			}
			try("longer", append(slices.Clone(v), uint64(0)))
			if len(v) > 0 {
				try("shorter", v[1:])
			}
			if len(v) > 1 && !reflect.DeepEqual(v[0], v[1]) {
				swapped := slices.Clone(v)
				swapped[0], swapped[1] = v[1], v[0]
				try("swapped", swapped)
			}
		case []byte:
			try("longer", append(bytes.Clone(v), 0))
			try("text", string(bytes.Repeat([]byte{'a'}, len(v))))
			try("null", nil)
			if len(v) == 0 {
				break
			}
			edit := func(how string, f func([]byte)) {
				b := bytes.Clone(v)
				f(b)
				if !bytes.Equal(b, v) {
					try(how, b)
				}
			}
			edit("first bit", func(b []byte) { b[0] ^= 0x80 })
			edit("middle bit", func(b []byte) { b[len(b)/2] ^= 4 })
			edit("last bit", func(b []byte) { b[len(b)-1] ^= 1 })
			edit("zero", func(b []byte) { clear(b) })
			edit("ones", func(b []byte) { copy(b, bytes.Repeat([]byte{0xff}, len(b))) })
			if len(v) == secp256k1.PointSize {
				edit("negated", func(b []byte) { b[0] ^= 1 })
				edit("another point", func(b []byte) { copy(b, secp256k1.NewGenerator().Bytes()) })
			}
			try("shorter", v[1:])
			try("empty", []byte{})
		case uint64:
			try("+1", v+1)
			try("huge", uint64(1)<<63)
			try("negative", int64(-1))
			try("bytes", []byte{byte(v)})
		case string:
			try("other", v+"x")
			try("empty", "")
			try("bytes", []byte(v))
		default:
			t.Fatalf("%s: a %T in a message", where, value)
		}
	}
	walk("", root, func(any) {}) // the root is changed in place
	return all
}
