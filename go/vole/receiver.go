package vole

import (
	"bytes"
	"crypto/subtle"
	"io"

	"tandem/go/internal/random"
	"tandem/go/ot"
	"tandem/go/secp256k1"
	"tandem/go/wire"
)

// Receiver is the receiver's side of a batch. It holds secrets: Clear it.
type Receiver struct {
	Transcript []byte             // T, once Message or Resume was called
	Betas      []secp256k1.Scalar // β of each RVOLE, likewise; 0 with negligible probability, which the caller looks for

	layout  *Layout
	sid     []byte
	choices []byte
	gadgets [][]secp256k1.Scalar
	ots     *ot.Receiver
}

// NewReceiver starts a batch. It draws the choice bits and the receiver's OT secrets, so the same rand, read from the same
// place, makes the same Receiver again: a session keeps the seed of a stream, and T. It fails only if rand does, with code
// internal.
func NewReceiver(layout *Layout, sid []byte, rand io.Reader) (*Receiver, error) {
	n := layout.OTs()
	choices := make([]byte, (n+7)/8)
	if err := random.Fill(rand, choices); err != nil {
		return nil, internal(err)
	}
	ots, err := ot.NewReceiver(sid, choices, n, rand)
	if err != nil {
		return nil, err
	}
	return &Receiver{layout: layout, sid: bytes.Clone(sid), choices: choices, ots: ots}, nil
}

// Message draws what else the message to the sender takes, returns it, and sets Transcript and Betas. Its length is
// ot.MessageSize(layout.OTs()). An error has code internal and negligible probability, or rand failed.
func (r *Receiver) Message(rand io.Reader) ([]byte, error) {
	message, err := r.ots.Message(rand)
	if err != nil {
		return nil, err
	}
	r.Resume(ot.Transcript(r.sid, message))
	return message, nil
}

// Resume sets Transcript and Betas, in place of Message, when the message with this T was sent before.
func (r *Receiver) Resume(transcript []byte) {
	r.Transcript = bytes.Clone(transcript)
	r.Betas = make([]secp256k1.Scalar, len(r.layout.Widths))
	r.gadgets = make([][]secp256k1.Scalar, len(r.layout.Widths))
	var zero, term secp256k1.Scalar
	defer term.Clear()
	for v := range r.Betas {
		indices := r.layout.indices(v)
		r.gadgets[v] = gadget(r.sid, r.Transcript, v, len(indices))
		for j, i := range indices {
			term.Select(&r.gadgets[v][j], &zero, bit(r.choices, i))
			r.Betas[v].Add(&r.Betas[v], &term)
		}
	}
}

// Finish returns the receiver's output of every RVOLE, as wide as its width. An error with code input means that the
// response does not parse, and that no secret was touched. An error with code check means that the check of one of the
// RVOLEs failed: the sender may have learned something about the choice bits, and each further such answer would tell it
// more.
func (r *Receiver) Finish(ssid []byte, response *Response) ([][]secp256k1.Scalar, error) {
	receivers, err := r.parse(ssid, response)
	defer func() {
		for _, s := range receivers {
			s.clear()
		}
	}()
	if err != nil {
		return nil, err
	}
	keys, err := r.ots.Keys(r.Transcript, response.B)
	if err != nil {
		return nil, err
	}
	defer keys.Clear()

	i := 0
	for _, block := range r.layout.Blocks {
		key := make([]byte, r.layout.keySize(block))
		for range block.Size {
			keys.Expand(key, i)
			at := 0
			for _, v := range block.RVOLEs {
				at += receivers[v].transfer(key[at:], bit(r.choices, i))
			}
			i++
		}
		clear(key)
	}

	accept := 1
	outputs := make([][]secp256k1.Scalar, len(receivers))
	for v, s := range receivers {
		mu := rowsHash(ssid, v, s.rows)
		accept &= subtle.ConstantTimeCompare(mu[:], response.Messages[v].Mu[:])
		outputs[v] = s.output
	}
	if accept != 1 {
		for _, output := range outputs {
			clearScalars(output)
		}
		return nil, wire.Errorf(wire.CodeCheck, "vole: the sender's messages are not consistent")
	}
	return outputs, nil
}

// parse decodes the sender's messages and computes their challenges. With an error it returns as much as there is to clear.
func (r *Receiver) parse(ssid []byte, response *Response) ([]*receiver, error) {
	if len(response.Messages) != len(r.layout.Widths) {
		return nil, wire.Errorf(wire.CodeInput, "vole: %d messages of the sender", len(response.Messages))
	}
	var receivers []*receiver
	for v := range response.Messages {
		message := &response.Messages[v]
		width, ots := r.layout.Widths[v], len(r.gadgets[v])
		s := &receiver{
			width:  width,
			gadget: r.gadgets[v],
			tau:    make([]secp256k1.Scalar, ots*(width+1)),
			rows:   make([]byte, ots*secp256k1.ScalarSize),
			d:      make([]secp256k1.Scalar, width+1),
			output: make([]secp256k1.Scalar, width),
		}
		receivers = append(receivers, s)
		if len(message.Tau) != len(s.tau)*secp256k1.ScalarSize {
			return receivers, errMessage(v)
		}
		for i := range s.tau {
			if _, err := s.tau[i].SetBytes(message.Tau[secp256k1.ScalarSize*i:][:secp256k1.ScalarSize]); err != nil {
				return receivers, errMessage(v)
			}
		}
		if _, err := s.eta.SetBytes(message.Eta[:]); err != nil {
			return receivers, errMessage(v)
		}
		s.theta = challenge(width, ssid, r.Transcript, response.B, v, message.Tau)
	}
	return receivers, nil
}

// Clear forgets the choice bits and all else that is secret.
func (r *Receiver) Clear() {
	clear(r.choices)
	clearScalars(r.Betas)
	r.ots.Clear()
}

// receiver is the state of one RVOLE.
type receiver struct {
	width  int
	gadget []secp256k1.Scalar
	tau    []secp256k1.Scalar // the τ_j, one after the other
	eta    secp256k1.Scalar
	theta  []secp256k1.Scalar
	rows   []byte
	output []secp256k1.Scalar // d, so far
	j      int                // OTs so far

	d    []secp256k1.Scalar // scratch: d_j
	zero secp256k1.Scalar
	t    secp256k1.Scalar // scratch
}

// transfer runs the next OT, with choice bit b, whose key begins with that of this RVOLE, and returns how many bytes of it
// were used. It takes the same time for both choices.
func (s *receiver) transfer(key []byte, b int) int {
	tau := s.tau[s.j*len(s.d):]
	at := 0
	for i := range s.d {
		d := &s.d[i]
		d.SetUniformBytes(key[at : at+secp256k1.UniformSize])
		s.t.Select(&tau[i], &s.zero, b)
		d.Add(d, &s.t)
		at += secp256k1.UniformSize
	}
	for i := range s.output {
		s.output[i].MulAdd(&s.gadget[s.j], &s.d[i], &s.output[i])
	}

	// The row b_j η - d_{j,ℓ} - Σ θ_i d_{j,i}.
	d := &s.d[s.width]
	addProducts(d, s.theta, s.d)
	d.Neg(d)
	s.t.Select(&s.eta, &s.zero, b)
	s.t.Add(&s.t, d)
	s.t.PutBytes(s.rows[secp256k1.ScalarSize*s.j:])
	s.j++
	return at
}

// clear forgets all but the output. What the sender sent is for the receiver alone if it came in a box.
func (s *receiver) clear() {
	clearScalars(s.tau)
	clearScalars(s.theta)
	clearScalars(s.d)
	clear(s.rows)
	s.eta.Clear()
	s.t.Clear()
}
