package ot

import (
	"io"

	"tandem/go/secp256k1"
	"tandem/go/wire"
)

// SenderKeys are the sender's keys of a batch: two for each instance. They are secret: Clear them.
type SenderKeys struct {
	B          *secp256k1.Point // to be sent to the receiver
	Transcript []byte           // T

	kdf    *hasher
	points []byte // y·P_b of instance i at 2i+b
}

// Send answers the receiver's message for n instances. It draws y. It rejects a message, with code input, as a function
// of sid and the message alone: a wrong length, a coordinate that is not below p or not on the curve, an unused sign bit
// that is set, a P_b that is the identity. If rand fails, the code is internal.
func Send(sid, message []byte, n int, rand io.Reader) (*SenderKeys, error) {
	if len(message) != MessageSize(n) {
		return nil, wire.Errorf(wire.CodeInput, "ot: message of %d bytes, %d expected", len(message), MessageSize(n))
	}
	y, err := secp256k1.RandomScalar(rand)
	if err != nil {
		return nil, wire.Errorf(wire.CodeInternal, "ot: %v", err)
	}
	defer y.Clear()
	keys := &SenderKeys{
		B:          new(secp256k1.Point).ScalarBaseMult(y),
		Transcript: Transcript(sid, message),
		points:     make([]byte, 2*n*secp256k1.PointSize),
	}
	keys.kdf = newHasher("OT-KEY", sid, keys.Transcript, keys.B.Bytes())

	xs, signs := message[:2*xSize*n], message[2*xSize*n:]
	points := make([]secp256k1.Affine, 2*n) // r_b, then P_b, then y·P_b
	defer clear(points)
	if err := secp256k1.DecodeBatch(points, xs, signs); err != nil {
		return nil, wire.Errorf(wire.CodeInput, "ot: %v", err)
	}
	hash := newHasher("OT-POINT", sid)
	uniform, hashed := make([]byte, 2*uniformSize*n), make([]secp256k1.Affine, 2*n) // H_b(r_{1-b})
	var encoded [secp256k1.PointSize]byte
	for k := range points {
		points[k^1].PutBytes(encoded[:])
		hash.expand(uniform[uniformSize*k:][:uniformSize], k/2, k%2, encoded[:])
	}
	if err := secp256k1.MapToCurveBatch(hashed, uniform); err != nil {
		return nil, wire.Errorf(wire.CodeInput, "ot: %v", err)
	}
	if err := secp256k1.AddBatch(points, points, hashed); err != nil {
		return nil, wire.Errorf(wire.CodeInput, "ot: %v", err)
	}
	if err := secp256k1.ScalarMultBatch(points, points, y); err != nil {
		return nil, wire.Errorf(wire.CodeInternal, "ot: %v", err)
	}
	for k := range points {
		points[k].PutBytes(keys.points[secp256k1.PointSize*k:])
	}
	return keys, nil
}

// Expand fills dst with key_b of instance i.
func (k *SenderKeys) Expand(dst []byte, i, b int) {
	at := 2*i + b
	k.kdf.expand(dst, i, b, k.points[secp256k1.PointSize*at:][:secp256k1.PointSize])
}

// Clear forgets the keys.
func (k *SenderKeys) Clear() {
	k.kdf.clear()
	clear(k.points)
}
