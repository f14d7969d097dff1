package correlation

import (
	"crypto/subtle"
	"encoding/binary"

	"tandem/go/internal/chacha"
	"tandem/go/secp256k1"
	"tandem/go/transcript"
)

// RhoSize is the length of ρ in bytes.
const RhoSize = 15

// MaxWidth is the largest n: with more pads the block counter would run into ρ.
const MaxWidth = 8

// Message is what the action sends of a vector OLE.
type Message struct {
	Tau    []byte   // 72 rows of n + 1 scalars
	EtaHat [32]byte // η̂
	Mu     [32]byte // μ
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

// pads makes the pads of a leaf.
type pads struct {
	nonce chacha.Nonce // with block number 0
	block [16]uint32
	bytes [64]byte
	pad   [MaxWidth + 1]secp256k1.Scalar
}

func newPads(rho []byte) *pads {
	p := new(pads)
	p.nonce[0] = uint32(rho[12])<<8 | uint32(rho[13])<<16 | uint32(rho[14])<<24
	for k := range 3 {
		p.nonce[1+k] = binary.LittleEndian.Uint32(rho[4*k:])
	}
	return p
}

// of sets the first n pads to those of the leaf.
func (p *pads) of(leaf *chacha.Key, n int) {
	for h := range n {
		if h%2 == 0 {
			nonce := p.nonce
			nonce[0] |= uint32(h / 2)
			chacha.Block(&p.block, leaf, &nonce)
			for k, word := range p.block {
				binary.LittleEndian.PutUint32(p.bytes[4*k:], word)
			}
		}
		p.pad[h].SetDigest(p.bytes[32*(h%2):][:32])
	}
}

func (p *pads) clear() {
	clear(p.block[:])
	clear(p.bytes[:])
	clearScalars(p.pad[:])
}

// Action is the action's part of a correlation, made from its share. It holds secrets: Clear it.
type Action struct {
	Key []byte // K

	id     [32]byte
	forest *forest
}

// NewAction returns the action's part of the correlation of that id, which need not be one that was ever set up.
func NewAction(x *secp256k1.Scalar, id [32]byte) (*Action, error) {
	key, err := derive(x, infoK, &id, nodeSize)
	if err != nil {
		return nil, err
	}
	return &Action{key, id, newForest(key)}, nil
}

// Clear forgets the secrets.
func (a *Action) Clear() {
	clear(a.Key)
	a.forest.clear()
}

// MACKey returns the key of the MACs, which the caller clears.
func (a *Action) MACKey() [32]byte {
	checks := make([]byte, leaves*hashSize)
	defer clear(checks)
	var sum [hashSize]byte
	a.forest.full(0)
	a.forest.checks(checks, sum[:])
	return macKey(&a.id, checks)
}

// Send is the vector OLE for alpha, whose last element is random and for the check alone. It returns the message, T, and the
// outputs, one less than alpha has elements, which the caller clears.
func (a *Action) Send(
	ssid, rho []byte, alpha []secp256k1.Scalar, g *Gadget,
) (message *Message, t [32]byte, outputs []secp256k1.Scalar) {
	width := len(alpha)
	v := make([]secp256k1.Scalar, Digits*width)
	defer clearScalars(v)
	message = &Message{Tau: make([]byte, TauSize(width-1))}
	p := newPads(rho)
	defer p.clear()
	var x secp256k1.Scalar
	sums := make([]secp256k1.Scalar, width)
	defer clearScalars(sums)
	for c := range Digits {
		a.forest.full(c)
		row := v[width*c:][:width]
		clearScalars(sums)
		for place := range leaves {
			p.of(&a.forest.nodes[place], width)
			x.SetUint64(uint64(place))
			for h := range width {
				sums[h].Add(&sums[h], &p.pad[h])
				row[h].MulAdd(&x, &p.pad[h], &row[h])
			}
		}
		for h := range width {
			sums[h].Sub(&alpha[h], &sums[h])
			sums[h].PutBytes(message.Tau[secp256k1.ScalarSize*(width*c+h):])
		}
	}
	t = Transcript(ssid, rho, message.Tau)
	theta := challenge(&t, width-1)
	combined := combine(alpha, theta)
	combined.PutBytes(message.EtaHat[:])
	rows := make([]byte, Digits*secp256k1.ScalarSize)
	defer clear(rows)
	for c := range Digits {
		sum := combine(v[width*c:][:width], theta)
		sum.PutBytes(rows[secp256k1.ScalarSize*c:])
		sum.Clear()
	}
	message.Mu = transcript.Hash(labelMu, ssid, rows)
	outputs = make([]secp256k1.Scalar, width-1)
	for h := range outputs {
		outputs[h] = g.inner(v[h:], width)
	}
	return message, t, outputs
}

// combine returns the last of xs plus Σ θ_h xs_h.
func combine(xs, theta []secp256k1.Scalar) secp256k1.Scalar {
	sum := xs[len(theta)]
	for h := range theta {
		sum.MulAdd(&theta[h], &xs[h], &sum)
	}
	return sum
}

// Receive is the user's part of the vector OLE, given T. It returns the outputs, which the caller clears, and false if what
// the action sent is not consistent or holds a scalar that is not canonical. It runs in constant time but for what it
// finds.
func (c *Correlation) Receive(ssid, rho []byte, t *[32]byte, message *Message, g *Gadget) ([]secp256k1.Scalar, bool) {
	width := len(message.Tau) / (Digits * secp256k1.ScalarSize)
	tau := make([]secp256k1.Scalar, Digits*width)
	for i := range tau {
		if _, err := tau[i].SetBytes(message.Tau[secp256k1.ScalarSize*i:][:secp256k1.ScalarSize]); err != nil {
			return nil, false
		}
	}
	etaHat, err := new(secp256k1.Scalar).SetBytes(message.EtaHat[:])
	if err != nil {
		return nil, false
	}
	e := make([]secp256k1.Scalar, Digits*width)
	defer clearScalars(e)
	forest := new(tree)
	defer forest.clear()
	p := newPads(rho)
	defer p.clear()
	var weight, other, digit secp256k1.Scalar
	for i := range Digits {
		delta := c.digits[i]
		c.leaves(forest, i)
		digit.SetUint64(uint64(delta))
		row := e[width*i:][:width]
		for y := 1; y < leaves; y++ {
			p.of(&forest.nodes[y], width)
			other.SetUint64(uint64(delta ^ byte(y)))
			weight.Sub(&digit, &other)
			for h := range width {
				row[h].MulAdd(&weight, &p.pad[h], &row[h])
			}
		}
		for h := range width {
			row[h].MulAdd(&digit, &tau[width*i+h], &row[h])
		}
	}
	theta := challenge(t, width-1)
	rows := make([]byte, Digits*secp256k1.ScalarSize)
	defer clear(rows)
	for i := range Digits {
		sum := combine(e[width*i:][:width], theta)
		digit.SetUint64(uint64(c.digits[i]))
		digit.Mul(&digit, etaHat)
		sum.Sub(&digit, &sum)
		sum.PutBytes(rows[secp256k1.ScalarSize*i:])
		sum.Clear()
	}
	weight.Clear()
	other.Clear()
	digit.Clear()
	mu := transcript.Hash(labelMu, ssid, rows)
	if subtle.ConstantTimeCompare(mu[:], message.Mu[:]) != 1 {
		return nil, false
	}
	outputs := make([]secp256k1.Scalar, width-1)
	for h := range outputs {
		outputs[h] = g.inner(e[h:], width)
	}
	return outputs, true
}

// leaves makes the nodes of t the leaves of tree i but the one at the digit: leaf y ⊕ digit at y.
func (c *Correlation) leaves(t *tree, i int) {
	for level := range Bits {
		t.growPunctured(level, c.digits[i])
		setNode(&t.nodes[1], c.nodes[nodeSize*(Bits*i+level):])
	}
}
