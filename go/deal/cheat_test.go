package deal

import (
	"crypto/rand"
	"strings"
	"testing"

	"tandem/go/secp256k1"
	"tandem/go/transcript"
	"tandem/go/wire"
)

// cheat runs a deal of parties 1, 2 and 3 up to round 3 of party 1. Party 2 changes its contribution before it commits
// to it, and its message of round 2 before it sends it.
func cheat(t *testing.T, all map[int]Params, contribute func(*dealer, *contribution), send func(*round2Message)) error {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var err error
	sessions, round1, round2 := map[int][]byte{}, map[int][]byte{}, map[int][]byte{}
	for _, i := range []int{1, 3} {
		sessions[i], round1[i], err = Round1(all[i], rand.Reader)
		must(err)
	}
	p := all[2]
	d := new(dealer)
	must(d.init(&p, nil, rand.Reader))
	own, err := d.contribution()
	must(err)
	contribute(d, own)
	round1[2], err = own.round1(2)
	must(err)
	for _, i := range []int{1, 3} {
		sessions[i], round2[i], err = Round2(sessions[i], round1)
		must(err)
	}
	id, peers, err := d.readRound1(own, round1)
	must(err)
	boxes, err := d.deal(own, peers, id)
	must(err)
	m := &round2Message{2, id, own.opening, boxes}
	send(m)
	round2[2], err = wire.Marshal(m.Fields)
	must(err)
	delete(round2, 1)
	_, _, err = Round3(sessions[1], round2, rand.Reader)
	return err
}

func cheatedKeygen() map[int]Params {
	all := map[int]Params{}
	for i := 1; i <= 3; i++ {
		all[i] = Params{Kind: Keygen, Threshold: 2, Parties: []int{1, 2, 3}, Contributors: []int{1, 2, 3}, Self: i}
	}
	return all
}

func cheatedImport(contributor int) map[int]Params {
	all := cheatedKeygen()
	for i, p := range all {
		p.Kind, p.Contributors = Import, []int{contributor}
		if i == contributor {
			p.Secret = scalar(2)
		}
		all[i] = p
	}
	return all
}

func cheatedReshare(t testing.TB) map[int]Params {
	t.Helper()
	f := polynomial{scalar(1000), scalar(77)}
	key, err := newKey(2, []int{1, 2, 3}, 4, f.feldman(), [32]byte{9})
	if err != nil {
		t.Fatal(err)
	}
	all := cheatedKeygen()
	for i, p := range all {
		p.Kind, p.Contributors, p.Epoch, p.Old = Reshare, []int{1, 2}, 5, key
		if i < 3 {
			p.Share = &KeyShare{Key: *key, Index: i, X: f.at(i), Seeds: make([][32]byte, 2)}
		}
		all[i] = p
	}
	return all
}

func prove(t *testing.T, d *dealer, own *contribution, label string, x *secp256k1.Scalar, i int) {
	t.Helper()
	var err error
	own.opening.Proof, err = transcript.Prove(rand.Reader, label, secp256k1.NewGenerator(), x,
		d.Terms.constantContext(i, own.ephemeral)...)
	if err != nil {
		t.Fatal(err)
	}
}

func TestCheatingContributor(t *testing.T) {
	honest := func(*dealer, *contribution) {}
	sends := func(*round2Message) {}
	one := scalar(1)
	if err := cheat(t, cheatedKeygen(), honest, sends); err != nil {
		t.Fatalf("without cheating: %v", err)
	}
	if err := cheat(t, cheatedReshare(t), honest, sends); err != nil {
		t.Fatalf("without cheating: %v", err)
	}
	for _, test := range []struct {
		name       string
		params     map[int]Params
		contribute func(*dealer, *contribution)
		send       func(*round2Message)
		want       string
	}{
		{"share off the polynomial", cheatedKeygen(), func(_ *dealer, own *contribution) {
			own.f[1].Add(own.f[1], one)
		}, sends, "not on the polynomial"},
		{"boxes exchanged", cheatedKeygen(), honest, func(m *round2Message) {
			m.Boxes[0], m.Boxes[1] = m.Boxes[1], m.Boxes[0]
		}, "does not open"},
		{"a box too few", cheatedKeygen(), honest, func(m *round2Message) { m.Boxes = m.Boxes[:1] }, "size"},
		{"no boxes", cheatedKeygen(), honest, func(m *round2Message) { m.Boxes = nil }, "size"},
		{"a box too many", cheatedKeygen(), honest, func(m *round2Message) { m.Boxes = append(m.Boxes, box{}) }, "size"},
		{"another deal", cheatedKeygen(), honest, func(m *round2Message) { m.DealID[0] ^= 1 }, "another deal"},
		{"another opening", cheatedKeygen(), honest, func(m *round2Message) { m.Opening.ChainCode = make([]byte, 32) }, "commitment"},
		{"degree too high", cheatedKeygen(), func(d *dealer, own *contribution) {
			own.f = append(own.f, scalar(5))
			own.opening.Points = own.f.feldman().encode()
		}, sends, "size"},
		{"degree too low", cheatedKeygen(), func(d *dealer, own *contribution) {
			own.f = own.f[:1]
			own.opening.Points = own.f.feldman().encode()
		}, sends, "size"},
		{"leading coefficient 0", cheatedKeygen(), func(d *dealer, own *contribution) {
			own.f[1].Clear()
			own.opening.Points = own.f.feldman().encode()
		}, sends, "not a point"},
		{"constant 0", cheatedKeygen(), func(d *dealer, own *contribution) {
			own.f[0].Clear()
			own.opening.Points = own.f.feldman().encode()
		}, sends, "not a point"},
		{"nothing contributed", cheatedKeygen(), func(d *dealer, own *contribution) {
			own.opening.Points, own.opening.Proof, own.opening.ChainCode = nil, nil, nil
		}, sends, "size"},
		{"short chain code", cheatedKeygen(), func(d *dealer, own *contribution) {
			own.opening.ChainCode = own.opening.ChainCode[:31]
		}, sends, "size"},
		{"no proof", cheatedKeygen(), func(d *dealer, own *contribution) { own.opening.Proof = nil }, sends, "proof"},
		{"proof of another constant", cheatedKeygen(), func(d *dealer, own *contribution) {
			prove(t, d, own, labelConstant, one, 2)
		}, sends, "proof"},
		{"proof of another party", cheatedKeygen(), func(d *dealer, own *contribution) {
			prove(t, d, own, labelConstant, own.f[0], 3)
		}, sends, "proof"},
		{"proof of another kind", cheatedKeygen(), func(d *dealer, own *contribution) {
			prove(t, d, own, labelConfirm, own.f[0], 2)
		}, sends, "proof"},
		{"proof under other terms", cheatedKeygen(), func(d *dealer, own *contribution) {
			terms := d.Terms
			d.Terms.Epoch++
			prove(t, d, own, labelConstant, own.f[0], 2)
			d.Terms = terms
		}, sends, "proof"},
		{"contribution to another's import", cheatedImport(1), func(d *dealer, own *contribution) {
			own.opening.ChainCode = make([]byte, 32)
		}, sends, "size"},
		{"boxes in another's import", cheatedImport(1), honest, func(m *round2Message) { m.Boxes = make([]box, 2) }, "size"},
		{"another constant in a reshare", cheatedReshare(t), func(d *dealer, own *contribution) {
			own.f[0].Add(own.f[0], one)
			own.opening.Points = own.f.feldman().encode()
			prove(t, d, own, labelConstant, own.f[0], 2)
		}, sends, "not the party's part"},
		{"another chain code in a reshare", cheatedReshare(t), func(d *dealer, own *contribution) {
			own.opening.ChainCode = make([]byte, 32)
		}, sends, "chain code"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := cheat(t, test.params, test.contribute, test.send)
			e, ok := err.(*wire.Error)
			if !ok || e.Code != wire.CodeParty || e.Party != 2 || !strings.Contains(e.Message, test.want) {
				t.Fatalf("error %#v, want one of party 2 with %q", err, test.want)
			}
		})
	}
}

// The importer can choose a polynomial with a zero at a party's index. Then that share is refused.
func TestShareIsZero(t *testing.T) {
	err := cheat(t, cheatedImport(2), func(d *dealer, own *contribution) {
		own.f[1].Neg(scalar(2)) // f(x) = 2 − 2x
		own.opening.Points = own.f.feldman().encode()
	}, func(*round2Message) {})
	if wire.CodeOf(err) != wire.CodeInput || !strings.Contains(err.Error(), "zero") {
		t.Fatal(err)
	}
}

// play runs the rounds of an honest deal of receivers. It returns sessions and messages by round and party.
func play(t testing.TB, all map[int]Params) (sessions, messages [4]map[int][]byte) {
	t.Helper()
	for round := 1; round <= 3; round++ {
		sessions[round], messages[round] = map[int][]byte{}, map[int][]byte{}
		for i := range all {
			var err error
			switch round {
			case 1:
				sessions[1][i], messages[1][i], err = Round1(all[i], rand.Reader)
			case 2:
				sessions[2][i], messages[2][i], err = Round2(sessions[1][i], messages[1])
			case 3:
				sessions[3][i], messages[3][i], err = Round3(sessions[2][i], messages[2], rand.Reader)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	return sessions, messages
}

func TestForgedConfirmation(t *testing.T) {
	sessions, messages := play(t, cheatedKeygen())
	s, share, err := decodeSession3(sessions[3][2])
	if err != nil {
		t.Fatal(err)
	}
	_, wrong, err := decodeSession3(sessions[3][3])
	if err != nil {
		t.Fatal(err)
	}
	wrong.Index = 2
	others := digests{1: s.Digests[1], 2: s.Digests[2], 3: s.Digests[2]}
	for _, test := range []struct {
		name  string
		share *KeyShare
		id    [32]byte
		seen  digests // that the proof is of
		says  digests // that the message has
		want  string
	}{
		{"honest", share, s.DealID, s.Digests, s.Digests, ""},
		{"another's share", wrong, s.DealID, s.Digests, s.Digests, "confirmation"},
		{"another deal", share, [32]byte{}, s.Digests, s.Digests, "confirmation"},
		{"other messages", share, s.DealID, others, s.Digests, "confirmation"},
		{"other messages, and says so", share, s.DealID, others, others, "received other messages"},
		{"a message unseen", share, s.DealID, s.Digests, digests{1: s.Digests[1], 2: s.Digests[2]}, "received other messages"},
		{"its own message is another", share, s.DealID, s.Digests, digests{1: s.Digests[1], 2: s.Digests[3], 3: s.Digests[3]}, "its message"},
		{"nothing seen", share, s.DealID, s.Digests, nil, "its message"},
	} {
		t.Run(test.name, func(t *testing.T) {
			proof, err := confirm(test.share, test.id, test.seen, rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			message, err := wire.Marshal((&round3Message{2, test.says, proof}).Fields)
			if err != nil {
				t.Fatal(err)
			}
			_, err = Finish(sessions[3][1], map[int][]byte{2: message, 3: messages[3][3]})
			if test.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			e, ok := err.(*wire.Error)
			if !ok || e.Code != wire.CodeParty || e.Party != 2 || !strings.Contains(e.Message, test.want) {
				t.Fatalf("error %#v, want one of party 2 with %q", err, test.want)
			}
		})
	}
}
