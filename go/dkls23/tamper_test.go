package dkls23

import (
	"bytes"
	"fmt"
	"maps"
	mathrand "math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"tandem/go/deal"
	"tandem/go/internal/box"
	"tandem/go/internal/tamper"
	"tandem/go/secp256k1"
	"tandem/go/wire"
)

// replaced returns the messages of a round to signer i, with that of party j replaced.
func (all *table) replaced(round, i, j int, message []byte) map[int][]byte {
	messages := all.sent(round, i)
	messages[j] = message
	return messages
}

// same reports whether a changed message has the same for party i.
func same(i int, message, changed []byte) bool {
	want, err := For(i, message)
	got, changedErr := For(i, changed)
	return err == nil && changedErr == nil && bytes.Equal(got, want)
}

// flips returns the message with a bit flipped, in many places.
func flips(message []byte) []tamper.Message {
	random := mathrand.New(mathrand.NewChaCha8([32]byte{1}))
	var all []tamper.Message
	for k := range 120 {
		at := k // all of the beginning, where the structure is, and more
		if k >= 60 {
			at = random.IntN(len(message))
		}
		changed := bytes.Clone(message)
		changed[at] ^= 1 << random.IntN(8)
		all = append(all, tamper.Message{Where: fmt.Sprint("flipped bit in byte ", at), Bytes: changed})
	}
	for _, n := range []int{0, 1, len(message) / 2, len(message) - 1} {
		all = append(all, tamper.Message{Where: fmt.Sprint("cut to ", n), Bytes: message[:n]})
	}
	return all
}

func sometimes(all []tamper.Message) []tamper.Message {
	if !less() {
		return all
	}
	var some []tamper.Message
	for k := 0; k < len(all); k += 5 {
		some = append(some, all[k])
	}
	return some
}

// Whatever is changed in the message of round 1 of party 3 on its way to party 1, party 1 blames party 3, and the others, if
// party 1 goes on, party 1.
func TestTamperedRound1(t *testing.T) {
	few(t, 4)
	all := newTable(newShares("tampered", 3, 3), []int{1, 3, 5}, [32]byte{1}, "m/0", source(1)).run(t, 3)
	message := all.messages[1][3]
	later, harmless := 0, 0
	for _, change := range sometimes(append(tamper.All(t, message), flips(message)...)) {
		session, answer, err := Round2(all.shares[1], all.sessions[1][1], all.replaced(1, 1, 3, change.Bytes))
		if err != nil {
			if blamed(err) != 3 {
				t.Errorf("%s: %v", change.Where, err)
			}
			continue
		}
		_, _, err = Round3(all.shares[1], session, all.sent(2, 1))
		if same(1, message, change.Bytes) {
			harmless++
			if err != nil {
				t.Errorf("%s, which is for others: %v", change.Where, err)
			}
			continue
		}
		later++
		if blamed(err) != 3 {
			t.Errorf("%s, found in round 3: %v", change.Where, err)
		}
		for _, i := range []int{3, 5} {
			if _, _, err := Round3(all.shares[i], all.sessions[2][i], all.replaced(2, i, 1, answer)); blamed(err) != 1 {
				t.Errorf("%s, found by party %d: %v", change.Where, i, err)
			}
		}
	}
	if later == 0 || harmless == 0 {
		t.Errorf("%d found in round 3 only, %d for others only", later, harmless)
	}
}

func TestTamperedRound2(t *testing.T) {
	few(t, 4)
	all := newTable(newShares("tampered", 3, 3), []int{1, 3, 5}, [32]byte{1}, "m/0", source(1)).run(t, 3)
	message := all.messages[2][3]
	for _, change := range sometimes(append(tamper.All(t, message), flips(message)...)) {
		_, _, err := Round3(all.shares[1], all.sessions[2][1], all.replaced(2, 1, 3, change.Bytes))
		if harmless := same(1, message, change.Bytes); harmless && err != nil || !harmless && blamed(err) != 3 {
			t.Errorf("%s: %v", change.Where, err)
		}
	}
}

func TestTamperedRound3(t *testing.T) {
	few(t, 4)
	all := newTable(newShares("tampered", 3, 3), []int{1, 3, 5}, [32]byte{1}, "m/0", source(1)).run(t, 3)
	message := all.messages[3][3]
	var m round3Message
	if err := wire.Unmarshal(message, maxRound3, m.Fields); err != nil {
		t.Fatal(err)
	}
	for _, change := range append(tamper.All(t, message), flips(message)...) {
		var got round3Message
		harmless := false // except for the tag for party 5
		if wire.Unmarshal(change.Bytes, maxRound3, got.Fields) == nil && len(got.Tags) == 2 {
			got.Tags[5] = m.Tags[5]
			harmless = reflect.DeepEqual(got, m)
		}
		r, s, _, err := Finish(all.shares[1], all.sessions[3][1], all.replaced(3, 1, 3, change.Bytes))
		if harmless && err != nil || !harmless && blamed(err) != 3 {
			t.Errorf("%s: %v", change.Where, err)
		}
		if err != nil && (r != [32]byte{} || s != [32]byte{}) {
			t.Errorf("%s: a signature", change.Where)
		}
	}
}

// rebox returns a message of round 2 of one party with another box for another party, of what change makes of its contents.
// p is one of the two.
func rebox(t testing.TB, p *party, from, to int, message []byte, change func(plain []byte) []byte) []byte {
	t.Helper()
	var m round2Message
	if err := wire.Unmarshal(message, maxRound2(deal.MaxParties), m.Fields); err != nil {
		t.Fatal(err)
	}
	key, err := p.boxKey(from, to)
	if err != nil {
		t.Fatal(err)
	}
	plain, ok := box.Open(key, nil, m.Boxes[to])
	if !ok {
		t.Fatal("the box does not open")
	}
	m.Boxes[to] = box.Seal(key, nil, change(plain))
	message, err = wire.Marshal(m.Fields)
	if err != nil {
		t.Fatal(err)
	}
	return message
}

// editing makes an edit of contents one of their encoding.
func editing(t testing.TB, edit func(c *contents)) func(plain []byte) []byte {
	return func(plain []byte) []byte {
		var c contents
		if err := wire.Unmarshal(plain, maxBox, c.Fields); err != nil {
			t.Fatal(err)
		}
		edit(&c)
		plain, err := wire.Marshal(c.Fields)
		if err != nil {
			t.Fatal(err)
		}
		return plain
	}
}

// What party 3 seals for party 1 is changed by party 3 itself. Only another ψ goes unnoticed until there is no signature.
func TestTamperedContents(t *testing.T) {
	few(t, 4)
	for _, signers := range [][]int{{1, 3}, {1, 3, 5}} {
		shares := newShares("contents", len(signers), 3)
		all := newTable(shares, signers, [32]byte{1}, "m/0", source(1)).run(t, 3)
		one, err := resume2(shares[1], all.sessions[2][1])
		if err != nil {
			t.Fatal(err)
		}
		var plain []byte
		rebox(t, one, 3, 1, all.messages[2][3], func(p []byte) []byte { plain = p; return p })
		late := 0
		for _, change := range sometimes(append(tamper.All(t, plain), flips(plain)...)) {
			message := rebox(t, one, 3, 1, all.messages[2][3], func([]byte) []byte { return change.Bytes })
			session, _, err := Round3(all.shares[1], all.sessions[2][1], all.replaced(2, 1, 3, message))
			if err != nil {
				if blamed(err) != 3 {
					t.Errorf("%s: %v", change.Where, err)
				}
				continue
			}
			var was, is contents
			if wire.Unmarshal(plain, maxBox, was.Fields) != nil || wire.Unmarshal(change.Bytes, maxBox, is.Fields) != nil {
				t.Fatal("what was accepted does not parse")
			}
			late++
			is.Psi = was.Psi
			if !reflect.DeepEqual(is, was) {
				t.Errorf("%s: not noticed", change.Where)
			}
			culprit := 3
			if len(signers) > 2 {
				culprit = 0
			}
			if _, _, _, err := Finish(all.shares[1], session, all.sent(3, 1)); blamed(err) != culprit {
				t.Errorf("%s, at the end: %v", change.Where, err)
			}
		}
		if late == 0 {
			t.Error("no other ψ was tried")
		}
	}
}

// Each check is named.
func TestChecks(t *testing.T) {
	few(t, 4)
	all := newTable(newShares("checks", 2, 2), []int{1, 3}, [32]byte{1}, "", source(1)).run(t, 3)
	one, err := resume2(all.shares[1], all.sessions[2][1])
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		want   string
		change func(c *contents)
	}{
		{"its nonce point is not the one it committed to", func(c *contents) { c.Salt[0] ^= 1 }},
		{"its nonce point is not the one it committed to", func(c *contents) { c.R = c.PK }},
		{"R is not a point", func(c *contents) { c.R[0] = 4 }},
		{"pk is not a point", func(c *contents) { c.PK = point{} }},
		{"ψ is not a scalar", func(c *contents) { c.Psi = [32]byte(bytes.Repeat([]byte{0xff}, 32)) }},
		{"vole: message 0 of the sender is malformed", func(c *contents) { c.RVOLE.Tau = c.RVOLE.Tau[32:] }},
		{"vole: the sender's messages are not consistent", func(c *contents) { c.RVOLE.Mu[0] ^= 1 }},
		{"it multiplied with another nonce than that of its nonce point", func(c *contents) { c.GammaU = c.R }},
		{"it multiplied with another key share than that of its public key share", func(c *contents) { c.PK = c.R }},
		{"it multiplied with another key share than that of its public key share", func(c *contents) { c.GammaV[0] ^= 1 }},
	} {
		message := rebox(t, one, 3, 1, all.messages[2][3], editing(t, test.change))
		_, _, err := Round3(all.shares[1], all.sessions[2][1], all.replaced(2, 1, 3, message))
		if blamed(err) != 3 || err.Error() != test.want+" (party 3)" {
			t.Errorf("got %v, want %s", err, test.want)
		}
	}
}

// Every map has an entry for each of those that it should, and for nobody else.
func TestMaps(t *testing.T) {
	few(t, 4)
	all := newTable(newShares("maps", 3, 4), []int{1, 3, 5}, [32]byte{1}, "", source(1)).run(t, 3)
	for _, test := range []struct {
		what string
		data []byte
		path []uint64 // of the map
		call func(data []byte) error
		want string
		some bool // may have fewer
	}{
		{"transcripts", all.messages[1][3], []uint64{6}, all.takes(1), "its OT messages are not those for the other signers (party 3)", false},
		{"OTs", all.messages[1][3], []uint64{7}, all.takes(1), "its OT messages are not those for the other signers (party 3)", true},
		{"digests", all.messages[2][3], []uint64{4}, all.takes(2), "its message is not one for the other signers (party 3)", false},
		{"boxes", all.messages[2][3], []uint64{5}, all.takes(2), "its message is not one for the other signers (party 3)", true},
		{"tags", all.messages[3][3], []uint64{7}, all.takes(3), "its tags are not those for the other signers (party 3)", false},
		{"session 1", all.sessions[1][1], []uint64{3, 4}, all.resumes(1), "this is not a session of round 1 of dkls23", false},
		{"session 2", all.sessions[2][1], []uint64{3, 4}, all.resumes(2), "this is not a session of round 2 of dkls23", false},
		{"session 2, digests", all.sessions[2][1], []uint64{4}, all.resumes(2), "this is not a session of round 2 of dkls23", false},
		{"session 2, commitments", all.sessions[2][1], []uint64{5}, all.resumes(2), "this is not a session of round 2 of dkls23", false},
	} {
		for name, change := range map[string]func(m map[any]any){
			"one more": func(m map[any]any) { m[uint64(7)] = m[uint64(5)] },
			"another":  func(m map[any]any) { m[uint64(7)] = m[uint64(5)]; delete(m, uint64(5)) },
			"one less": func(m map[any]any) { delete(m, uint64(5)) },
		} {
			if name == "one less" && test.some {
				continue
			}
			err := test.call(edited(t, test.data, func(fields map[any]any) {
				for _, key := range test.path {
					fields = fields[key].(map[any]any)
				}
				change(fields)
			}))
			if err == nil || err.Error() != test.want {
				t.Errorf("%s, %s: %v", test.what, name, err)
			}
		}
	}
}

// takes returns what party 1 says to a message of party 3 of the given round.
func (all *table) takes(round int) func(message []byte) error {
	return func(message []byte) error {
		return all.call(round, all.sessions[round][1], all.replaced(round, 1, 3, message))
	}
}

// resumes returns what party 1 says to a session of the given round.
func (all *table) resumes(round int) func(session []byte) error {
	return func(session []byte) error { return all.call(round, session, all.sent(round, 1)) }
}

// call runs what comes after the given round for party 1.
func (all *table) call(round int, session []byte, messages map[int][]byte) (err error) {
	switch round {
	case 1:
		_, _, err = Round2(all.shares[1], session, messages)
	case 2:
		_, _, err = Round3(all.shares[1], session, messages)
	case 3:
		_, _, _, err = Finish(all.shares[1], session, messages)
	}
	return err
}

// A signer that signs something else, or with others, is told so.
func TestOtherTerms(t *testing.T) {
	few(t, 4)
	shares := newShares("terms", 2, 3)
	all := newTable(shares, []int{1, 3}, [32]byte{1}, "m/0", source(1)).run(t, 1)
	otherSharing := with(shares[3], func(s *deal.KeyShare) { s.ID[5] ^= 1 })
	for want, other := range map[string]*table{
		"it signs another digest":                newTable(shares, []int{1, 3}, [32]byte{2}, "m/0", source(2)),
		"it signs under another derivation path": newTable(shares, []int{1, 3}, [32]byte{1}, "m", source(2)),
		"it signs with other signers":            newTable(shares, []int{3, 5}, [32]byte{1}, "m/0", source(2)),
		"it signs with another key, or another sharing of this key": newTable(
			map[int]*deal.KeyShare{3: otherSharing}, []int{1, 3}, [32]byte{1}, "m/0", source(2)),
	} {
		if err := other.step(1, 3); err != nil {
			t.Fatal(err)
		}
		_, _, err := Round2(shares[1], all.sessions[1][1], other.messages[1])
		if blamed(err) != 3 || err.Error() != want+" (party 3)" {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// A signer that says one thing to one and another to another.
func TestEquivocation(t *testing.T) {
	few(t, 4)
	all := newTable(newShares("equivocation", 3, 3), []int{1, 3, 5}, [32]byte{1}, "", source(1)).run(t, 1)
	_, other, err := Round1(all.shares[3], all.signers, all.digest, all.path, source(2))
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{1, 3} {
		if err := all.step(2, i); err != nil {
			t.Fatal(err)
		}
	}
	all.sessions[2][5], all.messages[2][5], err = Round2(all.shares[5], all.sessions[1][5], all.replaced(1, 5, 3, other))
	if err != nil {
		t.Fatal(err)
	}
	want := "it received another message of round 1 from party 3 (party 5)"
	if _, _, err := Round3(all.shares[1], all.sessions[2][1], all.sent(2, 1)); err == nil || err.Error() != want {
		t.Errorf("party 1: %v", err)
	}
	want = "its message of round 1 is not the one received (party 3)"
	if _, _, err := Round3(all.shares[5], all.sessions[2][5], all.sent(2, 5)); err == nil || err.Error() != want {
		t.Errorf("party 5: %v", err)
	}
}

// Faults of what only the sum shows, by a signer whose messages are all well made: of two signers it is the other; of more,
// nobody knows.
func TestWrongShares(t *testing.T) {
	few(t, 4)
	one := new(secp256k1.Scalar).SetUint64(1)
	for _, signers := range [][]int{{1, 3}, {1, 3, 5}} {
		culprit := 3
		if len(signers) > 2 {
			culprit = 0
		}
		shares := newShares("wrong", len(signers), 3)
		wrong := maps.Clone(shares)
		wrong[3] = with(shares[3], func(s *deal.KeyShare) { s.X.Add(s.X, one) })
		all := newTable(wrong, signers, [32]byte{1}, "", source(1)).run(t, 2)
		if _, _, err := Round3(shares[1], all.sessions[2][1], all.sent(2, 1)); blamed(err) != culprit {
			t.Errorf("signers %v: another share: %v", signers, err)
		}

		wrong[3] = with(shares[3], func(s *deal.KeyShare) { s.Seeds = slices.Clone(s.Seeds); s.Seeds[0][0] ^= 1 })
		all = newTable(wrong, signers, [32]byte{1}, "", source(1)).run(t, 2)
		if _, _, err := Round3(shares[1], all.sessions[2][1], all.sent(2, 1)); blamed(err) != 3 {
			t.Errorf("signers %v: another seed: %v", signers, err)
		}

		all = newTable(shares, signers, [32]byte{1}, "", source(1)).run(t, 3)
		var m round3Message
		if err := wire.Unmarshal(all.messages[3][3], maxRound3, m.Fields); err != nil {
			t.Fatal(err)
		}
		p, err := resume2(shares[3], all.sessions[2][3])
		if err != nil {
			t.Fatal(err)
		}
		m.W[31] ^= 1
		if m.Tags[1], err = p.tag(3, 1, &m); err != nil {
			t.Fatal(err)
		}
		message, err := wire.Marshal(m.Fields)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, _, err := Finish(shares[1], all.sessions[3][1], all.replaced(3, 1, 3, message)); blamed(err) != culprit {
			t.Errorf("signers %v: another w: %v", signers, err)
		}
	}
}

// edited returns a message with edited fields.
func edited(t testing.TB, message []byte, edit func(fields map[any]any)) []byte {
	mode, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		t.Fatal(err)
	}
	var fields map[any]any
	if err := cbor.Unmarshal(message, &fields); err != nil {
		t.Fatal(err)
	}
	edit(fields)
	encoded, err := mode.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}
