package correlation

import (
	"crypto/sha256"
	"encoding/binary"

	"tandem/go/internal/chacha"
)

// tree is one tree, of which only the nodes of one depth are there at a time. It holds secrets: clear it.
type tree struct {
	nodes [leaves]chacha.Key
	block [16]uint32 // scratch
	zero  chacha.Nonce
}

// children replaces node i by its children, 2i and 2i+1. What was at those places is gone.
func (t *tree) children(i int) {
	chacha.Block(&t.block, &t.nodes[i], &t.zero)
	copy(t.nodes[2*i][:], t.block[:wordCount])
	copy(t.nodes[2*i+1][:], t.block[wordCount:])
}

// grow replaces all nodes at a depth by their children.
func (t *tree) grow(depth int) {
	for i := 1<<depth - 1; i >= 0; i-- {
		t.children(i)
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
	swap := -uint32(digit >> (Bits - 1 - depth) & 1)
	for i := 1<<depth - 1; i > 0; i-- {
		chacha.Block(&t.block, &t.nodes[i], &t.zero)
		for k := range wordCount {
			d := (t.block[k] ^ t.block[wordCount+k]) & swap
			t.nodes[2*i][k] = t.block[k] ^ d
			t.nodes[2*i+1][k] = t.block[wordCount+k] ^ d
		}
	}
}

func (t *tree) clear() { *t = tree{} }

func xor(dst, a *chacha.Key) {
	for k := range dst {
		dst[k] ^= a[k]
	}
}

func putNode(dst []byte, node *chacha.Key) {
	for k, word := range node {
		binary.LittleEndian.PutUint32(dst[4*k:], word)
	}
}

func setNode(node *chacha.Key, b []byte) {
	for k := range node {
		node[k] = binary.LittleEndian.Uint32(b[4*k:])
	}
}

// check returns the check value of a leaf.
func check(leaf *chacha.Key) [hashSize]byte {
	var b [len(tagCheck) + nodeSize]byte
	copy(b[:], tagCheck)
	putNode(b[len(tagCheck):], leaf)
	defer clear(b[:])
	return sha256.Sum256(b[:])
}

// forest makes the action's trees, one at a time.
type forest struct {
	tree
	root chacha.Key // K
}

func newForest(key []byte) *forest {
	f := new(forest)
	setNode(&f.root, key)
	return f
}

// plant makes the root of tree c the only node.
func (f *forest) plant(c int) {
	chacha.Block(&f.block, &f.root, &chacha.Nonce{uint32(c / 2)})
	copy(f.nodes[0][:], f.block[wordCount*(c%2):])
}

// full makes the nodes the leaves of tree c.
func (f *forest) full(c int) {
	f.plant(c)
	for depth := range Bits {
		f.grow(depth)
	}
}

func (f *forest) clear() { *f = forest{} }
