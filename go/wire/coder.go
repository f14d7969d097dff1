package wire

import (
	"encoding/binary"
	"math"
	"slices"
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

const (
	maxElements = 256 // the most elements of a list, or pairs of a map
	maxFields   = 23  // the most fields of a struct: with more the head of its map has two bytes
)

type mode byte

const (
	counting mode = iota // the bytes of an encoding
	writing
	reading
	wiping
)

// Struct is a pointer to a struct that goes on the wire. Its method names the fields to c, in the order of their encoded keys.
type Struct interface{ Fields(c *Coder) }

// Coder is what a method Fields names the fields of its struct to. By turns it counts the bytes of their encoding, writes it,
// reads it, or wipes the fields. After a fault it goes on, and does nothing of use.
type Coder struct {
	mode   mode
	data   []byte // writing: what is written so far; reading: what is left
	size   int    // counting: the bytes so far
	fields int    // so far, of the struct that is being coded
	fault  bool
	header error // reading: a version or kind that is not the wanted one
}

func (c *Coder) fail() {
	c.fault = true
	c.data = nil
}

// extra returns how many bytes the shortest head with a value or length of n has besides its first.
func extra(n uint32) int {
	switch {
	case n < 24:
		return 0
	case n <= math.MaxUint8:
		return 1
	case n <= math.MaxUint16:
		return 2
	}
	return 4
}

// head codes the head of a data item: its major type, and its value or length in the shortest form. It returns the n that it
// read, and else the one that it was given. More than 32 bits are in use nowhere.
func (c *Coder) head(major byte, n uint32) uint32 {
	switch c.mode {
	case reading:
		return c.readHead(major)
	case wiping:
		return n
	}
	var b [5]byte
	size := extra(n)
	b[0] = byte(n)
	if size > 0 {
		b[0] = byte(24 + size/2)
		binary.BigEndian.PutUint32(b[1:], n<<(8*(4-size)))
	}
	b[0] |= major
	c.raw(b[:1+size])
	return n
}

func (c *Coder) readHead(major byte) uint32 {
	if len(c.data) == 0 || c.data[0]&0xe0 != major {
		c.fail()
		return 0
	}
	n, size := uint32(c.data[0]&0x1f), 0
	if n >= 24 {
		size = 1 << (n - 24)
		if len(c.data) <= size {
			c.fail()
			return 0
		}
		n = 0
		for _, b := range c.data[1 : 1+size] {
			n = n<<8 | uint32(b)
		}
		if size != extra(n) { // not the shortest, or of 8 bytes or more
			c.fail()
			return 0
		}
	}
	c.data = c.data[1+size:]
	return n
}

// raw codes b itself, whose length is known.
func (c *Coder) raw(b []byte) {
	switch c.mode {
	case counting:
		c.size += len(b)
	case writing:
		c.data = append(c.data, b...)
	case reading:
		if len(b) > len(c.data) {
			c.fail()
			return
		}
		c.data = c.data[copy(b, c.data):]
	case wiping:
		clear(b)
	}
}

// uint codes n, which is at most the given number.
func (c *Coder) uint(n, most uint32) uint32 {
	n = c.head(majorUint, n)
	if n > most {
		c.fail()
	}
	return n
}

// string codes a byte string or a text.
func (c *Coder) string(major byte, b *[]byte) {
	n := c.head(major, uint32(len(*b)))
	if c.mode == reading {
		if n > uint32(len(c.data)) {
			c.fail()
			n = 0
		}
		*b = make([]byte, n)
	}
	c.raw(*b)
}

// count codes the head of a list or a map of n elements.
func (c *Coder) count(major byte, n int) int {
	read := c.head(major, uint32(n))
	if read > maxElements {
		c.fail()
		return 0
	}
	return int(read)
}

// key codes a text as a key. It reports whether that is the next key, and takes it only then.
func (c *Coder) key(name string) bool {
	if c.mode == reading {
		n := 1 + len(name)
		if len(c.data) < n || c.data[0] != majorText|byte(len(name)) || string(c.data[1:n]) != name {
			return false
		}
		c.data = c.data[n:]
	} else {
		c.head(majorText, uint32(len(name)))
		c.raw([]byte(name))
	}
	c.fields++
	return true
}

// Key codes the key of a field, a small integer. The field's value must follow.
func (c *Coder) Key(n uint32) *Coder {
	if c.head(majorUint, n) != n {
		c.fail()
	}
	c.fields++
	return c
}

// Name is Key for a text of less than 24 bytes.
func (c *Coder) Name(name string) *Coder {
	if !c.key(name) {
		c.fail()
	}
	return c
}

// Header codes the first two fields of what goes on the wire by itself: the version, which is [Version], and the kind. With
// others in their place Unmarshal fails.
func (c *Coder) Header(kind string) {
	version, got := Version, kind
	c.Key(1).Int(&version)
	c.Key(2).Text(&got)
	if version != Version {
		c.header = Errorf(CodeInput, "version %d, this code speaks version %d", version, Version)
	} else if got != kind {
		c.header = Errorf(CodeInput, "this is not a %s message", kind)
	}
}

// Int codes an integer of 31 bits, which is not negative.
func (c *Coder) Int(v *int) {
	if c.mode == wiping {
		return
	}
	if *v < 0 || *v > math.MaxInt32 {
		c.fail()
	}
	*v = int(c.uint(uint32(*v), math.MaxInt32))
}

// Uint32 codes an integer of 32 bits.
func (c *Coder) Uint32(v *uint32) { *v = c.head(majorUint, *v) }

// Byte codes an integer of 8 bits.
func (c *Coder) Byte(v *byte) { *v = byte(c.uint(uint32(*v), math.MaxUint8)) }

// Text codes a text, which is UTF-8.
func (c *Coder) Text(v *string) {
	b := []byte(*v)
	c.string(majorText, &b)
	if c.mode == reading {
		*v = string(b)
		if !valid(b) {
			c.fail()
		}
	}
}

// valid is utf8.Valid, which has much to compile and is rarely needed.
func valid(b []byte) bool {
	for _, x := range b {
		if x >= utf8.RuneSelf {
			return validUTF8(b)
		}
	}
	return true
}

//go:noinline
func validUTF8(b []byte) bool { return utf8.Valid(b) }

// Bytes codes a byte string of any length.
func (c *Coder) Bytes(v *[]byte) { c.string(majorBytes, v) }

// Array codes a byte string whose length is that of the given one, an array's.
func (c *Coder) Array(v []byte) {
	if c.head(majorBytes, uint32(len(v))) != uint32(len(v)) {
		c.fail()
		return
	}
	c.raw(v)
}

// Array32 is Array for the values of a map.
func (c *Coder) Array32(v *[32]byte) { c.Array(v[:]) }

// Struct codes a struct, whose method Fields is given.
func (c *Coder) Struct(fields func(*Coder)) {
	outer, at := c.fields, len(c.data)
	c.fields = 0
	n := c.head(majorMap, 0)
	fields(c)
	if c.mode == writing {
		c.data[at] |= byte(c.fields)
	}
	if c.mode == reading && n != uint32(c.fields) || c.fields > maxFields {
		c.fail()
	}
	c.fields = outer
}

// Ints codes a list of integers that are not negative.
func (c *Coder) Ints(v *[]int) {
	List(c, v)
	for i := range *v {
		c.Int(&(*v)[i])
	}
}

// OptionalBytes codes a field, key and all, that is left out if it is empty.
func (c *Coder) OptionalBytes(name string, v *[]byte) {
	if (c.mode == reading || len(*v) > 0) && c.key(name) {
		c.Bytes(v)
		if len(*v) == 0 {
			c.fail()
		}
	}
}

// OptionalInt codes a field, key and all, that is left out if it is zero.
func (c *Coder) OptionalInt(name string, v *int) {
	if (c.mode == reading || *v != 0) && c.key(name) {
		c.Int(v)
		if *v == 0 {
			c.fail()
		}
	}
}

// List codes the length of a list, and on reading makes the list. Each element must follow.
func List[T any](c *Coder, v *[]T) {
	n := c.count(majorList, len(*v))
	if c.mode == reading {
		*v = make([]T, n)
	}
}

// Map codes a map whose keys are not negative. It calls value for each value, in the order of their keys.
func Map[T any](c *Coder, v *map[int]T, value func(*Coder, *T)) {
	keys := make([]int, 0, len(*v))
	for key := range *v {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	n := c.count(majorMap, len(keys))
	if c.mode == reading {
		keys = make([]int, n)
		*v = make(map[int]T, n)
	}
	last := -1
	for _, key := range keys {
		c.Int(&key)
		if key <= last {
			c.fail()
		}
		last = key
		one := (*v)[key] // a map's own have no address
		value(c, &one)
		if c.mode >= reading {
			(*v)[key] = one
		}
	}
}
