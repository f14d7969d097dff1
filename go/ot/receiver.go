package ot

import (
	"bytes"
	"io"

	"tandem/go/internal/random"
	"tandem/go/secp256k1"
	"tandem/go/wire"
)

// Receiver is the receiver's side of a batch. It holds secrets: Clear it.
type Receiver struct {
	sid     []byte
	choices []byte
	x       []secp256k1.Scalar
}

// NewReceiver starts a batch of n instances; choices holds their choice bits, packed as for [Bit], and is copied. It draws
// the x_i, so the same rand, read from the same place, makes the same Receiver again. It fails only if rand does, with code
// internal.
func NewReceiver(sid, choices []byte, n int, rand io.Reader) (*Receiver, error) {
	r := &Receiver{
		sid:     bytes.Clone(sid),
		choices: bytes.Clone(choices[:(n+7)/8]),
		x:       make([]secp256k1.Scalar, n),
	}
	if err := draw(r.x, rand); err != nil {
		return nil, wire.Errorf(wire.CodeInternal, "ot: %v", err)
	}
	return r, nil
}

// Message draws the r_{1-c} and returns the message to the sender, of [MessageSize] bytes. An error has code internal: rand
// failed or a point came out as the identity, which has negligible probability.
func (r *Receiver) Message(rand io.Reader) ([]byte, error) {
	message, err := r.message(rand)
	if err != nil {
		return nil, wire.Errorf(wire.CodeInternal, "ot: %v", err)
	}
	return message, nil
}

func (r *Receiver) message(rand io.Reader) ([]byte, error) {
	n := len(r.x)
	message := make([]byte, MessageSize(n))
	xs, signs := message[:2*xSize*n], message[2*xSize*n:]

	uniform := make([]byte, uniformSize*n)
	defer clear(uniform)
	if err := random.Fill(rand, uniform); err != nil {
		return nil, secp256k1.ErrRandom
	}
	chosen, other := make([]secp256k1.Affine, n), make([]secp256k1.Affine, n) // r_c and r_{1-c}
	defer clear(chosen)
	defer clear(other)
	if err := secp256k1.MapToCurveBatch(other, uniform); err != nil {
		return nil, err
	}
	if err := secp256k1.NewTable(secp256k1.NewGenerator()).ScalarMultBatch(chosen, r.x); err != nil {
		return nil, err
	}

	hash := newHasher("OT-POINT", r.sid)
	defer hash.clear()
	hashed := make([]secp256k1.Affine, n) // H_c(r_{1-c})
	defer clear(hashed)
	var encoded [secp256k1.PointSize]byte
	for i := range other {
		other[i].PutBytes(encoded[:])
		hash.expand(uniform[uniformSize*i:][:uniformSize], i, Bit(r.choices, i), encoded[:])
	}
	if err := secp256k1.MapToCurveBatch(hashed, uniform); err != nil {
		return nil, err
	}
	if err := secp256k1.SubBatch(chosen, chosen, hashed); err != nil {
		return nil, err
	}
	var point secp256k1.Affine
	for i := range n {
		for b := range 2 {
			point.Select(&chosen[i], &other[i], 1^b^Bit(r.choices, i))
			point.PutBytes(encoded[:])
			at := 2*i + b
			copy(xs[xSize*at:], encoded[1:])
			signs[at/8] |= (encoded[0] & 1) << (at % 8)
		}
	}
	return message, nil
}

// Keys returns the keys of the chosen side of every instance, given T of the message that was sent and the sender's B. An
// error has code internal and negligible probability.
func (r *Receiver) Keys(transcript []byte, b *secp256k1.Point) (*ReceiverKeys, error) {
	n := len(r.x)
	keys := &ReceiverKeys{
		kdf:     newHasher("OT-KEY", r.sid, transcript, b.Bytes()),
		choices: bytes.Clone(r.choices),
		points:  make([]byte, n*secp256k1.PointSize),
	}
	points := make([]secp256k1.Affine, n)
	defer clear(points)
	if err := secp256k1.NewTable(b).ScalarMultBatch(points, r.x); err != nil {
		keys.Clear()
		return nil, wire.Errorf(wire.CodeInternal, "ot: %v", err)
	}
	for i := range points {
		points[i].PutBytes(keys.points[secp256k1.PointSize*i:])
	}
	return keys, nil
}

// Clear forgets the choice bits and the x_i.
func (r *Receiver) Clear() {
	clear(r.choices)
	clearScalars(r.x)
}

// ReceiverKeys are the receiver's keys of a batch: one for each instance.
type ReceiverKeys struct {
	kdf     *hasher
	choices []byte
	points  []byte // x_i·B
}

// Expand fills dst with the receiver's key of instance i: what the sender's [SenderKeys.Expand] gives for its choice bit.
func (k *ReceiverKeys) Expand(dst []byte, i int) {
	k.kdf.expand(dst, i, Bit(k.choices, i), k.points[secp256k1.PointSize*i:][:secp256k1.PointSize])
}

// Clear forgets the keys.
func (k *ReceiverKeys) Clear() {
	k.kdf.clear()
	clear(k.choices)
	clear(k.points)
}
