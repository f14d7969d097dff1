package deal

import (
	"bytes"
	"crypto/rand"
	"slices"
	"testing"

	"tandem/go/internal/tamper"
	"tandem/go/secp256k1"
	"tandem/go/wire"
)

// Points that are not those of one sharing, under an id that is right.
func TestKeyOffThePolynomial(t *testing.T) {
	make := func() *Key {
		key, err := newKey(3, []int{1, 2, 5, 6}, 0, polynomial{scalar(3), scalar(4), scalar(5)}.feldman(), [32]byte{})
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	if err := make().check(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Key){
		"public key":             func(k *Key) { k.Q = secp256k1.NewGenerator() },
		"first public share":     func(k *Key) { k.PublicShares[0] = secp256k1.NewGenerator() },
		"last public share":      func(k *Key) { k.PublicShares[3] = secp256k1.NewGenerator() },
		"lower threshold":        func(k *Key) { k.Threshold = 2 },
		"shares exchanged":       func(k *Key) { k.PublicShares[1], k.PublicShares[2] = k.PublicShares[2], k.PublicShares[1] },
		"another index":          func(k *Key) { k.Parties = []int{1, 2, 5, 7} },
		"a party of no share":    func(k *Key) { k.Parties = []int{1, 2, 5, 6, 7} },
		"a share of no party":    func(k *Key) { k.Parties = []int{1, 2, 5} },
		"indices not ascending":  func(k *Key) { k.Parties = []int{2, 1, 5, 6} },
		"threshold above number": func(k *Key) { k.Threshold = 5 },
	} {
		key := make()
		change(key)
		key.ID = key.id()
		if err := key.check(); wire.CodeOf(err) != wire.CodeInput {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What is sealed for one party, of one deal, in one direction opens for no other.
func TestBoxIsBound(t *testing.T) {
	e, f := scalar(11), scalar(13)
	E, F := point(new(secp256k1.Point).ScalarBaseMult(e).Bytes()), point(new(secp256k1.Point).ScalarBaseMult(f).Bytes())
	pairOf := func(e *secp256k1.Scalar, E point, id byte) *pair {
		all, err := (&contribution{e: e}).pairs([]int{1}, peers{1: {Ephemeral: E}}, [32]byte{id})
		if err != nil {
			t.Fatal(err)
		}
		return all[1]
	}
	mine, yours := pairOf(e, F, 0), pairOf(f, E, 0)
	sealed := mine.seal(1, 2, scalar(7))
	if share, err := yours.open(1, 2, sealed); err != nil || share.Equal(scalar(7)) != 1 {
		t.Fatalf("the box does not open: %v", err)
	}
	for name, open := range map[string]func() (*secp256k1.Scalar, error){
		"other direction": func() (*secp256k1.Scalar, error) { return yours.open(2, 1, sealed) },
		"other receiver":  func() (*secp256k1.Scalar, error) { return yours.open(1, 3, sealed) },
		"other deal":      func() (*secp256k1.Scalar, error) { return pairOf(f, E, 1).open(1, 2, sealed) },
		"other key":       func() (*secp256k1.Scalar, error) { return pairOf(e, E, 0).open(1, 2, sealed) },
	} {
		if _, err := open(); err == nil {
			t.Errorf("%s: the box opens", name)
		}
	}

	zero := func(p *pair, i, j int) (seed [32]byte) {
		p.zeroSeed(&seed, i, j)
		return seed
	}
	if zero(mine, 1, 2) != zero(yours, 2, 1) {
		t.Error("two parties have different seeds")
	}
	if zero(mine, 1, 2) == zero(mine, 1, 3) {
		t.Error("two pairs of parties have one seed")
	}
}

// Secrets do not outlive the contribution.
func TestClear(t *testing.T) {
	p := cheatedImport(2)[2]
	d := new(dealer)
	if err := d.init(&p, nil, rand.Reader); err != nil {
		t.Fatal(err)
	}
	own, err := d.contribution()
	if err != nil {
		t.Fatal(err)
	}
	f := slices.Clone(own.f)
	own.clear()
	d.clear()
	if own.e.IsZero() != 1 || f[0].IsZero() != 1 || f[1].IsZero() != 1 || own.opening.Salt != [32]byte{} {
		t.Error("the contribution")
	}
	if d.Seed != [32]byte{} || !bytes.Equal(d.Constant, make([]byte, 32)) {
		t.Error("the dealer")
	}
}

// Sessions that are well formed, but not ones that a round makes.
func TestImplausibleSession(t *testing.T) {
	sessions, messages := play(t, cheatedReshare(t))
	same := func(wire.Struct) {}
	first := func(change func(*session1)) func(wire.Struct) { return func(s wire.Struct) { change(s.(*session1)) } }
	second := func(change func(*session2)) func(wire.Struct) { return func(s wire.Struct) { change(s.(*session2)) } }
	third := func(change func(*session3)) func(wire.Struct) { return func(s wire.Struct) { change(s.(*session3)) } }
	resume := func(round int, session []byte) (err error) {
		switch round {
		case 1:
			_, _, err = Round2(session, messages[1])
		case 2:
			_, _, err = Round3(session, messages[2], rand.Reader)
		case 3:
			_, err = Finish(session, messages[3])
		}
		return err
	}
	for _, test := range []struct {
		round   int
		version byte
		kind    string
	}{
		{1, wire.Version, kindSession2},
		{2, wire.Version, kindSession1},
		{3, wire.Version, kindSession2},
		{1, 2, kindSession1},
		{2, 0, kindSession2},
		{3, 2, kindSession3},
	} {
		err := resume(test.round, tamper.Header(sessions[test.round][2], test.version, test.kind))
		if wire.CodeOf(err) != wire.CodeSession {
			t.Errorf("session %d, version %d, kind %s: %v", test.round, test.version, test.kind, err)
		}
	}
	for _, test := range []struct {
		name   string
		round  int
		change func(wire.Struct)
	}{
		{"", 1, same},
		{"", 2, same},
		{"", 3, same},
		{"threshold", 1, first(func(s *session1) { s.Dealer.Terms.Threshold = 4 })},
		{"threshold", 2, second(func(s *session2) { s.Dealer.Terms.Threshold = 1 })},
		{"kind of deal", 1, first(func(s *session1) { s.Dealer.Terms.Kind = "" })},
		{"kind of deal", 2, second(func(s *session2) { s.Dealer.Terms.Kind = Keygen })},
		{"constants missing", 2, second(func(s *session2) { s.Dealer.Terms.Constants = nil })},
		{"old key id missing", 1, first(func(s *session1) { s.Dealer.Terms.OldKeyID = nil })},
		{"chain code missing", 1, first(func(s *session1) { s.Dealer.Terms.ChainCode = nil })},
		{"self", 1, first(func(s *session1) { s.Dealer.Self = 9 })},
		{"self among the peers", 2, second(func(s *session2) { s.Dealer.Self = 1 })},
		{"constant missing", 1, first(func(s *session1) { s.Dealer.Constant = nil })},
		{"constant too large", 1, first(func(s *session1) { s.Dealer.Constant = bytes.Repeat([]byte{255}, 32) })},
		{"constant zero", 2, second(func(s *session2) { s.Dealer.Constant = make([]byte, 32) })},
		{"chain code given", 1, first(func(s *session1) { s.Dealer.ChainCode = make([]byte, 32) })},
		{"peer missing", 2, second(func(s *session2) { delete(s.Peers, 1) })},
		{"peer too many", 2, second(func(s *session2) { s.Peers[4] = s.Peers[1] })},
		{"peer replaced", 2, second(func(s *session2) { s.Peers[4] = s.Peers[1]; delete(s.Peers, 1) })},
		{"ephemeral key", 2, second(func(s *session2) { s.Peers[1] = peer{s.Peers[1].Commitment, point{}} })},
		{"no receiver", 2, second(func(s *session2) { s.Dealer.Terms.Parties = []int{1, 3} })},
		{"digest missing", 3, third(func(s *session3) { delete(s.Digests, 3) })},
		{"share", 3, third(func(s *session3) { s.Share[len(s.Share)-200] ^= 1 })},
	} {
		var s wire.Struct
		var err error
		switch test.round {
		case 1:
			s, err = decodeSession1(sessions[1][2])
		case 2:
			s, err = decodeSession2(sessions[2][2])
		case 3:
			decoded := new(session3)
			s, err = decoded, wire.Unmarshal(sessions[3][2], maxSession, decoded.Fields)
		}
		if err != nil {
			t.Fatal(err)
		}
		test.change(s)
		data, err := wire.Marshal(s.Fields)
		if err != nil {
			t.Fatal(err)
		}
		err = resume(test.round, data)
		want := wire.CodeSession
		if test.name == "" {
			want = ""
		}
		if code := wire.CodeOf(err); code != want {
			t.Errorf("session %d, %s: code %q, want %q: %v", test.round, test.name, code, want, err)
		}
	}
}

// A commitment commits to everything, and to whose it is.
func TestCommitment(t *testing.T) {
	honest := opening{[32]byte{1}, []point{{2}, {3}}, []byte{4}, []byte{5}}
	com := honest.commitment(1, point{6})
	for name, other := range map[string][32]byte{
		"index":      honest.commitment(2, point{6}),
		"ephemeral":  honest.commitment(1, point{7}),
		"salt":       (&opening{[32]byte{9}, honest.Points, honest.Proof, honest.ChainCode}).commitment(1, point{6}),
		"points":     (&opening{honest.Salt, []point{{2}, {4}}, honest.Proof, honest.ChainCode}).commitment(1, point{6}),
		"a point":    (&opening{honest.Salt, []point{{2}}, honest.Proof, honest.ChainCode}).commitment(1, point{6}),
		"proof":      (&opening{honest.Salt, honest.Points, []byte{9}, honest.ChainCode}).commitment(1, point{6}),
		"chain code": (&opening{honest.Salt, honest.Points, honest.Proof, []byte{9}}).commitment(1, point{6}),
		"boundaries": (&opening{honest.Salt, honest.Points, nil, []byte{4, 5}}).commitment(1, point{6}),
	} {
		if other == com {
			t.Errorf("another %s has the same commitment", name)
		}
	}
}

// The bounds of what is decoded hold the largest there can be.
func TestLargestFit(t *testing.T) {
	const most = 2 * MaxParties // participants: a reshare to as many others
	all, said, seen := make([]int, MaxParties), peers{}, digests{}
	for i := range MaxParties {
		all[i] = MaxIndex
	}
	for i := range most {
		said[MaxIndex-i], seen[MaxIndex-i] = peer{}, [32]byte{}
	}
	d := dealer{
		terms{Reshare, MaxParties, all, all, 1<<32 - 1, make([]byte, 32), make([]byte, 32), make([]point, MaxParties)},
		MaxIndex, [32]byte{}, make([]byte, 32), make([]byte, 32),
	}
	key := keyFields{MaxParties, all, 1<<32 - 1, point{}, make([]point, MaxParties), [32]byte{}, [32]byte{}}
	share := &shareMessage{key, MaxIndex, [32]byte{}, make([][32]byte, MaxParties-1)}
	opened := opening{[32]byte{}, make([]point, MaxParties), make([]byte, 64), make([]byte, 32)}
	for _, test := range []struct {
		value, decoded wire.Struct
		max            int
	}{
		{&round1Message{MaxIndex, [32]byte{}, point{}}, new(round1Message), maxMessage},
		{&round2Message{MaxIndex, [32]byte{}, opened, make([]box, MaxParties)}, new(round2Message), maxMessage},
		{&round3Message{MaxIndex, seen, [64]byte{}}, new(round3Message), maxMessage},
		{&session1{d}, new(session1), maxSession},
		{&session2{d, [32]byte{}, said, [32]byte{}}, new(session2), maxSession},
		{&session3{[32]byte{}, seen, make([]byte, maxShare)}, new(session3), maxSession},
		{share, new(shareMessage), maxShare},
		{&keyMessage{key}, new(keyMessage), maxShare},
	} {
		data, err := wire.Marshal(test.value.Fields)
		if err != nil {
			t.Fatal(err)
		}
		if err := wire.Unmarshal(data, test.max, test.decoded.Fields); err != nil {
			t.Errorf("%T of %d bytes: %v", test.value, len(data), err)
		}
	}
}
