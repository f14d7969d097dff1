package correlation

import (
	"encoding/binary"
	"math/bits"

	"tandem/go/internal/chacha"
	"tandem/go/internal/sha2"
)

// tree is one tree, of which only the nodes of one depth are there at a time. Those are numbered by place: that of the node which
// the bits b_0, b_1, ... lead to is Σ b_l·2^l, so the children of place p at depth d are p and p + 2^d, and four neighbours grow
// at once. It holds secrets: clear it.
type tree struct {
	nodes [leaves / chacha.Lanes]chacha.Keys // place p is lane p mod 4 of p/4
	high  chacha.Keys
	state chacha.State
	zero  chacha.Nonce
	node  chacha.Key // scratch: a variable's last value is not worth clearing to a compiler, that of a field is
}

// place is that of the node at a depth to which the bits of x lead, from the most significant.
func place(x byte, depth int) int { return int(bits.Reverse8(x) >> (8 - depth)) }

// get sets dst to the node at a place.
func (t *tree) get(dst *chacha.Key, p int) { t.nodes[p/chacha.Lanes].Get(dst, p%chacha.Lanes) }

// set sets the node at a place.
func (t *tree) set(p int, node *chacha.Key) { t.nodes[p/chacha.Lanes].Set(p%chacha.Lanes, node) }

// grow replaces all nodes at a depth by their children.
func (t *tree) grow(depth int) {
	if n := 1 << depth; n < chacha.Lanes { // then all children are in the first four places
		first := &t.nodes[0]
		t.state.Blocks(first, &t.high, first, &t.zero)
		for i := range first {
			copy(first[i][n:], t.high[i][:n])
		}
		return
	}
	left, right := t.halves(depth)
	for i := range left {
		t.state.Blocks(&left[i], &right[i], &left[i], &t.zero)
	}
}

// halves returns where the left and the right children of the nodes at a depth are, if these are a multiple of four.
func (t *tree) halves(depth int) (left, right []chacha.Keys) {
	n := 1 << depth / chacha.Lanes
	return t.nodes[:n], t.nodes[n : 2*n]
}

// sum sets dst to the XOR of all left nodes at a depth, side 0, or of all right ones, side 1.
func (t *tree) sum(dst *chacha.Key, depth, side int) {
	*dst = chacha.Key{}
	half := 1 << (depth - 1)
	for p := range half {
		t.get(&t.node, side*half+p)
		xor(dst, &t.node)
	}
}

// growPunctured is grow for one who knows all nodes except the one on the path to digit. The place y stands for y ⊕ that of the
// path, so the unknown node is at 0, and so is the one of its children that is on the path. Both children are zero afterwards: the
// caller sets the sibling.
func (t *tree) growPunctured(depth int, digit byte) {
	t.grow(depth)
	mask := -uint32(digit >> (Bits - 1 - depth) & 1)
	if n := 1 << depth; n < chacha.Lanes {
		for i := range t.nodes[0] {
			for l := range n {
				swapWords(&t.nodes[0][i][l], &t.nodes[0][i][n+l], mask)
			}
		}
	} else {
		left, right := t.halves(depth)
		for i := range left {
			swapNodes(&left[i], &right[i], mask)
		}
	}
	t.set(0, &chacha.Key{})
	t.set(sibling(depth), &chacha.Key{})
}

// swapWords exchanges a and b if mask is all ones.
func swapWords(a, b *uint32, mask uint32) {
	d := (*a ^ *b) & mask
	*a ^= d
	*b ^= d
}

// sibling is the place of the sibling of the path's node, after growPunctured at a depth.
func sibling(depth int) int { return 1 << depth }

// swapNodes exchanges a and b if mask is all ones.
func swapNodes(a, b *chacha.Keys, mask uint32) {
	other := *b // not where a is, for all that a compiler knows
	for i := range a {
		for l := range chacha.Lanes {
			swapWords(&a[i][l], &other[i][l], mask)
		}
	}
	*b = other
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
	root chacha.Keys // K, in the first lane
}

func newForest(key []byte) *forest {
	f := new(forest)
	var root chacha.Key
	root.Set(key)
	f.root.Set(0, &root)
	root = chacha.Key{}
	return f
}

// plant makes the root of tree c the only node.
func (f *forest) plant(c int) {
	f.state.Blocks(&f.nodes[0], &f.high, &f.root, &chacha.Nonce{uint32(c / 2)})
	if c%2 == 1 {
		f.nodes[0] = f.high
	}
}

// full makes the nodes the leaves of tree c.
func (f *forest) full(c int) {
	f.plant(c)
	for depth := range Bits {
		f.grow(depth)
	}
}

func (f *forest) clear() { *f = forest{} }
