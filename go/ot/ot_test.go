package ot_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"tandem/go/internal/plain"
	"tandem/go/ot"
	"tandem/go/secp256k1"
	"tandem/go/transcript"
	"tandem/go/wire"
)

var sid = []byte("a session")

// source is a reproducible random source.
func source(n byte) io.Reader { return rand.NewChaCha8([32]byte{n}) }

// brokenSource fails after n bytes.
func brokenSource(n int64) io.Reader { return io.LimitReader(source(1), n) }

func newReceiver(t testing.TB, choices []byte, n int, random io.Reader) (*ot.Receiver, []byte) {
	t.Helper()
	receiver, err := ot.NewReceiver(sid, choices, n, random)
	if err != nil {
		t.Fatal(err)
	}
	message, err := receiver.Message(random)
	if err != nil {
		t.Fatal(err)
	}
	return receiver, message
}

func run(t testing.TB, choices []byte, n int) (message []byte, sender *ot.SenderKeys, receiver *ot.ReceiverKeys) {
	t.Helper()
	r, message := newReceiver(t, choices, n, source(1))
	sender, err := ot.Send(sid, message, n, source(2))
	if err != nil {
		t.Fatal(err)
	}
	receiver, err = r.Keys(sender.Transcript, sender.B)
	if err != nil {
		t.Fatal(err)
	}
	return message, sender, receiver
}

func senderKey(keys *ot.SenderKeys, i, b, size int) []byte {
	key := make([]byte, size)
	keys.Expand(key, i, b)
	return key
}

func receiverKey(keys *ot.ReceiverKeys, i, size int) []byte {
	key := make([]byte, size)
	keys.Expand(key, i)
	return key
}

// The receiver has the key of its choice, and no two keys of a batch are the same. The sizes are on both sides of a chunk.
func TestTransfer(t *testing.T) {
	for _, n := range []int{1, 2, 5, 84, 87} {
		for _, fill := range []byte{0x00, 0xff, 0xb2} {
			choices := bytes.Repeat([]byte{fill}, (n+7)/8)
			_, sender, receiver := run(t, choices, n)
			seen := make(map[string]bool)
			for i := range n {
				c := ot.Bit(choices, i)
				key := receiverKey(receiver, i, 144)
				if !bytes.Equal(key, senderKey(sender, i, c, 144)) {
					t.Fatalf("n = %d, i = %d, c = %d: not the key of the choice", n, i, c)
				}
				seen[string(key[:32])] = true
				seen[string(senderKey(sender, i, 1-c, 144)[:32])] = true
			}
			if len(seen) != 2*n {
				t.Errorf("n = %d: %d different keys, not %d", n, len(seen), 2*n)
			}
		}
	}
}

// The batch is what the package documentation says, computed one instance at a time.
func TestDefinition(t *testing.T) {
	const n = 11
	choices := []byte{0x5a, 0x03}
	message, sender, _ := run(t, choices, n)

	stream := source(1)
	var x [n]*secp256k1.Scalar
	for i := range x {
		var err error
		if x[i], err = secp256k1.RandomScalar(stream); err != nil {
			t.Fatal(err)
		}
	}
	y, err := secp256k1.RandomScalar(source(2))
	if err != nil {
		t.Fatal(err)
	}
	B := new(secp256k1.Point).ScalarBaseMult(y)
	if B.Equal(sender.B) != 1 {
		t.Error("B")
	}
	T := transcript.Expand("OT-REQUEST", 32, sid, message)
	if !bytes.Equal(T, sender.Transcript) || !bytes.Equal(T, ot.Transcript(sid, message)) {
		t.Error("T")
	}
	if len(message) != 64*n+3 || len(message) != ot.MessageSize(n) {
		t.Fatalf("message of %d bytes", len(message))
	}
	hash := func(i, b int, r *secp256k1.Point) *secp256k1.Point {
		p, err := transcript.Point("OT-POINT", sid, transcript.U32(i), []byte{byte(b)}, r.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for i := range n {
		c := int(choices[i/8]>>(i%8)) & 1
		var r [2]*secp256k1.Point
		uniform := make([]byte, 96)
		if _, err := io.ReadFull(stream, uniform); err != nil {
			t.Fatal(err)
		}
		r[1-c] = plain.Map(uniform)
		r[c] = new(secp256k1.Point).ScalarBaseMult(x[i])
		r[c].Sub(r[c], hash(i, c, r[1-c]))
		for b := range 2 {
			at := 2*i + b
			encoded := r[b].Bytes()
			if !bytes.Equal(message[32*at:][:32], encoded[1:]) {
				t.Errorf("r_{%d,%d}: x-coordinate", i, b)
			}
			if message[64*n+at/8]>>(at%8)&1 != encoded[0]&1 {
				t.Errorf("r_{%d,%d}: sign", i, b)
			}
			p := new(secp256k1.Point).Add(r[b], hash(i, b, r[1-b]))
			key := transcript.Expand("OT-KEY", 100, sid, T, B.Bytes(), transcript.U32(i), []byte{byte(b)}, p.ScalarMult(y, p).Bytes())
			if !bytes.Equal(key, senderKey(sender, i, b, 100)) {
				t.Errorf("key_{%d,%d}", i, b)
			}
		}
	}
}

// The same seed makes the same receiver again, without the expensive half.
func TestResume(t *testing.T) {
	const n = 9
	choices := []byte{0x77, 0x01}
	_, sender, receiver := run(t, choices, n)
	again, err := ot.NewReceiver(sid, choices, n, source(1))
	if err != nil {
		t.Fatal(err)
	}
	keys, err := again.Keys(sender.Transcript, sender.B)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if !bytes.Equal(receiverKey(keys, i, 48), receiverKey(receiver, i, 48)) {
			t.Fatalf("key %d", i)
		}
	}
	again.Clear()
	if _, err = again.Keys(sender.Transcript, sender.B); err == nil {
		t.Error("a cleared receiver still has keys")
	}
}

// Another T, B, sid or instance gives other keys.
func TestKeysAreBound(t *testing.T) {
	const n = 3
	choices := []byte{0x05}
	_, sender, receiver := run(t, choices, n)
	want := receiverKey(receiver, 0, 48)

	other := func(name string, id, T []byte, B *secp256k1.Point) {
		r, err := ot.NewReceiver(id, choices, n, source(1))
		if err != nil {
			t.Fatal(err)
		}
		keys, err := r.Keys(T, B)
		if err != nil {
			t.Fatal(err)
		}
		if got := receiverKey(keys, 0, 48); bytes.Equal(got, want) != (name == "same") {
			t.Errorf("%s: key %x", name, got)
		}
	}
	flipped := bytes.Clone(sender.Transcript)
	flipped[31] ^= 1
	other("same", sid, sender.Transcript, sender.B)
	other("T", sid, flipped, sender.B)
	other("B", sid, sender.Transcript, secp256k1.NewGenerator())
	other("sid", []byte("another session"), sender.Transcript, sender.B)
	if bytes.Equal(want[:32], receiverKey(receiver, 0, 32)) {
		t.Error("keys of different length begin alike")
	}
}

func TestSendRejects(t *testing.T) {
	const n = 5 // 10 points: 2 bytes of signs, 6 bits unused
	_, message := newReceiver(t, []byte{0x0b}, n, source(1))

	// P_0 of instance 3 becomes the identity: r_0 = -H_0(r_1).
	identity := bytes.Clone(message)
	r1, err := new(secp256k1.Point).SetBytes(append([]byte{2 + message[64*n]>>7&1}, message[32*7:32*8]...))
	if err != nil {
		t.Fatal(err)
	}
	h, err := transcript.Point("OT-POINT", sid, transcript.U32(3), []byte{0}, r1.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	r0 := h.Negate(h).Bytes()
	copy(identity[32*6:], r0[1:])
	identity[64*n] = identity[64*n]&^(1<<6) | r0[0]&1<<6

	edit := func(at int, b ...byte) []byte {
		edited := bytes.Clone(message)
		copy(edited[at:], b)
		return edited
	}
	notX := make([]byte, 32) // no point has x = 5
	notX[31] = 5
	for name, bad := range map[string][]byte{
		"empty":         {},
		"short":         message[:len(message)-1],
		"long":          append(bytes.Clone(message), 0),
		"x above p":     edit(32*9, bytes.Repeat([]byte{0xff}, 32)...),
		"x not a point": edit(32*4, notX...),
		"unused sign":   edit(64*n+1, message[64*n+1]|4),
		"last unused":   edit(64*n+1, message[64*n+1]|0x80),
		"P is identity": identity,
	} {
		if _, err := ot.Send(sid, bad, n, source(2)); wire.CodeOf(err) != wire.CodeInput {
			t.Errorf("%s: got %v, want code input", name, err)
		}
	}
	if _, err := ot.Send(sid, message, n+1, source(2)); wire.CodeOf(err) != wire.CodeInput {
		t.Errorf("wrong number of instances: %v", err)
	}
}

func TestBrokenSource(t *testing.T) {
	if _, err := ot.NewReceiver(sid, []byte{0}, 3, brokenSource(3*48-1)); wire.CodeOf(err) != wire.CodeInternal {
		t.Errorf("receiver: %v", err)
	}
	random := brokenSource(6*48 - 1)
	receiver, err := ot.NewReceiver(sid, []byte{0}, 3, random)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := receiver.Message(random); wire.CodeOf(err) != wire.CodeInternal {
		t.Errorf("message: %v", err)
	}
	_, message := newReceiver(t, []byte{0}, 3, source(1))
	if _, err := ot.Send(sid, message, 3, brokenSource(47)); wire.CodeOf(err) != wire.CodeInternal {
		t.Errorf("sender: %v", err)
	}
}

// A receiver's message is taken apart or refused, and what it is does not depend on the sender's secret.
func FuzzSend(f *testing.F) {
	const n = 2
	_, message := newReceiver(f, []byte{2}, n, source(1))
	f.Add(message)
	f.Add(make([]byte, len(message)))
	f.Fuzz(func(t *testing.T, message []byte) {
		_, err1 := ot.Send(sid, message, n, source(2))
		_, err2 := ot.Send(sid, message, n, source(3))
		if fmt.Sprint(err1) != fmt.Sprint(err2) {
			t.Errorf("%v, and with another secret %v", err1, err2)
		}
	})
}

func Example() {
	random := source(7)
	choices := []byte{0b101} // of three instances
	receiver, _ := ot.NewReceiver(sid, choices, 3, random)
	message, _ := receiver.Message(random)

	sender, err := ot.Send(sid, message, 3, random)
	if err != nil {
		panic(err)
	}
	keys, _ := receiver.Keys(sender.Transcript, sender.B)

	var key, key0, key1 [16]byte
	for i := range 3 {
		keys.Expand(key[:], i)
		sender.Expand(key0[:], i, 0)
		sender.Expand(key1[:], i, 1)
		fmt.Println(key == key0, key == key1)
	}
	// Output:
	// false true
	// true false
	// false true
}

const benchSize = 672

func BenchmarkReceiverMessage(b *testing.B) {
	choices := make([]byte, benchSize/8)
	for b.Loop() {
		newReceiver(b, choices, benchSize, source(1))
	}
}

func BenchmarkSend(b *testing.B) {
	_, message := newReceiver(b, make([]byte, benchSize/8), benchSize, source(1))
	for b.Loop() {
		if _, err := ot.Send(sid, message, benchSize, source(2)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReceiverKeys(b *testing.B) {
	receiver, message := newReceiver(b, make([]byte, benchSize/8), benchSize, source(1))
	sender, err := ot.Send(sid, message, benchSize, source(2))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := receiver.Keys(sender.Transcript, sender.B); err != nil {
			b.Fatal(err)
		}
	}
}
