package deal_test

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"tandem/go/deal"
	"tandem/go/secp256k1"
	"tandem/go/wire"
)

// party is one participant's parameters and state.
type party struct {
	params   deal.Params
	sessions [4][]byte // by the round that made them
	messages [4][]byte
	share    *deal.KeyShare
}

type table map[int]*party

// keygen returns the participants of a key generation, who have not begun.
func keygen(threshold int, parties ...int) table {
	all := table{}
	for _, i := range parties {
		all[i] = &party{params: deal.Params{
			Kind: deal.Keygen, Threshold: threshold, Parties: parties, Contributors: parties, Self: i,
		}}
	}
	return all
}

// importing returns the participants of an import of key by party from.
func importing(key *secp256k1.Scalar, chainCode *[32]byte, from, threshold int, parties ...int) table {
	all := table{}
	for _, i := range union(parties, []int{from}) {
		all[i] = &party{params: deal.Params{
			Kind: deal.Import, Threshold: threshold, Parties: parties, Contributors: []int{from}, Self: i,
		}}
	}
	all[from].params.Secret, all[from].params.ChainCode = key, chainCode
	return all
}

// resharing returns the participants of a reshare of a finished deal.
func resharing(old table, contributors []int, threshold int, parties ...int) table {
	all := table{}
	key := old[contributors[0]].share.Key
	for _, i := range union(parties, contributors) {
		all[i] = &party{params: deal.Params{
			Kind: deal.Reshare, Threshold: threshold, Parties: parties, Contributors: contributors, Self: i,
			Epoch: key.Epoch + 1, Old: &key,
		}}
	}
	for _, i := range contributors {
		all[i].params.Share = old[i].share
	}
	return all
}

func union(a, b []int) []int {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

func (all table) indices() []int { return slices.Sorted(maps.Keys(all)) }

// receivers returns the indices of those that get a share.
func (all table) receivers() []int { return all[all.indices()[0]].params.Parties }

// sent returns the messages of a round that party i receives, or all of them if i is 0.
func (all table) sent(round, i int) map[int][]byte {
	messages := map[int][]byte{}
	for j, p := range all {
		if j != i && p.messages[round] != nil {
			messages[j] = p.messages[round]
		}
	}
	return messages
}

// step runs one round for party i. What it returns is also kept.
func (all table) step(round, i int) (err error) {
	p := all[i]
	messages := all.sent(round-1, i)
	switch round {
	case 1:
		p.sessions[1], p.messages[1], err = deal.Round1(p.params, rand.Reader)
	case 2:
		p.sessions[2], p.messages[2], err = deal.Round2(p.sessions[1], messages)
	case 3:
		p.sessions[3], p.messages[3], err = deal.Round3(p.sessions[2], messages, rand.Reader)
	case 4:
		p.share, err = deal.Finish(p.sessions[3], all.sent(3, i))
	}
	return err
}

// run plays the deal up to and with the given round; 4 is Finish.
func (all table) run(t testing.TB, last int) table {
	t.Helper()
	for round := 1; round <= last; round++ {
		for _, i := range all.indices() {
			if round > 2 && !slices.Contains(all.receivers(), i) {
				continue
			}
			if err := all.step(round, i); err != nil {
				t.Fatalf("party %d, round %d: %v", i, round, err)
			}
		}
	}
	return all
}

// shares returns the shares of some parties.
func (all table) shares(set ...int) []*deal.KeyShare {
	shares := make([]*deal.KeyShare, len(set))
	for n, i := range set {
		shares[n] = all[i].share
	}
	return shares
}

// reconstruct puts a key together without a check.
func (all table) reconstruct(t testing.TB, set []int) *secp256k1.Scalar {
	t.Helper()
	key := new(secp256k1.Scalar)
	for _, i := range set {
		coefficient, err := deal.Lagrange(set, i)
		if err != nil {
			t.Fatal(err)
		}
		key.MulAdd(coefficient, all[i].share.X, key)
	}
	return key
}

// subsets calls f with every subset of set of the given size.
func subsets(set []int, size int, f func([]int)) {
	if size == 0 {
		f(nil)
		return
	}
	for k := range len(set) - size + 1 {
		subsets(set[k+1:], size-1, func(rest []int) { f(append([]int{set[k]}, rest...)) })
	}
}

// check checks a finished deal: the shares of any t parties make the key, and all agree on everything.
func (all table) check(t testing.TB) *deal.Key {
	t.Helper()
	parties := all.receivers()
	first := all[parties[0]].share
	subsets(parties, first.Threshold, func(set []int) {
		if new(secp256k1.Point).ScalarBaseMult(all.reconstruct(t, set)).Equal(first.Q) != 1 {
			t.Errorf("the shares of %v do not make the key", set)
		}
	})
	subsets(parties, first.Threshold-1, func(set []int) {
		if new(secp256k1.Point).ScalarBaseMult(all.reconstruct(t, set)).Equal(first.Q) == 1 {
			t.Errorf("%v are fewer than the threshold, and their shares make the key", set)
		}
	})
	for _, i := range parties {
		share := all[i].share
		if share.Index != i || share.ID != first.ID || share.ChainCode != first.ChainCode || share.Epoch != all[i].params.Epoch {
			t.Errorf("party %d holds another key", i)
		}
		for _, j := range parties {
			if i == j {
				continue
			}
			mine, err := share.Seed(j)
			if err != nil {
				t.Fatal(err)
			}
			yours, err := all[j].share.Seed(i)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(mine, yours) {
				t.Errorf("parties %d and %d have different seeds", i, j)
			}
		}
		for _, j := range all[i].share.Seeds {
			if count(share.Seeds, j) != 1 {
				t.Errorf("party %d has one seed with two others", i)
			}
		}
	}
	return &first.Key
}

func count(seeds [][32]byte, seed [32]byte) (n int) {
	for _, s := range seeds {
		if s == seed {
			n++
		}
	}
	return n
}

func wantError(t testing.TB, err error, code string, party int, message string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one of code %s", code)
	}
	e, ok := err.(*wire.Error)
	if !ok || e.Code != code || e.Party != party || !strings.Contains(e.Message, message) {
		t.Fatalf("error %#v, want code %s, party %d and %q", err, code, party, message)
	}
}

func TestKeygenOfEveryQuorum(t *testing.T) {
	indices := []int{1, 2, 3, 4, 5}
	for n := 2; n <= 5; n++ {
		for threshold := 2; threshold <= n; threshold++ {
			keygen(threshold, indices[:n]...).run(t, 4).check(t)
		}
	}
}

func TestKeygenOfOddIndices(t *testing.T) {
	keygen(3, 2, 7, 128, 254, 255).run(t, 4).check(t)
}

func TestSixteenParties(t *testing.T) {
	var parties []int
	for i := range deal.MaxParties {
		parties = append(parties, 240+i)
	}
	key := new(secp256k1.Scalar).SetUint64(16)
	all := importing(key, nil, 1, deal.MaxParties, parties...).run(t, 4)
	if all.reconstruct(t, parties).Equal(key) != 1 {
		t.Error("the shares do not make the key")
	}
}

func TestOwnMessagesMayBeGivenBack(t *testing.T) {
	all := keygen(2, 1, 2, 3).run(t, 3)
	session, message, err := deal.Round2(all[2].sessions[1], all.sent(1, 0))
	if err != nil || !bytes.Equal(session, all[2].sessions[2]) || !bytes.Equal(message, all[2].messages[2]) {
		t.Errorf("round 2: %v", err)
	}
	if _, _, err := deal.Round3(all[2].sessions[2], all.sent(2, 0), rand.Reader); err != nil {
		t.Errorf("round 3: %v", err)
	}
	if _, err := deal.Finish(all[2].sessions[3], all.sent(3, 0)); err != nil {
		t.Errorf("finish: %v", err)
	}

	other := keygen(2, 1, 2, 3).run(t, 3)
	for round := 1; round <= 2; round++ {
		messages := all.sent(round, 0)
		messages[2] = other[2].messages[round]
		var err error
		if round == 1 {
			_, _, err = deal.Round2(all[2].sessions[1], messages)
		} else {
			_, _, err = deal.Round3(all[2].sessions[2], messages, rand.Reader)
		}
		wantError(t, err, wire.CodeInput, 0, "not the one it sent")
	}
}

// The order of an action that is called twice: it answers round 1 with its rounds 1 and 2, and the others' rounds 2 and
// 3 with its round 3 and a share.
func TestJoin(t *testing.T) {
	all := keygen(2, 1, 2, 3)
	users, action := []int{1, 3}, all[2]
	for _, i := range users {
		if err := all.step(1, i); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	action.sessions[2], action.messages[1], action.messages[2], err = deal.Join(action.params, all.sent(1, 2), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, round := range []int{2, 3} {
		for _, i := range users {
			if err := all.step(round, i); err != nil {
				t.Fatalf("round %d, party %d: %v", round, i, err)
			}
		}
	}
	for _, step := range []struct{ round, party int }{{3, 2}, {4, 2}, {4, 1}, {4, 3}} {
		if err := all.step(step.round, step.party); err != nil {
			t.Fatalf("round %d, party %d: %v", step.round, step.party, err)
		}
	}
	all.check(t)
	if n := len(action.sessions[2]); n > 512 {
		t.Errorf("the session that the action seals has %d bytes", n)
	}
}

func TestJoinIsHedged(t *testing.T) {
	all := keygen(2, 1, 2, 3).run(t, 1)
	join := func(messages map[int][]byte) []byte {
		_, message, _, err := deal.Join(all[2].params, messages, bytes.NewReader(bytes.Repeat([]byte{7}, 32)))
		if err != nil {
			t.Fatal(err)
		}
		return message
	}
	first := join(all.sent(1, 2))
	if !bytes.Equal(first, join(all.sent(1, 2))) {
		t.Error("the same randomness and messages give another contribution")
	}
	if err := all.step(1, 3); err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(first, join(all.sent(1, 2))) {
		t.Error("a random source that repeats itself gives the same contribution to another deal")
	}
}

func TestRandomSourceFails(t *testing.T) {
	all := keygen(2, 1, 2).run(t, 2)
	for name, source := range map[string]*bytes.Reader{
		"empty": bytes.NewReader(nil),
		"short": bytes.NewReader(bytes.Repeat([]byte{7}, 31)),
		"zeros": bytes.NewReader(make([]byte, 64)),
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := deal.Round1(all[1].params, source)
			wantError(t, err, wire.CodeInternal, 0, "random source")
			_, _, _, err = deal.Join(all[1].params, all.sent(1, 1), source)
			wantError(t, err, wire.CodeInternal, 0, "random source")
			_, _, err = deal.Round3(all[1].sessions[2], all.sent(2, 1), source)
			wantError(t, err, wire.CodeInternal, 0, "random source")
		})
	}
}

func TestImport(t *testing.T) {
	key, err := secp256k1.RandomScalar(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	Q := new(secp256k1.Point).ScalarBaseMult(key)
	chainCode := [32]byte{1, 2, 3}
	for _, test := range []struct {
		name string
		all  table
	}{
		{"receiver imports", importing(key, nil, 1, 2, 1, 2, 3)},
		{"outsider imports", importing(key, nil, 200, 2, 1, 2, 3)},
		{"with its chain code", importing(key, &chainCode, 3, 3, 1, 2, 3, 5)},
	} {
		t.Run(test.name, func(t *testing.T) {
			made := test.all.run(t, 4).check(t)
			if made.Q.Equal(Q) != 1 {
				t.Error("another key")
			}
			given := test.all[test.all[1].params.Contributors[0]].params.ChainCode
			if (given != nil) != (made.ChainCode == chainCode) {
				t.Errorf("chain code %x", made.ChainCode)
			}
		})
	}
}

func TestReshare(t *testing.T) {
	old := keygen(2, 1, 2, 3).run(t, 4)
	before := old.check(t)
	key := old.reconstruct(t, []int{1, 3})
	for _, test := range []struct {
		name         string
		contributors []int
		threshold    int
		parties      []int
	}{
		{"refresh", []int{1, 2}, 2, []int{1, 2, 3}},
		{"refresh without the first", []int{2, 3}, 2, []int{1, 2, 3}},
		{"lost share", []int{1, 3}, 2, []int{1, 2, 3}},
		{"replaced party", []int{1, 2}, 2, []int{1, 2, 4}},
		{"contributor leaves", []int{1, 2}, 2, []int{2, 3}},
		{"all are new", []int{1, 3}, 2, []int{11, 12, 13}},
		{"higher threshold", []int{1, 2}, 3, []int{1, 2, 3, 9}},
		{"more parties", []int{2, 3}, 2, []int{1, 2, 3, 4, 5}},
		{"fewer parties", []int{2, 3}, 2, []int{2, 3}},
	} {
		t.Run(test.name, func(t *testing.T) {
			all := resharing(old, test.contributors, test.threshold, test.parties...).run(t, 4)
			after := all.check(t)
			if after.Q.Equal(before.Q) != 1 || after.ChainCode != before.ChainCode {
				t.Error("another key")
			}
			if after.ID == before.ID || after.Epoch != before.Epoch+1 {
				t.Error("the same sharing")
			}
			for _, i := range test.parties {
				if _, ok := old[i]; ok && old[i].share.X.Equal(all[i].share.X) == 1 {
					t.Errorf("party %d has its old share", i)
				}
			}
			// A share from before and one from after do not work together.
			mixed := table{1: old[1], test.parties[1]: all[test.parties[1]]}
			if mixed.reconstruct(t, mixed.indices()).Equal(key) == 1 {
				t.Error("shares of two epochs make the key")
			}
		})
	}
}

func TestReshareAgain(t *testing.T) {
	all := keygen(2, 1, 2, 3).run(t, 4)
	Q, key := all[1].share.Q, all.reconstruct(t, []int{1, 2})
	all = resharing(all, []int{1, 3}, 3, 3, 4, 5).run(t, 4)
	all = resharing(all, []int{3, 4, 5}, 2, 1, 5).run(t, 4)
	if all.check(t).Q.Equal(Q) != 1 || all.reconstruct(t, []int{1, 5}).Equal(key) != 1 || all[1].share.Epoch != 2 {
		t.Error("another key")
	}
}

func TestNonReceiverEndsAtRound2(t *testing.T) {
	all := importing(new(secp256k1.Scalar).SetUint64(5), nil, 9, 2, 1, 2).run(t, 2)
	if all[9].sessions[2] != nil {
		t.Error("a party that receives nothing has a session for round 3")
	}
	_, _, err := deal.Round3(nil, all.sent(2, 9), rand.Reader)
	wantError(t, err, wire.CodeSession, 0, "")
}

func TestParamsRefused(t *testing.T) {
	old := keygen(2, 1, 2, 3).run(t, 4)
	other := keygen(2, 1, 2, 3).run(t, 4)
	one := new(secp256k1.Scalar).SetUint64(1)
	generate, imports := keygen(2, 1, 2, 3)[2].params, importing(one, nil, 2, 2, 1, 2, 3)[2].params
	resharers := resharing(old, []int{1, 2}, 2, 1, 2, 3)
	reshares, receives := resharers[2].params, resharers[3].params
	seventeen := []int{}
	for i := range 17 {
		seventeen = append(seventeen, i+1)
	}
	nothing := func(*deal.Params) {}
	chainCode := func(p *deal.Params) { p.ChainCode = new([32]byte) }
	tests := []struct {
		name, want string
		base       deal.Params
		change     func(*deal.Params)
	}{
		{"kind", "unknown kind", generate, func(p *deal.Params) { p.Kind = "refresh" }},
		{"threshold 1", "threshold 1", generate, func(p *deal.Params) { p.Threshold = 1 }},
		{"threshold 0", "threshold 0", generate, func(p *deal.Params) { p.Threshold = 0 }},
		{"threshold negative", "threshold -1", generate, func(p *deal.Params) { p.Threshold = -1 }},
		{"threshold above n", "threshold 4", generate, func(p *deal.Params) { p.Threshold = 4 }},
		{"no parties", "ascending", keygen(2, 1, 2)[2].params, func(p *deal.Params) { p.Parties, p.Contributors = nil, nil }},
		{"one party", "threshold 2 of 1", keygen(2, 2)[2].params, nothing},
		{"17 parties", "parties must be", keygen(2, seventeen...)[2].params, nothing},
		{"index 0", "parties must be", keygen(2, 0, 1, 2)[2].params, nothing},
		{"index 256", "parties must be", keygen(2, 1, 2, 256)[2].params, nothing},
		{"index negative", "parties must be", keygen(2, -1, 2, 3)[2].params, nothing},
		{"party twice", "parties must be", keygen(2, 1, 2, 2)[2].params, nothing},
		{"not ascending", "parties must be", keygen(2, 1, 3, 2)[2].params, nothing},
		{"self unlisted", "takes no part", generate, func(p *deal.Params) { p.Self = 4 }},
		{"self 0", "takes no part", generate, func(p *deal.Params) { p.Self = 0 }},
		{"keygen by some", "cannot keygen", generate, func(p *deal.Params) { p.Contributors = []int{1, 2} }},
		{"keygen of a given key", "nobody else", generate, func(p *deal.Params) { p.Secret = one }},
		{"keygen of a given chain code", "nobody else", generate, chainCode},
		{"keygen of an old key", "reshare only", generate, func(p *deal.Params) { p.Old = &old[2].share.Key }},
		{"keygen of an old share", "reshare only", generate, func(p *deal.Params) { p.Share = old[2].share }},

		{"import by two", "cannot import", imports, func(p *deal.Params) { p.Contributors = []int{1, 2} }},
		{"import of nothing", "gives the key", imports, func(p *deal.Params) { p.Secret = nil }},
		{"import of zero", "from 1 to q - 1", imports, func(p *deal.Params) { p.Secret = new(secp256k1.Scalar) }},
		{"import by another", "nobody else", imports, func(p *deal.Params) { p.Self = 1 }},
		{"import of a chain code alone", "nobody else", importing(one, nil, 1, 2, 1, 2, 3)[2].params, chainCode},

		{"reshare of nothing", "needs the old key", reshares, func(p *deal.Params) { p.Old = nil }},
		{"reshare by too few", "needs 2 contributors", reshares, func(p *deal.Params) { p.Contributors = []int{2} }},
		{"reshare by too many", "needs 2 contributors", reshares, func(p *deal.Params) { p.Contributors = []int{1, 2, 3} }},
		{"reshare by one twice", "ascending order", reshares, func(p *deal.Params) { p.Contributors = []int{2, 2} }},
		{"reshare by an outsider", "party 4 has no share", reshares, func(p *deal.Params) { p.Contributors = []int{2, 4} }},
		{"reshare without the share", "give their shares", reshares, func(p *deal.Params) { p.Share = nil }},
		{"reshare of a share too many", "nobody else", receives, func(p *deal.Params) { p.Share = old[3].share }},
		{"reshare of another's share", "not party 2's share", reshares, func(p *deal.Params) { p.Share = old[1].share }},
		{"reshare of another key's share", "not party 2's share", reshares, func(p *deal.Params) { p.Share = other[2].share }},
		{"reshare to the same epoch", "epoch 0", reshares, func(p *deal.Params) { p.Epoch = 0 }},
		{"reshare to the epoch after next", "epoch 2", reshares, func(p *deal.Params) { p.Epoch = 2 }},
		{"reshare of a forged key", "not those of the public key", receives, func(p *deal.Params) {
			key := *p.Old
			key.Q = other[1].share.Q
			p.Old = &key
		}},
		{"reshare to threshold 1", "threshold 1", reshares, func(p *deal.Params) { p.Threshold = 1 }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.change(&test.base)
			session, message, err := deal.Round1(test.base, rand.Reader)
			code := wire.CodeInput
			if test.want == "not party 2's share" {
				code = wire.CodeIdentity
			}
			wantError(t, err, code, 0, test.want)
			if session != nil || message != nil {
				t.Error("something is returned beside the error")
			}
		})
	}
}

func TestMessagesMissingOrExtra(t *testing.T) {
	all := keygen(2, 1, 2, 3).run(t, 3)
	steps := map[int]func(map[int][]byte) error{
		1: func(m map[int][]byte) error { _, _, err := deal.Round2(all[1].sessions[1], m); return err },
		2: func(m map[int][]byte) error { _, _, err := deal.Round3(all[1].sessions[2], m, rand.Reader); return err },
		3: func(m map[int][]byte) error { _, err := deal.Finish(all[1].sessions[3], m); return err },
	}
	for round, step := range steps {
		t.Run(fmt.Sprint("round ", round), func(t *testing.T) {
			missing := all.sent(round, 1)
			delete(missing, 3)
			wantError(t, step(missing), wire.CodeInput, 0, "party 3 is missing")
			wantError(t, step(nil), wire.CodeInput, 0, "party 2 is missing")
			extra := all.sent(round, 1)
			extra[4] = extra[3]
			wantError(t, step(extra), wire.CodeInput, 0, "send none")
			swapped := all.sent(round, 1)
			swapped[2], swapped[3] = swapped[3], swapped[2]
			wantError(t, step(swapped), wire.CodeParty, 2, "message of party 3")
			empty := all.sent(round, 1)
			empty[3] = nil
			wantError(t, step(empty), wire.CodeParty, 3, "")
			earlier := all.sent(round, 1)
			earlier[3] = all[3].messages[1+round%3]
			wantError(t, step(earlier), wire.CodeParty, 3, "")
			if err := step(all.sent(round, 1)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestSessionsRefused(t *testing.T) {
	all := keygen(2, 1, 2, 3).run(t, 4)
	share, err := all[1].share.Encode()
	if err != nil {
		t.Fatal(err)
	}
	candidates := map[string][]byte{
		"nothing": nil, "an empty map": {0xa0}, "a message": all[1].messages[1], "a share": share,
		"session 1": all[1].sessions[1], "session 2": all[1].sessions[2], "session 3": all[1].sessions[3],
	}
	for name, session := range candidates {
		cut := session[:max(0, len(session)-1)]
		for _, s := range [][]byte{session, cut} {
			if name != "session 1" || len(s) < len(session) {
				_, _, err := deal.Round2(s, all.sent(1, 1))
				wantError(t, err, wire.CodeSession, 0, "round 1")
			}
			if name != "session 2" || len(s) < len(session) {
				_, _, err := deal.Round3(s, all.sent(2, 1), rand.Reader)
				wantError(t, err, wire.CodeSession, 0, "round 2")
			}
			if name != "session 3" || len(s) < len(session) {
				_, err := deal.Finish(s, all.sent(3, 1))
				wantError(t, err, wire.CodeSession, 0, "round 3")
			}
		}
	}
}

// A session of one deal among messages of another, of the same parties.
func TestAnotherDeal(t *testing.T) {
	a, b := keygen(2, 1, 2, 3).run(t, 3), keygen(2, 1, 2, 3).run(t, 3)
	_, _, err := deal.Round3(a[1].sessions[2], b.sent(2, 1), rand.Reader)
	wantError(t, err, wire.CodeParty, 2, "opening")
	_, err = deal.Finish(a[1].sessions[3], b.sent(3, 1))
	wantError(t, err, wire.CodeParty, 2, "round 2")
}

// Parties that have agreed on round 1 need nobody's word for the rest: another one with the same old shares, who carries
// their messages, neither deals in the place of one of them nor opens what was dealt to it.
func TestRound1AuthenticatesTheRest(t *testing.T) {
	old := keygen(2, 1, 2, 3).run(t, 4)
	all := resharing(old, []int{1, 2}, 2, 1, 2, 3).run(t, 2)
	thief := resharing(old, []int{1, 2}, 2, 1, 2, 3).run(t, 1)
	for _, i := range []int{1, 2, 3} {
		next, message, err := deal.Round2(thief[i].sessions[1], all.sent(1, i))
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = deal.Round3(next, all.sent(2, i), rand.Reader)
		wantError(t, err, wire.CodeParty, others(i)[0], "another deal")
		for _, j := range others(i) {
			messages := all.sent(2, j)
			messages[i] = message
			_, _, err = deal.Round3(all[j].sessions[2], messages, rand.Reader)
			wantError(t, err, wire.CodeParty, i, "opening")
		}
	}
}

// others returns those of three parties that are not i.
func others(i int) []int {
	return slices.DeleteFunc([]int{1, 2, 3}, func(j int) bool { return j == i })
}

// A party that believes in other terms is found out in round 3, before a share is used.
func TestOtherTerms(t *testing.T) {
	old := keygen(2, 1, 2, 3).run(t, 4)
	other := importing(old.reconstruct(t, []int{1, 2}), &old[1].share.ChainCode, 1, 2, 1, 2, 3).run(t, 4)
	for name, test := range map[string]struct {
		all    table
		change func(*deal.Params)
	}{
		"epoch":     {keygen(2, 1, 2, 3), func(p *deal.Params) { p.Epoch++ }},
		"threshold": {keygen(2, 1, 2, 3), func(p *deal.Params) { p.Threshold = 3 }},
		"kind":      {importing(old[1].share.X, nil, 1, 2, 1, 2, 3), func(p *deal.Params) { p.Kind, p.Contributors = deal.Keygen, p.Parties }},
		"old key":   {resharing(old, []int{1, 2}, 2, 1, 2, 3), func(p *deal.Params) { p.Old = &other[3].share.Key }},
	} {
		t.Run(name, func(t *testing.T) {
			test.change(&test.all[3].params)
			test.all.run(t, 2)
			wantError(t, test.all.step(3, 1), wire.CodeParty, 3, "another deal")
			wantError(t, test.all.step(3, 3), wire.CodeParty, 1, "another deal")
		})
	}
}

func TestDealID(t *testing.T) {
	all := keygen(2, 1, 2, 3).run(t, 2)
	outsider := all[1].params
	outsider.Self = 0
	id, err := deal.DealID(outsider, all.sent(1, 0))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(all[1].messages[2], id) || !bytes.Contains(all[3].messages[2], id) {
		t.Error("round 2 runs under another id")
	}
	_, err = deal.DealID(outsider, all.sent(1, 2))
	wantError(t, err, wire.CodeInput, 0, "party 2 is missing")
	messages := all.sent(1, 0)
	messages[2] = messages[1]
	_, err = deal.DealID(outsider, messages)
	wantError(t, err, wire.CodeParty, 2, "message of party 1")
	outsider.Threshold = 1
	_, err = deal.DealID(outsider, all.sent(1, 0))
	wantError(t, err, wire.CodeInput, 0, "threshold")

	old := keygen(2, 1, 2, 3).run(t, 4)
	second := resharing(old, []int{1, 2}, 2, 1, 2).run(t, 2)
	p := second[1].params
	p.Share = nil
	if id, err = deal.DealID(p, second.sent(1, 0)); err != nil || !bytes.Contains(second[2].messages[2], id) {
		t.Errorf("reshare: %v", err)
	}
}

// What the doc comments of Round2 and Round3 say of a session that is used again.
func TestReplay(t *testing.T) {
	all := keygen(2, 1, 2, 3).run(t, 3)
	session, message, err := deal.Round2(all[1].sessions[1], all.sent(1, 1))
	if err != nil || !bytes.Equal(session, all[1].sessions[2]) || !bytes.Equal(message, all[1].messages[2]) {
		t.Errorf("round 2 is not a function of its arguments: %v", err)
	}
	again, message, err := deal.Round3(all[1].sessions[2], all.sent(2, 1), rand.Reader)
	if err != nil || !bytes.Equal(again, all[1].sessions[3]) {
		t.Errorf("round 3 finds another share: %v", err)
	}
	if bytes.Equal(message, all[1].messages[3]) {
		t.Error("two confirmations with one nonce")
	}
	// Party 3 deals party 2 another box, which party 1 cannot see: the confirmation is another, the share is the same.
	messages := all.sent(2, 1)
	messages[3] = bytes.Clone(messages[3])
	messages[3][len(messages[3])-1] ^= 1
	third, _, err := deal.Round3(all[1].sessions[2], messages, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(third, again) || !bytes.Equal(shareIn(t, third), shareIn(t, again)) {
		t.Error("a replay of round 3 leads to another share")
	}
}

type finishSession struct {
	version int
	kind    string
	dealID  [32]byte
	digests map[int][32]byte
	share   []byte
}

func (s *finishSession) Fields(c *wire.Coder) {
	c.Key(1).Int(&s.version)
	c.Key(2).Text(&s.kind)
	c.Key(3).Array(s.dealID[:])
	wire.Map(c.Key(4), &s.digests, (*wire.Coder).Array32)
	c.Key(5).Bytes(&s.share)
}

// shareIn returns the key share that a session for Finish holds.
func shareIn(t *testing.T, session []byte) []byte {
	t.Helper()
	var s finishSession
	if err := wire.Unmarshal(session, 1<<13, s.Fields); err != nil {
		t.Fatal(err)
	}
	return s.share
}
