package vole

import (
	"io"

	"tandem/go/ot"
	"tandem/go/secp256k1"
	"tandem/go/wire"
)

// Response is the sender's message for a batch.
type Response struct {
	B        *secp256k1.Point // of the OTs
	Messages []Message        // one for each RVOLE
}

// Clear forgets the messages, for a caller that sends them in private.
func (r *Response) Clear() {
	for v := range r.Messages {
		r.Messages[v].Clear()
	}
}

// Send answers the receiver's message, of ot.MessageSize(layout.OTs()) bytes, with the vectors inputs, of the layout's
// widths. It returns the response and the sender's output of every RVOLE, as wide as its input. It rejects a message, with
// code input, as ot.Send does: as a function of sid and the message alone. If rand fails, the code is internal.
func Send(
	layout *Layout, sid, ssid, message []byte, inputs [][]secp256k1.Scalar, rand io.Reader,
) (response *Response, outputs [][]secp256k1.Scalar, err error) {
	keys, err := ot.Send(sid, message, layout.OTs(), rand)
	if err != nil {
		return nil, nil, err
	}
	defer keys.Clear()
	senders := make([]*sender, len(layout.Widths))
	for v := range senders {
		if senders[v], err = newSender(inputs[v], len(layout.indices(v)), rand); err != nil {
			return nil, nil, err
		}
		defer senders[v].clear()
	}

	i := 0
	for _, block := range layout.Blocks {
		key0, key1 := make([]byte, layout.keySize(block)), make([]byte, layout.keySize(block))
		for range block.Size {
			keys.Expand(key0, i, 0)
			keys.Expand(key1, i, 1)
			at := 0
			for _, v := range block.RVOLEs {
				at += senders[v].transfer(key0[at:], key1[at:])
			}
			i++
		}
		clear(key0)
		clear(key1)
	}

	response = &Response{B: keys.B, Messages: make([]Message, len(senders))}
	outputs = make([][]secp256k1.Scalar, len(senders))
	for v, s := range senders {
		message := &response.Messages[v]
		theta := challenge(s.width, ssid, keys.Transcript, keys.B, v, s.tau)
		message.Tau = s.tau
		message.Eta, message.Mu = s.check(theta, ssid, v)
		outputs[v] = s.output(gadget(sid, keys.Transcript, v, s.j))
	}
	return response, outputs, nil
}

// sender is the state of one RVOLE.
type sender struct {
	width int
	alpha []secp256k1.Scalar // a, â
	c     []secp256k1.Scalar // the c_j, one after the other
	tau   []byte             // the τ_j
	j     int                // OTs so far

	k0, k1, t secp256k1.Scalar // scratch
}

func newSender(a []secp256k1.Scalar, ots int, rand io.Reader) (*sender, error) {
	hat, err := secp256k1.RandomScalar(rand)
	if err != nil {
		return nil, internal(err)
	}
	width := len(a)
	s := &sender{
		width: width,
		alpha: append(append(make([]secp256k1.Scalar, 0, width+1), a...), *hat),
		c:     make([]secp256k1.Scalar, ots*(width+1)),
		tau:   make([]byte, ots*(width+1)*secp256k1.ScalarSize),
	}
	hat.Clear()
	return s, nil
}

// transfer runs the next OT, whose keys begin with those of this RVOLE, and returns how many bytes of them it used.
func (s *sender) transfer(key0, key1 []byte) int {
	at := 0
	for i := range s.alpha {
		element := s.j*len(s.alpha) + i
		c := &s.c[element]
		s.k0.SetUniformBytes(key0[at : at+secp256k1.UniformSize])
		s.k1.SetUniformBytes(key1[at : at+secp256k1.UniformSize])
		c.Neg(&s.k0)
		s.t.Add(&s.k1, c)
		s.t.Neg(&s.t)
		s.t.Add(&s.t, &s.alpha[i])
		s.t.PutBytes(s.tau[secp256k1.ScalarSize*element:])
		at += secp256k1.UniformSize
	}
	s.j++
	return at
}

// row returns c_j.
func (s *sender) row(j int) []secp256k1.Scalar { return s.c[j*(s.width+1):][:s.width+1] }

// check returns η and μ.
func (s *sender) check(theta []secp256k1.Scalar, ssid []byte, v int) (eta, mu [32]byte) {
	var sum secp256k1.Scalar
	defer sum.Clear()
	sum.Set(&s.alpha[s.width])
	addProducts(&sum, theta, s.alpha)
	sum.PutBytes(eta[:])

	rows := make([]byte, s.j*secp256k1.ScalarSize)
	defer clear(rows)
	for j := range s.j {
		row := s.row(j)
		sum.Set(&row[s.width])
		addProducts(&sum, theta, row)
		sum.PutBytes(rows[secp256k1.ScalarSize*j:])
	}
	return eta, rowsHash(ssid, v, rows)
}

// output returns c.
func (s *sender) output(gadget []secp256k1.Scalar) []secp256k1.Scalar {
	c := make([]secp256k1.Scalar, s.width)
	for j := range s.j {
		row := s.row(j)
		for i := range c {
			c[i].MulAdd(&gadget[j], &row[i], &c[i])
		}
	}
	return c
}

func (s *sender) clear() {
	clearScalars(s.alpha)
	clearScalars(s.c)
	s.k0.Clear()
	s.k1.Clear()
	s.t.Clear()
}

// errMessage is the answer to a sender's message that does not parse.
func errMessage(v int) error {
	return wire.Errorf(wire.CodeInput, "vole: message %d of the sender is malformed", v)
}
