package correlation

import (
	"bytes"
	"encoding/binary"
	"math/big"
	"testing"

	"golang.org/x/crypto/chacha20"

	"tandem/go/internal/chacha"
	"tandem/go/internal/plain"
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

func (s *setting) act() *Action { return NewAction(s.action.X, s.correlation.ID) }

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
		message, T, v := s.act().Send(ssid, rho, alpha, g)
		if T != Transcript(ssid, rho, message.Tau) {
			t.Fatal("not the same T")
		}
		e, ok := s.correlation.Receive(ssid, rho, &T, &message, g)
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
	honest, T, _ := s.act().Send(ssid, rho, scalars(3, 1), g)
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
	if _, ok := s.correlation.Receive(ssid, rho, &other, &honest, g); ok {
		t.Error("another T")
	}
}

// plainPads are the first pads of a leaf, modulo q.
func plainPads(leaf *chacha.Key, rho []byte, width int) []secp256k1.Scalar {
	key := make([]byte, chacha20.KeySize)
	leaf.Put(key)
	pads := make([]secp256k1.Scalar, width)
	for h := range pads {
		cipher, err := chacha20.NewUnauthenticatedCipher(key, rho[:12])
		if err != nil {
			panic(err)
		}
		cipher.SetCounter(binary.LittleEndian.Uint32([]byte{byte(h / 2), rho[12], rho[13], rho[14]}))
		block := make([]byte, 64)
		cipher.XORKeyStream(block, block)
		pads[h].SetDigest(block[32*(h%2):][:32])
	}
	return pads
}

// weigh adds weight times the pads of a leaf to sums, modulo q.
func weigh(sums []secp256k1.Scalar, weight int, leaf *chacha.Key, rho []byte) {
	var w secp256k1.Scalar
	if w.SetUint64(uint64(max(weight, -weight))); weight < 0 {
		w.Neg(&w)
	}
	for h, pad := range plainPads(leaf, rho, len(sums)) {
		sums[h].MulAdd(&w, &pad, &sums[h])
	}
}

// The sums that are not reduced but once are those that are reduced at every step, for both parties, the smallest pads and
// the largest.
func TestSums(t *testing.T) {
	s := newSetting(t, "sums")
	action := s.act()
	for _, width := range []int{2, 3, 9} {
		rho := bytes.Repeat([]byte{byte(200 + width)}, RhoSize)
		alpha := scalars(width, 1)
		v, e, tau := make([]secp256k1.Scalar, Digits*width), make([]secp256k1.Scalar, Digits*width), make([]byte, TauSize(width-1))
		action.sums(rho, alpha, tau, v)
		for i := range e {
			if _, err := e[i].SetBytes(tau[32*i:][:32]); err != nil {
				t.Fatal(err)
			}
		}
		s.correlation.sums(rho, e, width)
		for c, digit := range s.correlation.digits {
			action.forest.full(c)
			wantPads, wantV := make([]secp256k1.Scalar, width), make([]secp256k1.Scalar, width)
			wantE := make([]secp256k1.Scalar, width)
			for x := range leaves {
				leaf := leafOf(&action.forest.tree, byte(x))
				weigh(wantPads, 1, &leaf, rho)
				weigh(wantV, x, &leaf, rho)
				weigh(wantE, int(digit)-x, &leaf, rho)
			}
			var tau0, digit0 secp256k1.Scalar
			digit0.SetUint64(uint64(digit))
			for h := range width {
				tau0.Sub(&alpha[h], &wantPads[h])
				if !bytes.Equal(tau0.Bytes(), tau[32*(width*c+h):][:32]) {
					t.Fatalf("width %d: τ of tree %d, %d", width, c, h)
				}
				if v[width*c+h].Equal(&wantV[h]) != 1 {
					t.Fatalf("width %d: v of tree %d, %d", width, c, h)
				}
				wantE[h].MulAdd(&digit0, &tau0, &wantE[h])
				if e[width*c+h].Equal(&wantE[h]) != 1 {
					t.Fatalf("width %d: e of tree %d, %d", width, c, h)
				}
			}
		}
	}
}

func TestReduce(t *testing.T) {
	s := newSummer(make([]byte, RhoSize), 2)
	random := source(1)
	limb := func(signed bool) int64 {
		x := int64(random.Uint64() >> 22) // below 2^42
		if signed && random.Uint64()&1 == 1 {
			x = -x
		}
		return x
	}
	type lanes = [chacha.Lanes]int64
	var largest, smallest [wordCount]lanes // all lanes together below 2^44
	for k := range wordCount {
		for l := range chacha.Lanes {
			largest[k][l], smallest[k][l] = 1<<42-1, -(1<<42 - 1)
		}
	}
	all := [][wordCount]lanes{{}, largest, smallest, {{1}}, {{3: -1}}, {7: {1}}, {7: {3: -1}}}
	for i := range 200 {
		var limbs [wordCount]lanes
		for k := range limbs {
			for l := range limbs[k] {
				limbs[k][l] = limb(i%2 == 1)
			}
		}
		all = append(all, limbs)
	}
	for _, limbs := range all {
		want, shift := new(big.Int), new(big.Int)
		for k := range limbs {
			for _, x := range limbs[k] {
				want.Add(want, shift.Lsh(big.NewInt(x), uint(32*k)))
			}
		}
		var got secp256k1.Scalar
		s.reduce(&got, &limbs)
		if plain.Mod(want).Cmp(plain.Number(got.Bytes())) != 0 {
			t.Errorf("%v is not %x", limbs, got.Bytes())
		}
	}
}

// A limb of a sum stays in its bounds whatever the pads are.
func TestSumOfTheLargest(t *testing.T) {
	var s sum
	var ones chacha.Keys
	for k := range ones {
		ones[k] = [chacha.Lanes]uint32{1<<32 - 1, 1<<32 - 1, 1<<32 - 1, 1<<32 - 1}
	}
	for x := int64(0); x < leaves; x += chacha.Lanes {
		s.add(&ones, &[chacha.Lanes]int64{x, x + 1, x + 2, x + 3})
	}
	for k := range ones {
		var pads, weighted int64
		for l := range chacha.Lanes {
			pads += s.pads[k][l]
			weighted += s.weighted[k][l]
		}
		if pads != leaves*(1<<32-1) || weighted != leaves*(leaves-1)/2*(1<<32-1) || weighted >= 1<<44 {
			t.Error(s)
		}
	}
}

// guess is an action that adds shift to τ_{c,0}, in one tree, and makes everything else such that it passes the check if the
// digit of that tree is as guessed. It returns μ for every guess, and the rest of the message, which is the same for all.
func (s *setting) guess(c int, shift *secp256k1.Scalar, ssid, rho []byte) (m Message, t [32]byte, mu [leaves][32]byte) {
	action, alpha := s.act(), scalars(2, 3)
	m.Tau = make([]byte, TauSize(1))
	v := make([]secp256k1.Scalar, 2*Digits)
	action.sums(rho, alpha, m.Tau, v)
	var tau secp256k1.Scalar
	entry := m.Tau[secp256k1.ScalarSize*2*c:][:secp256k1.ScalarSize]
	if _, err := tau.SetBytes(entry); err != nil {
		panic(err)
	}
	tau.Add(&tau, shift)
	tau.PutBytes(entry)
	t = Transcript(ssid, rho, m.Tau)
	honest := v[2*c]
	for digit := range mu {
		var weight secp256k1.Scalar
		weight.SetUint64(uint64(digit))
		weight.Mul(&weight, shift)
		v[2*c].Sub(&honest, &weight)
		m.prove(ssid, &t, alpha, v)
		mu[digit] = m.Mu
	}
	return m, t, mu
}

// An action that deviates in one tree passes with one digit of 64, and is told so by whether the user goes on: against a user
// who kept Δ it would go through the digits one after the other, and have t_U at the end. That Δ dies with the first failed check
// is all that stands against it. The user here keeps Δ, and counts.
func TestKeepingDelta(t *testing.T) {
	s := newSetting(t, "keeping Δ")
	c, g := s.correlation, NewGadget(&s.correlation.Seed, &s.correlation.ID)
	ssid, shift := bytes.Repeat([]byte{5}, 32), new(secp256k1.Scalar).SetUint64(1)
	stolen, signatures, failures := new(secp256k1.Scalar).Set(c.Delta), 0, 0
	for tree := range Digits {
		rho := append(make([]byte, RhoSize-1), byte(tree))
		m, T, mu := s.guess(tree, shift, ssid, rho)

		// What the user compares μ with depends on the rest of the message alone: it is computed once for all guesses.
		e := make([]secp256k1.Scalar, 2*Digits)
		for i := range e {
			if _, err := e[i].SetBytes(m.Tau[secp256k1.ScalarSize*i:][:secp256k1.ScalarSize]); err != nil {
				t.Fatal(err)
			}
		}
		etaHat, err := new(secp256k1.Scalar).SetBytes(m.EtaHat[:])
		if err != nil {
			t.Fatal(err)
		}
		c.sums(rho, e, 2)
		want := c.mu(ssid, &T, etaHat, e, 2)

		found := -1
		for digit := range mu {
			passes := mu[digit] == want
			if digit == 0 || passes {
				m.Mu = mu[digit]
				if _, ok := c.Receive(ssid, rho, &T, &m, g); ok != passes {
					t.Fatalf("tree %d, guess %d: the user says %v", tree, digit, ok)
				}
			}
			if found < 0 {
				signatures++
			}
			if passes && found < 0 {
				found = digit
			} else if passes {
				t.Fatalf("tree %d: two digits pass", tree)
			} else if found < 0 {
				failures++
			}
		}
		if found != int(c.digits[tree]) {
			t.Fatalf("tree %d: digit %d passes, it is %d", tree, found, c.digits[tree])
		}
		stolen.MulAdd(&g[tree], new(secp256k1.Scalar).SetUint64(uint64(found)), stolen)
	}
	tU, err := s.user.Summand(2)
	if err != nil {
		t.Fatal(err)
	}
	if stolen.Equal(tU) != 1 {
		t.Error("the attack does not end with t_U: it is not what the user must be kept from")
	}
	if signatures < 1000 || signatures > 4000 || failures != signatures-Digits {
		t.Errorf("%d signatures and %d failures: 2,340 were expected", signatures, failures)
	}
	t.Logf("t_U after %d signatures, of which %d failed", signatures, failures)
}
