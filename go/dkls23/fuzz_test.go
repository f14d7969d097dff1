package dkls23

import (
	"bytes"
	"testing"

	"tandem/go/secp256k1"
	"tandem/go/wire"
)

// fuzzed returns a signature of parties 1 and 3, and party 1 after round 2: what the messages of party 3 are decoded by.
func fuzzed(f *testing.F) (*table, *party) {
	few(f, 8)
	all := newTable(newShares("fuzz", 2, 2), []int{1, 3}, [32]byte{1}, "m/0", source(1)).run(f, 3)
	p, err := resume2(all.shares[1], all.sessions[2][1])
	if err != nil {
		f.Fatal(err)
	}
	return all, p
}

// sameBytes fails if what was decoded from data does not encode to data again.
func sameBytes(t *testing.T, data []byte, decoded wire.Struct) {
	t.Helper()
	again, err := wire.Marshal(decoded.Fields)
	if err != nil || !bytes.Equal(again, data) {
		t.Fatalf("%x is accepted, and is %x", data, again)
	}
}

func FuzzRound1Message(f *testing.F) {
	all, p := fuzzed(f)
	f.Add(all.messages[1][3])
	f.Add(all.messages[1][1])
	f.Fuzz(func(t *testing.T, data []byte) {
		if m, err := p.decodeRound1(data, 3); err == nil {
			sameBytes(t, data, m)
		}
	})
}

// What a signer accepts of round 2 is what the other sealed, and nothing else.
func FuzzRound2Message(f *testing.F) {
	all, p := fuzzed(f)
	f.Add(all.messages[2][3])
	f.Add(all.messages[2][1])
	f.Fuzz(func(t *testing.T, data []byte) {
		if m, err := p.decodeRound2(data, 3); err == nil {
			sameBytes(t, data, m)
		}
		_, err := p.readRound2(map[int][]byte{3: data})
		if (err == nil) != bytes.Equal(data, all.messages[2][3]) || err != nil && blamed(err) != 3 {
			t.Fatal(err)
		}
	})
}

// What is in a box is from a party that knows the pair's seed, but may still be anything.
func FuzzContents(f *testing.F) {
	all, p := fuzzed(f)
	rebox(f, p, 3, 1, all.messages[2][3], func(plain []byte) []byte { f.Add(plain); return plain })
	f.Fuzz(func(t *testing.T, data []byte) {
		message := rebox(t, p, 3, 1, all.messages[2][3], func([]byte) []byte { return data })
		received, err := p.readRound2(map[int][]byte{3: message})
		if err != nil {
			if blamed(err) != 3 {
				t.Fatal(err)
			}
			return
		}
		for _, point := range []*secp256k1.Point{
			received[3].R, received[3].pk, received[3].gammaU, received[3].gammaV, received[3].rvole.B,
		} {
			if point.IsIdentity() == 1 {
				t.Fatal("an identity")
			}
		}
	})
}

func FuzzRound3Message(f *testing.F) {
	all, _ := fuzzed(f)
	f.Add(all.messages[3][3])
	f.Add(all.messages[3][1])
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _, _, err := Finish(all.shares[1], all.sessions[3][1], map[int][]byte{3: data})
		if (err == nil) != bytes.Equal(data, all.messages[3][3]) || err != nil && blamed(err) != 3 {
			t.Fatal(err)
		}
	})
}

func FuzzSession1(f *testing.F) {
	all, _ := fuzzed(f)
	f.Add(all.sessions[1][1])
	f.Add(all.sessions[1][3])
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := resume1(all.shares[1], data)
		if err != nil {
			if wire.CodeOf(err) != wire.CodeSession {
				t.Fatal(err)
			}
			return
		}
		again, err := p.session1()
		if err != nil || !bytes.Equal(again, data) {
			t.Fatalf("%x is accepted, and is %x", data, again)
		}
	})
}

func FuzzSession2(f *testing.F) {
	all, _ := fuzzed(f)
	f.Add(all.sessions[2][1])
	f.Add(all.sessions[2][3])
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := resume2(all.shares[1], data)
		if err != nil {
			if wire.CodeOf(err) != wire.CodeSession {
				t.Fatal(err)
			}
			return
		}
		again, err := p.session2()
		if err != nil || !bytes.Equal(again, data) {
			t.Fatalf("%x is accepted, and is %x", data, again)
		}
	})
}

func FuzzSession3(f *testing.F) {
	all, _ := fuzzed(f)
	f.Add(all.sessions[3][1])
	f.Add(all.sessions[3][3])
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _, _, err := Finish(all.shares[1], data, all.sent(3, 1))
		if err != nil && wire.CodeOf(err) != wire.CodeSession && blamed(err) != 3 {
			t.Fatal(err)
		}
	})
}

func FuzzFor(f *testing.F) {
	all, _ := fuzzed(f)
	for round := 1; round <= 3; round++ {
		f.Add(all.messages[round][1])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		short, err := For(3, data)
		if err != nil {
			return
		}
		again, err := For(3, short)
		if err != nil || !bytes.Equal(again, short) || len(short) > len(data) {
			t.Fatalf("%x, cut down again: %x, %v", short, again, err)
		}
	})
}
