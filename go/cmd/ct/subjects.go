// Command ct runs the operations that must take the same time whatever their secrets are, on a fixed secret or on a random
// one, so that scripts/ct.ts can time both and tell whether they differ. It is built natively and as a wasm module.
package main

import (
	"encoding/binary"

	"tandem/go/ot"
	"tandem/go/secp256k1"
	"tandem/go/transcript"
	"tandem/go/vole"
	"tandem/go/wire"
)

// A subject is an operation under measurement. prepare makes its inputs, the secret one from secret and the others from
// public, and returns what is timed.
type subject struct {
	name    string
	prepare func(secret, public *transcript.Stream) func()
}

// few is the number of points or OTs of a batch: the operations on a lane are the same in a batch of any size.
const few = 4

var subjects = []subject{
	{"Point.ScalarMult", func(secret, public *transcript.Stream) func() {
		k, p, r := secret.Scalar(), point(public), new(secp256k1.Point)
		return func() { r.ScalarMult(k, p) }
	}},
	{"Point.ScalarBaseMult", func(secret, _ *transcript.Stream) func() {
		k, r := secret.Scalar(), new(secp256k1.Point)
		return func() { r.ScalarBaseMult(k) }
	}},
	{"ScalarMultBatch", func(secret, public *transcript.Stream) func() {
		k, points := secret.Scalar(), make([]secp256k1.Affine, few)
		for i := range points {
			points[i], _ = point(public).Affine()
		}
		return func() { must(secp256k1.ScalarMultBatch(points, points, k)) }
	}},
	{"Table.ScalarMultBatch", func(secret, _ *transcript.Stream) func() {
		ks, points, table := make([]secp256k1.Scalar, few), make([]secp256k1.Affine, few), secp256k1.NewTable(secp256k1.NewGenerator())
		for i := range ks {
			ks[i] = *secret.Scalar()
		}
		return func() { must(table.ScalarMultBatch(points, ks)) }
	}},
	{"ot.Receiver.Message", func(secret, public *transcript.Stream) func() {
		// The choice bits are the secret. The rest of what the receiver draws is public here, so that only they differ.
		choices := make([]byte, 1)
		secret.Read(choices)
		choices[0] &= 1<<few - 1
		receiver, err := ot.NewReceiver([]byte("ct"), choices, few, public)
		must(err)
		return func() { receiver.Message(public) }
	}},
	{"vole.Receiver.Finish", func(secret, public *transcript.Stream) func() {
		// An answer made up at random takes the same way to its refusal, whatever the choice bits are.
		layout := &vole.Layout{Widths: []int{2}, Blocks: []vole.Block{{Size: 2 * few, RVOLEs: []int{0}}}}
		receiver, err := vole.NewReceiver(layout, []byte("ct"), secret)
		must(err)
		receiver.Resume([]byte("ct"))
		response := &vole.Response{B: point(public), Messages: make([]vole.Message, 1)}
		message := &response.Messages[0]
		for range 2 * few * 3 {
			message.Tau = append(message.Tau, public.Scalar().Bytes()...)
		}
		message.Eta = [32]byte(public.Scalar().Bytes())
		return func() {
			if _, err := receiver.Finish([]byte("ct"), response); wire.CodeOf(err) != wire.CodeCheck {
				panic("an answer made up at random was not refused by the check")
			}
		}
	}},
	{"leaky", func(secret, public *transcript.Stream) func() {
		k, p := secret.Scalar().Bytes(), point(public)
		return func() { leakyScalarMult(k, p) }
	}},
}

// leakyScalarMult is double and add with a branch on every bit: what the measurement must catch.
func leakyScalarMult(k []byte, p *secp256k1.Point) *secp256k1.Point {
	r := secp256k1.NewIdentity()
	for i := range 8 * len(k) {
		r.Double(r)
		if k[i/8]>>(7-i%8)&1 == 1 {
			r.Add(r, p)
		}
	}
	return r
}

func point(stream *transcript.Stream) *secp256k1.Point {
	return new(secp256k1.Point).ScalarBaseMult(stream.Scalar())
}

// prepare readies sample n of a subject: its secret is the same in all samples, or new in each; everything else is new.
func prepare(s *subject, n uint32, random bool) func() {
	fixed := uint32(0)
	if random {
		fixed = n + 1
	}
	return s.prepare(stream("secret", fixed), stream("public", n))
}

func stream(label string, n uint32) *transcript.Stream {
	seed := make([]byte, transcript.SeedSize)
	binary.BigEndian.PutUint32(seed, n)
	return transcript.StreamFromSeed(seed, label)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
