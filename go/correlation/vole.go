package correlation

import (
	"crypto/subtle"
	"encoding/binary"
	"math/bits"

	"tandem/go/internal/chacha"
	"tandem/go/secp256k1"
	"tandem/go/transcript"
	"tandem/go/wire"
)

// RhoSize is the length of ρ in bytes.
const RhoSize = 15

// MaxWidth is the largest n: with more pads the block counter would run into ρ.
const MaxWidth = 8

// Message is what the action sends of a vector OLE: part of a message of package onecall.
type Message struct {
	Tau    []byte   // 72 rows of n + 1 scalars
	EtaHat [32]byte // η̂
	Mu     [32]byte // μ
}

// Fields names the fields to package wire.
func (m *Message) Fields(c *wire.Coder) {
	c.Key(5).Bytes(&m.Tau)
	c.Key(6).Array(m.EtaHat[:])
	c.Key(7).Array(m.Mu[:])
}

// TauSize is the length of τ in bytes, for n outputs.
func TauSize(n int) int { return Digits * (n + 1) * secp256k1.ScalarSize }

// Transcript returns T.
func Transcript(ssid, rho, tau []byte) [32]byte { return transcript.Hash(labelTau, ssid, rho, tau) }

// challenge returns the θ_h, h < n.
func challenge(t *[32]byte, n int) []secp256k1.Scalar {
	theta := make([]secp256k1.Scalar, n)
	uniform := transcript.Expand(labelTheta, secp256k1.UniformSize*n, t[:])
	for h := range theta {
		theta[h].SetUniformBytes(uniform[secp256k1.UniformSize*h:][:secp256k1.UniformSize])
	}
	return theta
}

// sum holds sums over one pad of the leaves of a tree, p the pads and w their weights, by the lanes in which they were computed.
// Its limbs are of 32 bits, and not reduced: least significant first.
type sum struct {
	pads     [wordCount][chacha.Lanes]int64 // Σ p
	weighted [wordCount][chacha.Lanes]int64 // Σ w p
}

// add adds a pad of each lane, half a block. A limb of weighted stays below 64·64·2^32.
//
//go:noinline
func (s *sum) add(half *chacha.Keys, weights *[chacha.Lanes]int64) {
	pad, w := *half, *weights // so that nothing that is read is written to, and the loops become vector instructions
	for k := range pad {
		for l := range chacha.Lanes {
			limb := int64(bits.ReverseBytes32(pad[wordCount-1-k][l]))
			s.pads[k][l] += limb
			s.weighted[k][l] += limb * w[l]
		}
	}
}

// summer sums the pads of one tree after the other. It holds secrets: clear it.
type summer struct {
	width     int
	nonces    [blocks]chacha.Nonce
	sums      [2 * blocks]sum
	state     chacha.State
	low, high chacha.Keys
	weights   [chacha.Lanes]int64
	limbs     [wordCount + 1]uint32
}

// blocks is how many blocks there are of a leaf at most.
const blocks = MaxWidth/2 + 1

func newSummer(rho []byte, width int) *summer {
	s := &summer{width: width}
	for b := range s.nonces {
		nonce := &s.nonces[b]
		nonce[0] = uint32(b) | uint32(rho[12])<<8 | uint32(rho[13])<<16 | uint32(rho[14])<<24
		for k := range 3 {
			nonce[1+k] = binary.LittleEndian.Uint32(rho[4*k:])
		}
	}
	return s
}

// tree sets the sums to those over the leaves of a tree, the weight of leaf y ⊕ digit, at the place of y, being digit - (y ⊕ digit).
func (s *summer) tree(t *tree, digit byte) {
	s.sums = [2 * blocks]sum{}
	for i := range t.nodes {
		for l := range s.weights {
			y := byte(place(byte(chacha.Lanes*i+l), Bits))
			s.weights[l] = int64(digit) - int64(y^digit)
		}
		for b := range (s.width + 1) / 2 {
			s.state.Blocks(&s.low, &s.high, &t.nodes[i], &s.nonces[b])
			s.sums[2*b].add(&s.low, &s.weights)
			s.sums[2*b+1].add(&s.high, &s.weights)
		}
	}
}

// pads sets dst to Σ p of pad h, modulo q, weighted to Σ w p.
func (s *summer) pads(dst *secp256k1.Scalar, h int) { s.reduce(dst, &s.sums[h].pads) }

func (s *summer) weighted(dst *secp256k1.Scalar, h int) { s.reduce(dst, &s.sums[h].weighted) }

// bias makes what is above the limbs of a sum positive; biasLimbs, -bias·2^256 modulo q, takes it away again. Constants like this
// one are written out, and checked by a test: TinyGo would compute them whenever an instance starts.
const bias = 1 << 24

var biasLimbs = [wordCount]uint32{
	0x11364141, 0x4ca294ce, 0xeb08729a, 0xa15e2586, 0xfebaaedb, 0xffffffff, 0xffffffff, 0xffffffff,
}

// reduce sets dst to a number of limbs, in lanes, modulo q.
func (s *summer) reduce(dst *secp256k1.Scalar, limbs *[wordCount][chacha.Lanes]int64) {
	var carry int64
	for k := range limbs {
		carry += int64(biasLimbs[k])
		for _, limb := range limbs[k] {
			carry += limb
		}
		s.limbs[k] = uint32(carry)
		carry >>= 32
	}
	s.limbs[wordCount] = uint32(carry + bias)
	dst.SetLimbs(s.limbs[:])
}

func (s *summer) clear() { *s = summer{} }

// Action is the action's part of a correlation, made from its share. It holds secrets: Clear it.
type Action struct {
	Key []byte // K

	id     [32]byte
	forest *forest
}

// NewAction returns the action's part of the correlation of that id, which need not be one that was ever set up.
func NewAction(x *secp256k1.Scalar, id [32]byte) *Action {
	key := derive(x, infoK, &id, nodeSize)
	return &Action{key, id, newForest(key)}
}

// Clear forgets the secrets.
func (a *Action) Clear() {
	clear(a.Key)
	a.forest.clear()
}

// MACKey sets dst to the key of the MACs, which the caller clears.
func (a *Action) MACKey(dst *[32]byte) {
	checks, checker := make([]byte, checksSize), newChecker()
	a.forest.full(0)
	a.forest.checks(checks, checker)
	macKey(dst, &a.id, checks)
	checker.clear()
	clear(checks)
}

// Send is the vector OLE for alpha, whose last element is random and for the check alone. It returns the message, T, and the
// outputs, one less than alpha has elements, which the caller clears.
func (a *Action) Send(
	ssid, rho []byte, alpha []secp256k1.Scalar, g *Gadget,
) (message Message, t [32]byte, outputs []secp256k1.Scalar) {
	width := len(alpha)
	v := make([]secp256k1.Scalar, Digits*width)
	defer clearScalars(v)
	message.Tau = make([]byte, TauSize(width-1))
	a.sums(rho, alpha, message.Tau, v)
	t = Transcript(ssid, rho, message.Tau)
	message.prove(ssid, &t, alpha, v)
	return message, t, g.outputs(v, width)
}

// sums sets τ, encoded, and the v_{c,h}.
func (a *Action) sums(rho []byte, alpha []secp256k1.Scalar, tau []byte, v []secp256k1.Scalar) {
	width := len(alpha)
	s := newSummer(rho, width)
	defer s.clear()
	var t secp256k1.Scalar
	for c := range Digits {
		a.forest.full(c)
		s.tree(&a.forest.tree, 0) // so the weight of leaf x is -x
		for h := range width {
			s.pads(&t, h)
			t.Sub(&alpha[h], &t)
			t.PutBytes(tau[secp256k1.ScalarSize*(width*c+h):])
			s.weighted(&v[width*c+h], h)
			v[width*c+h].Neg(&v[width*c+h])
		}
	}
	t.Clear()
}

// prove sets η̂ and μ.
func (m *Message) prove(ssid []byte, t *[32]byte, alpha, v []secp256k1.Scalar) {
	width := len(alpha)
	theta := challenge(t, width-1)
	var sum secp256k1.Scalar
	defer sum.Clear()
	combine(&sum, alpha, theta)
	sum.PutBytes(m.EtaHat[:])
	rows := make([]byte, Digits*secp256k1.ScalarSize)
	defer clear(rows)
	for c := range Digits {
		combine(&sum, v[width*c:], theta)
		sum.PutBytes(rows[secp256k1.ScalarSize*c:])
	}
	m.Mu = transcript.Hash(labelMu, ssid, rows)
}

// combine sets sum to xs_n + Σ θ_h xs_h, for the n elements of θ.
func combine(sum *secp256k1.Scalar, xs, theta []secp256k1.Scalar) {
	sum.Set(&xs[len(theta)])
	for h := range theta {
		sum.MulAdd(&theta[h], &xs[h], sum)
	}
}

// outputs returns the inner products of the gadget with all columns but the last of rows of that width.
func (g *Gadget) outputs(rows []secp256k1.Scalar, width int) []secp256k1.Scalar {
	outputs := make([]secp256k1.Scalar, width-1)
	for h := range outputs {
		for c := range g {
			outputs[h].MulAdd(&g[c], &rows[width*c+h], &outputs[h])
		}
	}
	return outputs
}

// Receive is the user's part of the vector OLE, given T. It returns the outputs, which the caller clears, and false if what
// the action sent is not consistent or holds a scalar that is not canonical. It runs in constant time except for what it
// finds.
func (c *Correlation) Receive(ssid, rho []byte, t *[32]byte, message *Message, g *Gadget) ([]secp256k1.Scalar, bool) {
	width := len(message.Tau) / (Digits * secp256k1.ScalarSize)
	e := make([]secp256k1.Scalar, Digits*width) // τ at first
	defer clearScalars(e)
	for i := range e {
		if _, err := e[i].SetBytes(message.Tau[secp256k1.ScalarSize*i:][:secp256k1.ScalarSize]); err != nil {
			return nil, false
		}
	}
	etaHat, err := new(secp256k1.Scalar).SetBytes(message.EtaHat[:])
	if err != nil {
		return nil, false
	}
	c.sums(rho, e, width)
	mu := c.mu(ssid, t, etaHat, e, width)
	if subtle.ConstantTimeCompare(mu[:], message.Mu[:]) != 1 {
		return nil, false
	}
	return g.outputs(e, width), true
}

// sums replaces the τ_{c,h} by the e_{c,h}.
func (c *Correlation) sums(rho []byte, e []secp256k1.Scalar, width int) {
	s := newSummer(rho, width)
	defer s.clear()
	nodes := new(tree)
	defer nodes.clear()
	var digit, t secp256k1.Scalar
	for i, delta := range c.digits {
		c.leaves(nodes, i)
		s.tree(nodes, delta) // what is unknown has the weight 0
		digit.SetUint64(uint64(delta))
		for h := range width {
			s.weighted(&t, h)
			e[width*i+h].MulAdd(&digit, &e[width*i+h], &t)
		}
	}
	digit.Clear()
	t.Clear()
}

// mu is what μ must be.
func (c *Correlation) mu(ssid []byte, t *[32]byte, etaHat *secp256k1.Scalar, e []secp256k1.Scalar, width int) [32]byte {
	theta := challenge(t, width-1)
	rows := make([]byte, Digits*secp256k1.ScalarSize)
	defer clear(rows)
	var digit, sum secp256k1.Scalar
	for i, delta := range c.digits {
		combine(&sum, e[width*i:], theta)
		digit.SetUint64(uint64(delta))
		digit.Mul(&digit, etaHat)
		sum.Sub(&digit, &sum)
		sum.PutBytes(rows[secp256k1.ScalarSize*i:])
	}
	digit.Clear()
	sum.Clear()
	return transcript.Hash(labelMu, ssid, rows)
}

// leaves makes the nodes of t the leaves of tree i except the one at the digit: leaf y ⊕ digit at the place of y.
func (c *Correlation) leaves(t *tree, i int) {
	for level := range Bits {
		t.growPunctured(level, c.digits[i])
		t.node.Set(c.nodes[nodeSize*(Bits*i+level):])
		t.set(sibling(level), &t.node)
	}
}
