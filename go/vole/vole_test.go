package vole

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"tandem/go/ot"
	"tandem/go/secp256k1"
	"tandem/go/wire"
)

var (
	sid  = []byte("sid")
	ssid = []byte("ssid")

	single = &Layout{Widths: []int{2}, Blocks: []Block{{Size: Xi, RVOLEs: []int{0}}}}
	// shared has every kind of block: of one RVOLE, of the other, of both, of none.
	shared = &Layout{
		Widths: []int{2, 1},
		Blocks: []Block{{20, []int{0}}, {12, []int{1}}, {9, []int{0, 1}}, {3, nil}},
	}
)

func source(n byte) io.Reader { return rand.NewChaCha8([32]byte{n}) }

func newReceiver(t testing.TB, layout *Layout, random io.Reader) (*Receiver, []byte) {
	t.Helper()
	receiver, err := NewReceiver(layout, sid, random)
	if err != nil {
		t.Fatal(err)
	}
	message, err := receiver.Message(random)
	if err != nil {
		t.Fatal(err)
	}
	return receiver, message
}

func inputsOf(layout *Layout, random io.Reader) [][]secp256k1.Scalar {
	inputs := make([][]secp256k1.Scalar, len(layout.Widths))
	for v, width := range layout.Widths {
		for range width {
			a, _ := secp256k1.RandomScalar(random)
			inputs[v] = append(inputs[v], *a)
		}
	}
	return inputs
}

// products reports whether c + d = a·β in every component.
func products(a, c, d [][]secp256k1.Scalar, betas []secp256k1.Scalar) bool {
	var sum, product secp256k1.Scalar
	for v := range a {
		for i := range a[v] {
			sum.Add(&c[v][i], &d[v][i])
			product.Mul(&a[v][i], &betas[v])
			if sum.Equal(&product) != 1 {
				return false
			}
		}
	}
	return true
}

func TestProducts(t *testing.T) {
	var zero, one, minusOne secp256k1.Scalar
	one.SetUint64(1)
	minusOne.Neg(&one)
	for name, layout := range map[string]*Layout{"single": single, "shared": shared} {
		for n := range byte(3) {
			if testing.Short() && n > 0 {
				break // the race detector makes this some 25 times slower
			}
			receiver, message := newReceiver(t, layout, source(n))
			if want := ot.MessageSize(layout.OTs()); len(message) != want {
				t.Errorf("%s: message of %d bytes, not %d", name, len(message), want)
			}
			inputs := inputsOf(layout, source(100+n))
			switch n {
			case 1:
				inputs[0][0], inputs[0][1] = zero, minusOne
			case 2:
				inputs[0][0], inputs[0][1] = minusOne, one
			}
			response, c, err := Send(layout, sid, ssid, message, inputs, source(200+n))
			if err != nil {
				t.Fatal(err)
			}
			d, err := receiver.Finish(ssid, response)
			if err != nil {
				t.Fatal(err)
			}
			if !products(inputs, c, d, receiver.Betas) {
				t.Errorf("%s: c + d is not a·β", name)
			}
			for v := range receiver.Betas {
				if receiver.Betas[v].IsZero() == 1 {
					t.Errorf("%s: β_%d is zero", name, v)
				}
			}
		}
	}
}

// RVOLEs on one block share choice bits, not gadgets: their β differ even where all their bits are the same.
func TestOwnGadgets(t *testing.T) {
	layout := &Layout{Widths: []int{1, 1}, Blocks: []Block{{30, []int{0, 1}}}}
	receiver, _ := newReceiver(t, layout, source(1))
	if receiver.Betas[0].Equal(&receiver.Betas[1]) == 1 {
		t.Error("same β")
	}
}

func TestResume(t *testing.T) {
	receiver, message := newReceiver(t, shared, source(1))
	inputs := inputsOf(shared, source(2))
	response, c, err := Send(shared, sid, ssid, message, inputs, source(3))
	if err != nil {
		t.Fatal(err)
	}
	again, err := NewReceiver(shared, sid, source(1))
	if err != nil {
		t.Fatal(err)
	}
	again.Resume(receiver.Transcript)
	d, err := again.Finish(ssid, response)
	if err != nil {
		t.Fatal(err)
	}
	if !products(inputs, c, d, receiver.Betas) {
		t.Error("c + d is not a·β")
	}
	again.Clear()
	if again.Betas[0].IsZero() != 1 || !bytes.Equal(again.choices, make([]byte, len(again.choices))) {
		t.Error("Clear leaves secrets")
	}
}

func (r *Response) clone() *Response {
	c := &Response{B: new(secp256k1.Point).Set(r.B)}
	for _, m := range r.Messages {
		m.Tau = bytes.Clone(m.Tau)
		c.Messages = append(c.Messages, m)
	}
	return c
}

func TestFinishRejects(t *testing.T) {
	receiver, message := newReceiver(t, shared, source(1))
	response, _, err := Send(shared, sid, ssid, message, inputsOf(shared, source(2)), source(3))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := receiver.Finish(ssid, response); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		code   string
		change func(*Response)
	}{
		"B":           {wire.CodeCheck, func(r *Response) { r.B.Add(r.B, secp256k1.NewGenerator()) }},
		"τ first":     {wire.CodeCheck, func(r *Response) { r.Messages[0].Tau[31] ^= 1 }},
		"τ last":      {wire.CodeCheck, func(r *Response) { r.Messages[1].Tau[len(r.Messages[1].Tau)-1] ^= 1 }},
		"η":           {wire.CodeCheck, func(r *Response) { r.Messages[0].Eta[31] ^= 1 }},
		"η of 1":      {wire.CodeCheck, func(r *Response) { r.Messages[1].Eta[31] ^= 1 }},
		"μ":           {wire.CodeCheck, func(r *Response) { r.Messages[0].Mu[0] ^= 1 }},
		"μ of 1":      {wire.CodeCheck, func(r *Response) { r.Messages[1].Mu[31] ^= 0x80 }},
		"τ short":     {wire.CodeInput, func(r *Response) { r.Messages[0].Tau = r.Messages[0].Tau[32:] }},
		"τ ragged":    {wire.CodeInput, func(r *Response) { r.Messages[0].Tau = r.Messages[0].Tau[1:] }},
		"τ long":      {wire.CodeInput, func(r *Response) { r.Messages[0].Tau = append(r.Messages[0].Tau, make([]byte, 32)...) }},
		"τ above q":   {wire.CodeInput, func(r *Response) { copy(r.Messages[1].Tau[64:], bytes.Repeat([]byte{0xff}, 32)) }},
		"η above q":   {wire.CodeInput, func(r *Response) { copy(r.Messages[1].Eta[:], bytes.Repeat([]byte{0xff}, 32)) }},
		"one message": {wire.CodeInput, func(r *Response) { r.Messages = r.Messages[:1] }},
		"exchanged":   {wire.CodeInput, func(r *Response) { r.Messages[0], r.Messages[1] = r.Messages[1], r.Messages[0] }},
	} {
		changed := response.clone()
		test.change(changed)
		output, err := receiver.Finish(ssid, changed)
		if wire.CodeOf(err) != test.code || output != nil {
			t.Errorf("%s: got %v, want code %s", name, err, test.code)
		}
	}
	if _, err := receiver.Finish([]byte("another"), response); wire.CodeOf(err) != wire.CodeCheck {
		t.Errorf("another ssid: %v", err)
	}
}

func TestSendRejects(t *testing.T) {
	_, message := newReceiver(t, shared, source(1))
	message[0] ^= 1
	message[31] ^= 1
	inputs := inputsOf(shared, source(2))
	var codes []string
	for n := range byte(8) { // about half of all x belong to no point
		message[30] = n
		_, _, err := Send(shared, sid, ssid, message, inputs, source(3))
		codes = append(codes, wire.CodeOf(err))
	}
	if all := fmt.Sprint(codes); !bytes.Contains([]byte(all), []byte(wire.CodeInput)) {
		t.Errorf("x-coordinates of no point: codes %v", all)
	}
	if _, _, err := Send(single, sid, ssid, message, inputsOf(single, source(2)), source(3)); wire.CodeOf(err) != wire.CodeInput {
		t.Errorf("message of another layout: %v", err)
	}
	for _, n := range []int64{0, 47, 48, 3*48 - 1} {
		_, good := newReceiver(t, shared, source(1))
		if _, _, err := Send(shared, sid, ssid, good, inputs, io.LimitReader(source(3), n)); wire.CodeOf(err) != wire.CodeInternal {
			t.Errorf("random source of %d bytes: %v", n, err)
		}
	}
	if _, err := NewReceiver(shared, sid, io.LimitReader(source(1), 5)); wire.CodeOf(err) != wire.CodeInternal {
		t.Errorf("receiver with a broken source: %v", err)
	}
}

// A sender that shifts the correlation of one OT and does all else right is caught exactly if the choice bit is 1. This is
// the bit that an aborting receiver gives away, and why a failed check must not be repeated at will.
func TestSelectiveFailure(t *testing.T) {
	layout := &Layout{Widths: []int{1}, Blocks: []Block{{8, []int{0}}}}
	receiver, message := newReceiver(t, layout, source(5))
	input := inputsOf(layout, source(6))[0]
	for target := range layout.OTs() {
		keys, err := ot.Send(sid, message, layout.OTs(), source(7))
		if err != nil {
			t.Fatal(err)
		}
		s, err := newSender(input, layout.OTs(), source(8))
		if err != nil {
			t.Fatal(err)
		}
		key0, key1 := make([]byte, 96), make([]byte, 96)
		for j := range layout.OTs() {
			keys.Expand(key0, j, 0)
			keys.Expand(key1, j, 1)
			honest := s.alpha[0]
			if j == target {
				s.alpha[0].Add(&honest, new(secp256k1.Scalar).SetUint64(1))
			}
			s.transfer(key0, key1)
			s.alpha[0] = honest
		}
		response := &Response{B: keys.B, Messages: []Message{{Tau: s.tau}}}
		theta := challenge(1, ssid, keys.Transcript, keys.B, 0, s.tau)
		response.Messages[0].Eta, response.Messages[0].Mu = s.check(theta, ssid, 0)

		_, err = receiver.Finish(ssid, response)
		if caught := err != nil; caught != (bit(receiver.choices, target) == 1) {
			t.Errorf("OT %d: choice bit %d, caught: %v", target, bit(receiver.choices, target), caught)
		}
	}
}

func Example() {
	layout := &Layout{Widths: []int{2}, Blocks: []Block{{Xi, []int{0}}}}
	receiver, _ := NewReceiver(layout, sid, source(1))
	message, _ := receiver.Message(source(2))

	a := inputsOf(layout, source(3))
	response, c, err := Send(layout, sid, ssid, message, a, source(4))
	if err != nil {
		panic(err)
	}
	d, err := receiver.Finish(ssid, response)
	fmt.Println(products(a, c, d, receiver.Betas), err)
	// Output: true <nil>
}
