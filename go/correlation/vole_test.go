package correlation

import (
	"bytes"
	"testing"

	"tandem/go/secp256k1"
	"tandem/go/transcript"
)

func scalars(n int, seed byte) []secp256k1.Scalar {
	stream := transcript.StreamFromSeed(bytes.Repeat([]byte{seed}, 32), "TEST")
	list := make([]secp256k1.Scalar, n)
	for i := range list {
		list[i] = *stream.Scalar()
	}
	return list
}

func (s *setting) act(t testing.TB) *Action {
	t.Helper()
	action, err := NewAction(s.action.X, s.correlation.ID)
	if err != nil {
		t.Fatal(err)
	}
	return action
}

// The outputs add up to β α, whatever the width, and the action's gadget is the user's.
func TestVOLE(t *testing.T) {
	s := newSetting(t, "vole")
	g := NewGadget(&s.correlation.Seed, &s.correlation.ID)
	beta, err := s.user.Summand(2)
	if err != nil {
		t.Fatal(err)
	}
	beta.Sub(beta, s.correlation.Delta)
	for n := 1; n <= MaxWidth; n++ {
		alpha := scalars(n+1, byte(n))
		ssid, rho := bytes.Repeat([]byte{byte(n)}, 32), bytes.Repeat([]byte{0xfe - byte(n)}, RhoSize)
		message, T, v := s.act(t).Send(ssid, rho, alpha, g)
		if T != Transcript(ssid, rho, message.Tau) {
			t.Fatal("not the same T")
		}
		e, ok := s.correlation.Receive(ssid, rho, &T, message, g)
		if !ok || len(e) != n || len(v) != n {
			t.Fatalf("width %d: %v, %d and %d outputs", n, ok, len(e), len(v))
		}
		var sum, product secp256k1.Scalar
		for h := range e {
			if sum.Add(&e[h], &v[h]).Equal(product.Mul(beta, &alpha[h])) != 1 {
				t.Errorf("width %d: output %d", n, h)
			}
		}
	}
}

// Every part of a message, and everything that it belongs to, is under the check.
func TestTamperedMessage(t *testing.T) {
	s := newSetting(t, "tampered message")
	g := NewGadget(&s.correlation.Seed, &s.correlation.ID)
	ssid, rho := make([]byte, 32), make([]byte, RhoSize)
	honest, T, _ := s.act(t).Send(ssid, rho, scalars(3, 1), g)
	order := bytes.Repeat([]byte{0xff}, 32)
	for name, change := range map[string]func(m *Message, ssid, rho []byte){
		"τ":                   func(m *Message, _, _ []byte) { m.Tau[32*7+31] ^= 1 },
		"τ at the end":        func(m *Message, _, _ []byte) { m.Tau[len(m.Tau)-1] ^= 1 },
		"τ, not canonical":    func(m *Message, _, _ []byte) { copy(m.Tau[96:], order) },
		"η̂":                  func(m *Message, _, _ []byte) { m.EtaHat[31] ^= 1 },
		"η̂, not canonical":   func(m *Message, _, _ []byte) { copy(m.EtaHat[:], order) },
		"μ":                   func(m *Message, _, _ []byte) { m.Mu[0] ^= 1 },
		"ssid":                func(_ *Message, ssid, _ []byte) { ssid[0] ^= 1 },
		"ρ, in the nonce":     func(_ *Message, _, rho []byte) { rho[0] ^= 1 },
		"ρ, in the counter":   func(_ *Message, _, rho []byte) { rho[14] ^= 1 },
		"two rows of τ":       func(m *Message, _, _ []byte) { swap(m.Tau[:96], m.Tau[96:192], 0xff) },
		"two columns of τ":    func(m *Message, _, _ []byte) { swap(m.Tau[:32], m.Tau[32:64], 0xff) },
		"nothing (the check)": nil,
	} {
		m := &Message{bytes.Clone(honest.Tau), honest.EtaHat, honest.Mu}
		ssid, rho := bytes.Clone(ssid), bytes.Clone(rho)
		if change != nil {
			change(m, ssid, rho)
		}
		T := Transcript(ssid, rho, m.Tau)
		if _, ok := s.correlation.Receive(ssid, rho, &T, m, g); ok != (change == nil) {
			t.Errorf("%s: %v", name, ok)
		}
	}
	other := T
	other[0] ^= 1
	if _, ok := s.correlation.Receive(ssid, rho, &other, honest, g); ok {
		t.Error("another T")
	}
}
