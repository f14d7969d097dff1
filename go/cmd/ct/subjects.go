// Command ct runs the operations that must take the same time whatever their secrets are, on a fixed secret or on a random
// one, so that scripts/ct.ts can time both and tell whether they differ. It is built natively and as a wasm module.
package main

import (
	"encoding/binary"

	"tandem/go/correlation"
	"tandem/go/deal"
	"tandem/go/onecall"
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
	every   int // of so many samples that are asked for, one is taken; 0 for all
}

// few is the number of points or OTs of a batch: the operations on a lane are the same in a batch of any size.
const few = 4

var subjects = []subject{
	{name: "Point.ScalarMult", prepare: func(secret, public *transcript.Stream) func() {
		k, p, r := secret.Scalar(), point(public), new(secp256k1.Point)
		return func() { r.ScalarMult(k, p) }
	}},
	{name: "Point.ScalarBaseMult", prepare: func(secret, _ *transcript.Stream) func() {
		k, r := secret.Scalar(), new(secp256k1.Point)
		return func() { r.ScalarBaseMult(k) }
	}},
	{name: "ScalarMultBatch", prepare: func(secret, public *transcript.Stream) func() {
		k, points := secret.Scalar(), make([]secp256k1.Affine, few)
		for i := range points {
			points[i], _ = point(public).Affine()
		}
		return func() { must(secp256k1.ScalarMultBatch(points, points, k)) }
	}},
	{name: "Table.ScalarMultBatch", prepare: func(secret, _ *transcript.Stream) func() {
		ks, points, table := make([]secp256k1.Scalar, few), make([]secp256k1.Affine, few), secp256k1.NewTable(secp256k1.NewGenerator())
		for i := range ks {
			ks[i] = *secret.Scalar()
		}
		return func() { must(table.ScalarMultBatch(points, ks)) }
	}},
	{name: "ot.Receiver.Message", prepare: func(secret, public *transcript.Stream) func() {
		// The choice bits are the secret. The rest of what the receiver draws is public here, so that only they differ.
		choices := make([]byte, 1)
		secret.Read(choices)
		choices[0] &= 1<<few - 1
		receiver, err := ot.NewReceiver([]byte("ct"), choices, few, public)
		must(err)
		return func() { receiver.Message(public) }
	}},
	{name: "vole.Receiver.Finish", prepare: func(secret, public *transcript.Stream) func() {
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
	{name: "correlation.Rebuild", prepare: func(secret, public *transcript.Stream) func() {
		var digit [1]byte
		keys, encrypted, sum := make([]byte, 192), make([]byte, 384), make([]byte, 32)
		secret.Read(digit[:])
		public.Read(keys)
		public.Read(encrypted)
		return func() { correlation.Rebuild(digit[0]&63, keys, encrypted, sum) }
	}},
	{name: "correlation.Respond", prepare: func(secret, public *transcript.Stream) func() {
		_, action := shares(public.Scalar(), secret.Scalar())
		_, request, err := correlation.Request(nil, action.Index, public)
		must(err)
		return func() {
			_, err := correlation.Respond(action, 1, request, public)
			must(err)
		}
	}, every: 100},
	{name: "correlation.Accept", prepare: func(secret, public *transcript.Stream) func() {
		// Δ is the secret, and the exponents of the OTs with it. Its seed is what the stream is made from.
		user, action := shares(public.Scalar(), public.Scalar())
		session, request, err := correlation.Request(nil, action.Index, secret)
		must(err)
		answer, err := correlation.Respond(action, user.Index, request, public)
		must(err)
		return func() {
			_, err := correlation.Accept(user, session, answer)
			must(err)
		}
	}, every: 100},
	{name: "onecall.Respond", prepare: func(secret, public *transcript.Stream) func() {
		user, action := shares(public.Scalar(), secret.Scalar())
		c, err := correlation.Deal(user, action, bytes32(public), bytes32(public), [correlation.Digits]byte{})
		must(err)
		_, request, err := onecall.Request(user, c, action.Index, digests, "", public)
		must(err)
		return func() {
			_, err := onecall.Respond(action, user.Index, digests, "", request, nil, secret)
			must(err)
		}
	}},
	{name: "onecall.Finish", prepare: func(secret, public *transcript.Stream) func() {
		// Δ and k are the secret.
		user, action := shares(public.Scalar(), public.Scalar())
		var delta [correlation.Digits]byte
		secret.Read(delta[:])
		for i := range delta {
			delta[i] &= 63
		}
		c, err := correlation.Deal(user, action, bytes32(public), bytes32(public), delta)
		must(err)
		session, request, err := onecall.Request(user, c, action.Index, digests, "", secret)
		must(err)
		response, err := onecall.Respond(action, user.Index, digests, "", request, nil, public)
		must(err)
		return func() {
			_, err := onecall.Finish(c, session, response)
			must(err)
		}
	}},
	{name: "leaky", prepare: func(secret, public *transcript.Stream) func() {
		k, p := secret.Scalar().Bytes(), point(public)
		return func() { leakyScalarMult(k, p) }
	}},
}

var digests = [][32]byte{{1}}

// shares returns those of parties 1 and 2 of a 2-of-2 key.
func shares(x1, x2 *secp256k1.Scalar) (one, two *deal.KeyShare) {
	key := deal.Key{Threshold: 2, Parties: []int{1, 2}, Q: secp256k1.NewIdentity()}
	one, two = &deal.KeyShare{Index: 1, X: x1}, &deal.KeyShare{Index: 2, X: x2}
	for _, share := range []*deal.KeyShare{one, two} {
		X := new(secp256k1.Point).ScalarBaseMult(share.X)
		key.PublicShares = append(key.PublicShares, X)
		lambda, err := deal.Lagrange(key.Parties, share.Index)
		must(err)
		key.Q.Add(key.Q, new(secp256k1.Point).ScalarMult(lambda, X))
	}
	one.Key, two.Key = key, key
	return one, two
}

func bytes32(stream *transcript.Stream) (b [32]byte) {
	stream.Read(b[:])
	return b
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
