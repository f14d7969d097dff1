package deal

import (
	"bytes"
	"crypto/rand"
	"testing"

	"tandem/go/wire"
)

// same fails if what was decoded from data does not encode to data again.
func same(t *testing.T, data []byte, decoded wire.Struct) {
	t.Helper()
	again, err := wire.Marshal(decoded.Fields)
	if err != nil || !bytes.Equal(again, data) {
		t.Fatalf("%x is accepted, and is %x", data, again)
	}
}

// seed gives f what party 2 sends and keeps in a deal of each kind.
func seed(f *testing.F, pick func(sessions, messages [4]map[int][]byte) []byte) {
	for _, params := range []map[int]Params{cheatedKeygen(), cheatedImport(2), cheatedImport(1), cheatedReshare(f)} {
		f.Add(pick(play(f, params)))
	}
}

func FuzzRound1Message(f *testing.F) {
	seed(f, func(_, messages [4]map[int][]byte) []byte { return messages[1][2] })
	f.Fuzz(func(t *testing.T, data []byte) {
		if m, err := decodeRound1(data, 2); err == nil {
			same(t, data, m)
		}
	})
}

// A message of round 2 is accepted only if all but the boxes for others is what was committed to.
func FuzzRound2Message(f *testing.F) {
	sessions, messages := play(f, cheatedKeygen())
	honest, err := decodeRound2(messages[2][2], 2)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(messages[2][2])
	seed(f, func(_, messages [4]map[int][]byte) []byte { return messages[2][2] })
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := decodeRound2(data, 2)
		if err != nil {
			return
		}
		same(t, data, m)
		_, _, err = Round3(sessions[2][1], map[int][]byte{2: data, 3: messages[2][3]}, rand.Reader)
		if e, ok := err.(*wire.Error); err != nil && (!ok || e.Party != 2) {
			t.Fatal(err)
		}
		if err == nil && (len(m.Boxes) != len(honest.Boxes) || m.Boxes[0] != honest.Boxes[0]) {
			t.Fatal("another box is accepted")
		}
	})
}

func FuzzRound3Message(f *testing.F) {
	sessions, messages := play(f, cheatedKeygen())
	f.Add(messages[3][2])
	seed(f, func(_, messages [4]map[int][]byte) []byte { return messages[3][2] })
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := decodeRound3(data, 2)
		if err != nil {
			return
		}
		same(t, data, m)
		_, err = Finish(sessions[3][1], map[int][]byte{2: data, 3: messages[3][3]})
		if (err == nil) != bytes.Equal(data, messages[3][2]) {
			t.Fatal(err)
		}
	})
}

func FuzzSession1(f *testing.F) {
	_, messages := play(f, cheatedKeygen())
	seed(f, func(sessions, _ [4]map[int][]byte) []byte { return sessions[1][2] })
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := decodeSession1(data)
		if err != nil {
			return
		}
		same(t, data, s)
		delete(messages[1], 2)
		if _, _, err := Round2(data, messages[1]); wire.CodeOf(err) == wire.CodeInternal {
			t.Fatal(err)
		}
	})
}

func FuzzSession2(f *testing.F) {
	_, messages := play(f, cheatedKeygen())
	seed(f, func(sessions, _ [4]map[int][]byte) []byte { return sessions[2][2] })
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := decodeSession2(data)
		if err != nil {
			return
		}
		same(t, data, s)
		delete(messages[2], 2)
		if _, _, err := Round3(data, messages[2], rand.Reader); wire.CodeOf(err) == wire.CodeInternal {
			t.Fatal(err)
		}
	})
}

func FuzzSession3(f *testing.F) {
	_, messages := play(f, cheatedKeygen())
	seed(f, func(sessions, _ [4]map[int][]byte) []byte { return sessions[3][2] })
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := Finish(data, messages[3]); wire.CodeOf(err) == wire.CodeInternal {
			t.Fatal(err)
		}
		var s session3
		if wire.Unmarshal(data, maxSession, s.Fields) == nil {
			same(t, data, &s)
		}
	})
}

func FuzzDecodeKeyShare(f *testing.F) {
	sessions, messages := play(f, cheatedKeygen())
	share, err := Finish(sessions[3][1], messages[3])
	if err != nil {
		f.Fatal(err)
	}
	data, err := share.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		share, err := DecodeKeyShare(data)
		if err != nil {
			return
		}
		again, err := share.Encode()
		if err != nil || !bytes.Equal(again, data) {
			t.Fatalf("%x is accepted, and is %x", data, again)
		}
		for _, i := range others(share.Parties, share.Index) {
			if _, err := share.Seed(i); err != nil {
				t.Fatal(err)
			}
		}
		share.Info()
	})
}

func FuzzDecodeKey(f *testing.F) {
	data, err := cheatedReshare(f)[3].Old.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		key, err := DecodeKey(data)
		if err != nil {
			return
		}
		again, err := key.Encode()
		if err != nil || !bytes.Equal(again, data) {
			t.Fatalf("%x is accepted, and is %x", data, again)
		}
	})
}
