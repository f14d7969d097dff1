package wire

import (
	"bytes"
	"encoding/binary"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The major types of CBOR that are in use.
const (
	majorUint  = 0 << 5
	majorBytes = 2 << 5
	majorText  = 3 << 5
	majorList  = 4 << 5
	majorMap   = 5 << 5
)

// maxElements is the most elements of a list, or pairs of a map.
const maxElements = 256

// appendHead appends the head of a data item: its major type, and its value or
// length n in the shortest form.
func appendHead(b []byte, major byte, n uint64) []byte {
	switch {
	case n < 24:
		return append(b, major|byte(n))
	case n <= math.MaxUint8:
		return append(b, major|24, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, major|25), uint16(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(b, major|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(b, major|27), n)
}

// field is a field of a struct on the wire.
type field struct {
	key      string // encoded
	value    reflect.Value
	optional bool // left out if it is empty
}

// fields returns the fields of a struct, those of embedded structs among them,
// in the order of their keys.
func fields(v reflect.Value) []field {
	var all []field
	for i := range v.NumField() {
		description := v.Type().Field(i)
		if description.Anonymous {
			for _, f := range fields(v.Field(i)) {
				all = insert(all, f)
			}
			continue
		}
		f := field{value: v.Field(i)}
		f.key, f.optional = parseTag(description.Tag.Get("cbor"))
		all = insert(all, f)
	}
	return all
}

// insert puts f where its key belongs: a sort of package slices would be several KB of wasm.
func insert(all []field, f field) []field {
	at := len(all)
	for at > 0 && all[at-1].key > f.key {
		at--
	}
	return slices.Insert(all, at, f)
}

// parseTag reads a tag, which is that of fxamacker/cbor: a name, or a number and
// keyasint, then perhaps omitempty.
func parseTag(tag string) (key string, optional bool) {
	name, options, _ := strings.Cut(tag, ",")
	options, optional = strings.CutSuffix(options, "omitempty")
	if strings.HasPrefix(options, "keyasint") {
		number, err := strconv.Atoi(name)
		if err != nil {
			panic(err) // a constant of the program
		}
		return string(appendHead(nil, majorUint, uint64(number))), optional
	}
	return string(appendHead(nil, majorText, uint64(len(name)))) + name, optional
}

// omitted reports whether the field is left out.
func (f *field) omitted() bool {
	switch f.value.Kind() {
	case reflect.Slice, reflect.Map:
		return f.optional && f.value.Len() == 0
	}
	return f.optional && f.value.IsZero()
}

// octets returns what is behind a slice or an addressable array of bytes.
func octets(v reflect.Value) ([]byte, bool) {
	if kind := v.Kind(); kind != reflect.Slice && kind != reflect.Array || v.Type().Elem().Kind() != reflect.Uint8 {
		return nil, false
	}
	return v.Bytes(), true
}

// writer writes an encoding, or, as long as it has no buffer, counts its bytes.
type writer struct {
	buffer []byte
	size   int
}

func (w *writer) head(major byte, n uint64) {
	var head [9]byte
	w.write(appendHead(head[:0], major, n))
}

func (w *writer) write(b []byte) {
	w.size += len(b)
	if w.buffer != nil {
		w.buffer = append(w.buffer, b...)
	}
}

// value writes v. It reports whether v has an encoding.
func (w *writer) value(v reflect.Value) bool {
	if b, ok := octets(v); ok {
		w.head(majorBytes, uint64(len(b)))
		w.write(b)
		return true
	}
	switch v.Kind() {
	case reflect.Int:
		w.head(majorUint, uint64(v.Int()))
		return v.Int() >= 0
	case reflect.Uint8, reflect.Uint32:
		w.head(majorUint, v.Uint())
		return true
	case reflect.String:
		w.head(majorText, uint64(v.Len()))
		w.write([]byte(v.String()))
		return true
	case reflect.Pointer:
		return !v.IsNil() && w.value(v.Elem())
	case reflect.Slice:
		w.head(majorList, uint64(v.Len()))
		for i := range v.Len() {
			if !w.value(v.Index(i)) {
				return false
			}
		}
		return true
	case reflect.Map:
		return w.pairs(v)
	case reflect.Struct:
		return w.fields(v)
	}
	return false
}

func (w *writer) fields(v reflect.Value) bool {
	all, n := fields(v), 0
	for _, f := range all {
		if !f.omitted() {
			n++
		}
	}
	w.head(majorMap, uint64(n))
	for _, f := range all {
		if f.omitted() {
			continue
		}
		w.write([]byte(f.key))
		if !w.value(f.value) {
			return false
		}
	}
	return true
}

func (w *writer) pairs(v reflect.Value) bool {
	var keys []int
	for _, key := range v.MapKeys() {
		keys = append(keys, int(key.Int()))
	}
	slices.Sort(keys)
	w.head(majorMap, uint64(len(keys)))
	value := reflect.New(v.Type().Elem()).Elem() // a map's own are not addressable
	for _, n := range keys {
		key := reflect.ValueOf(n)
		value.Set(v.MapIndex(key))
		if !w.value(key) || !w.value(value) {
			return false
		}
	}
	return true
}

// reader reads an encoding from the front of data.
type reader struct{ data []byte }

// head reads a head of the wanted major type, in its shortest form.
func (r *reader) head(major byte) (n uint64, ok bool) {
	if len(r.data) == 0 || r.data[0]&0xe0 != major {
		return 0, false
	}
	low := r.data[0] & 0x1f
	if low < 24 {
		r.data = r.data[1:]
		return uint64(low), true
	}
	if low > 27 || len(r.data) < 1+1<<(low-24) {
		return 0, false
	}
	size := 1 << (low - 24)
	for _, b := range r.data[1 : 1+size] {
		n = n<<8 | uint64(b)
	}
	var head [9]byte
	if len(appendHead(head[:0], major, n)) != 1+size {
		return 0, false
	}
	r.data = r.data[1+size:]
	return n, true
}

// take reads n bytes, which stay part of the data.
func (r *reader) take(n uint64) ([]byte, bool) {
	if n > uint64(len(r.data)) {
		return nil, false
	}
	b := r.data[:n]
	r.data = r.data[n:]
	return b, true
}

// string reads the bytes of a byte string or a text.
func (r *reader) string(major byte) ([]byte, bool) {
	n, ok := r.head(major)
	if !ok {
		return nil, false
	}
	return r.take(n)
}

// value reads into v. It reports whether there was an encoding of a v.
func (r *reader) value(v reflect.Value) bool {
	if b, ok := octets(v); ok {
		read, ok := r.string(majorBytes)
		if !ok {
			return false
		}
		if v.Kind() == reflect.Slice {
			v.SetBytes(append([]byte{}, read...))
			return true
		}
		return copy(b, read) == len(b) && len(b) == len(read)
	}
	switch v.Kind() {
	case reflect.Int:
		n, ok := r.head(majorUint)
		v.SetInt(int64(n))
		return ok && n <= math.MaxInt
	case reflect.Uint8, reflect.Uint32:
		n, ok := r.head(majorUint)
		v.SetUint(n)
		return ok && v.Uint() == n
	case reflect.String:
		b, ok := r.string(majorText)
		v.SetString(string(b))
		return ok && utf8.Valid(b)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return r.value(v.Elem())
	case reflect.Slice:
		n, ok := r.head(majorList)
		if !ok || n > maxElements {
			return false
		}
		v.Set(reflect.MakeSlice(v.Type(), int(n), int(n)))
		for i := range int(n) {
			if !r.value(v.Index(i)) {
				return false
			}
		}
		return true
	case reflect.Map:
		return r.pairs(v)
	case reflect.Struct:
		return r.fields(v)
	}
	return false
}

func (r *reader) fields(v reflect.Value) bool {
	n, ok := r.head(majorMap)
	if !ok {
		return false
	}
	for _, f := range fields(v) {
		if !bytes.HasPrefix(r.data, []byte(f.key)) {
			if !f.optional {
				return false
			}
			continue
		}
		r.data = r.data[len(f.key):]
		n--
		if !r.value(f.value) || f.omitted() {
			return false
		}
	}
	return n == 0
}

func (r *reader) pairs(v reflect.Value) bool {
	n, ok := r.head(majorMap)
	if !ok || n > maxElements {
		return false
	}
	v.Set(reflect.MakeMapWithSize(v.Type(), int(n)))
	last := int64(-1)
	for range n {
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		if !r.value(key) || key.Int() <= last || !r.value(value) {
			return false
		}
		last = key.Int()
		v.SetMapIndex(key, value)
	}
	return true
}
