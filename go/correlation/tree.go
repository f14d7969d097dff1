package correlation

import (
	"encoding/binary"
	"unsafe"

	"tandem/go/internal/chacha"
	"tandem/go/internal/sha2"
)

// tree is one tree, of which only the nodes of one depth are there at a time. It holds secrets: clear it.
type tree struct {
	nodes [leaves]chacha.Key
	zero  chacha.Nonce
}

// pair gives nodes 2i and 2i+1 in one: a block.
func (t *tree) pair(i int) *[2 * wordCount]uint32 {
	return (*[2 * wordCount]uint32)(unsafe.Pointer(&t.nodes[2*i : 2*i+2][0]))
}

// grow replaces all nodes at a depth by their children.
func (t *tree) grow(depth int) {
	for i := 1<<depth - 1; i >= 0; i-- {
		chacha.Block(t.pair(i), &t.nodes[i], &t.zero)
	}
}

// sum sets dst to the XOR of every second of the first n nodes, from the first one on.
func (t *tree) sum(dst *chacha.Key, first, n int) {
	*dst = chacha.Key{}
	for i := first; i < n; i += 2 {
		xor(dst, &t.nodes[i])
	}
}

// growPunctured is grow for one who knows all nodes but the one on the path to digit. Node y stands for the place
// y ⊕ path, so the unknown one is node 0, and of its children the sibling of the path's, node 1, is left as it is.
func (t *tree) growPunctured(depth int, digit byte) {
	mask := -uint32(digit >> (Bits - 1 - depth) & 1)
	for i := 1<<depth - 1; i > 0; i-- {
		chacha.Block(t.pair(i), &t.nodes[i], &t.zero)
		swapNodes(t.pair(i), mask)
	}
}

// swapNodes exchanges the two nodes if mask is all ones.
func swapNodes(pair *[2 * wordCount]uint32, mask uint32) {
	for k := range wordCount {
		d := (pair[k] ^ pair[wordCount+k]) & mask
		pair[k] ^= d
		pair[wordCount+k] ^= d
	}
}

func (t *tree) clear() { *t = tree{} }

func xor(dst, a *chacha.Key) {
	for k := range dst {
		dst[k] ^= a[k]
	}
}

// checker computes check values: a block each. It holds a leaf: clear it.
type checker struct {
	hash  *sha2.State256
	block [64]byte // tag, leaf, and what SHA-256 pads them with
}

func newChecker() *checker {
	c := &checker{hash: sha2.New256()}
	copy(c.block[:], tagCheck)
	c.block[len(tagCheck)+nodeSize] = 0x80
	binary.BigEndian.PutUint16(c.block[len(c.block)-2:], uint16(8*(len(tagCheck)+nodeSize)))
	return c
}

// put puts the check value of a leaf in dst.
func (c *checker) put(dst []byte, leaf *chacha.Key) {
	leaf.Put(c.block[len(tagCheck):])
	c.hash.Block(dst, &c.block)
}

func (c *checker) clear() {
	clear(c.block[:])
	c.hash.Clear()
}

// forest makes the action's trees, one at a time.
type forest struct {
	tree
	root chacha.Key // K
}

func newForest(key []byte) *forest {
	f := new(forest)
	f.root.Set(key)
	return f
}

// plant makes the root of tree c the only node.
func (f *forest) plant(c int) {
	chacha.Block(f.pair(0), &f.root, &chacha.Nonce{uint32(c / 2)})
	f.nodes[0] = f.nodes[c%2]
}

// full makes the nodes the leaves of tree c.
func (f *forest) full(c int) {
	f.plant(c)
	for depth := range Bits {
		f.grow(depth)
	}
}

func (f *forest) clear() { *f = forest{} }
