package correlation

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"testing"

	"tandem/go/deal"
	"tandem/go/internal/chacha"
	"tandem/go/internal/tamper"
	"tandem/go/ot"
	"tandem/go/secp256k1"
	"tandem/go/transcript"
	"tandem/go/wire"
)

func source(n byte) *mathrand.ChaCha8 { return mathrand.NewChaCha8([32]byte{n}) }

// newShares returns the shares of the 2-of-3 key of that name.
func newShares(name string) map[int]*deal.KeyShare {
	f0, f1 := transcript.Scalar("f0", []byte(name)), transcript.Scalar("f1", []byte(name))
	key := deal.Key{
		Threshold: 2,
		Parties:   []int{1, 2, 3},
		Epoch:     1,
		Q:         new(secp256k1.Point).ScalarBaseMult(f0),
		ChainCode: transcript.Hash("code", []byte(name)),
		ID:        transcript.Hash("id", []byte(name)),
	}
	shares := make(map[int]*deal.KeyShare)
	for _, i := range key.Parties {
		x := new(secp256k1.Scalar).SetUint64(uint64(i))
		x.MulAdd(x, f1, f0)
		key.PublicShares = append(key.PublicShares, new(secp256k1.Point).ScalarBaseMult(x))
		shares[i] = &deal.KeyShare{Index: i, X: x}
	}
	for _, share := range shares {
		share.Key = key
	}
	return shares
}

// with returns a changed copy of a share.
func with(share *deal.KeyShare, change func(*deal.KeyShare)) *deal.KeyShare {
	c := *share
	c.X = new(secp256k1.Scalar).Set(share.X)
	change(&c)
	return &c
}

// setting is a set-up of parties 1, the user, and 2.
type setting struct {
	user, action     *deal.KeyShare
	session, request []byte
	answer           []byte
	correlation      *Correlation
}

func newSetting(t testing.TB, name string) *setting {
	t.Helper()
	shares := newShares(name)
	s := &setting{user: shares[1], action: shares[2]}
	var err error
	if s.session, s.request, err = Request([]byte("secret"), 2, source(1)); err != nil {
		t.Fatal(err)
	}
	if s.answer, err = Respond(s.action, 1, s.request, source(2)); err != nil {
		t.Fatal(err)
	}
	if s.correlation, err = Accept(s.user, s.session, s.answer); err != nil {
		t.Fatal(err)
	}
	return s
}

func encoded(t testing.TB, c *Correlation) []byte {
	t.Helper()
	b, err := c.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Both sides have the same trees except for the leaf at Δ, the same MAC key, and δ makes up for β.
func TestSetUp(t *testing.T) {
	s := newSetting(t, "set-up")
	c := s.correlation
	if err := c.Check(s.user, 2); err != nil {
		t.Fatal(err)
	}
	action := s.act()
	var key [32]byte
	if action.MACKey(&key); key != c.MACKey {
		t.Error("not the same MAC key")
	}
	punctured := new(tree)
	seen := make(map[chacha.Key]bool)
	for i, digit := range c.digits {
		action.forest.full(i)
		c.leaves(punctured, i)
		for y := 1; y < leaves; y++ {
			if leafOf(punctured, byte(y)) != leafOf(&action.forest.tree, byte(y)^digit) {
				t.Fatalf("tree %d: not the same leaf %d", i, byte(y)^digit)
			}
		}
		for x := range leaves {
			leaf := leafOf(&action.forest.tree, byte(x))
			if seen[leaf] {
				t.Fatalf("tree %d: a leaf twice", i)
			}
			seen[leaf] = true
		}
		if leafOf(punctured, 0) != (chacha.Key{}) {
			t.Fatalf("tree %d: something where the leaf at the digit would be", i)
		}
	}
	tU, err := s.user.Summand(2)
	if err != nil {
		t.Fatal(err)
	}
	sum := new(secp256k1.Scalar).Set(c.Delta)
	for i, g := range NewGadget(&c.Seed, &c.ID) {
		sum.MulAdd(&g, new(secp256k1.Scalar).SetUint64(uint64(c.digits[i])), sum)
	}
	if sum.Equal(tU) != 1 {
		t.Error("β + δ is not t_U")
	}
}

// leafOf is leaf x of a tree.
func leafOf(t *tree, x byte) (leaf chacha.Key) {
	t.get(&leaf, place(x, Bits))
	return leaf
}

func TestDigitsAreUniform(t *testing.T) {
	var counts [leaves]int
	for seed := range byte(40) {
		u, err := newUser(bytes.Repeat([]byte{seed}, 32))
		if err != nil {
			t.Fatal(err)
		}
		for c := range Digits {
			counts[u.digit(c)]++
		}
	}
	for digit, count := range counts { // 45 expected, standard deviation 6.7
		if count < 15 || count > 90 {
			t.Errorf("digit %d: %d times among %d", digit, count, 40*Digits)
		}
	}
}

func TestSizes(t *testing.T) {
	s := newSetting(t, "sizes")
	for _, test := range []struct {
		name     string
		got, max int
	}{
		{"session", len(s.session), 160},
		{"request", len(s.request), 27_850},
		{"answer", len(s.answer), 30_150},
		{"correlation", len(encoded(t, s.correlation)), 14_150},
	} {
		if test.got > test.max {
			t.Errorf("%s: %d bytes, more than %d", test.name, test.got, test.max)
		}
	}
}

func TestEncode(t *testing.T) {
	s := newSetting(t, "encode")
	data := encoded(t, s.correlation)
	again, err := Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(encoded(t, again), data) {
		t.Error("not the same after decoding")
	}
	for _, change := range tamper.All(t, data) {
		c, err := Decode(change.Bytes)
		if err != nil {
			if wire.CodeOf(err) != wire.CodeSession {
				t.Errorf("%s: %v", change.Where, err)
			}
			continue
		}
		if !bytes.Equal(encoded(t, c), change.Bytes) {
			t.Errorf("%s: not the same after decoding", change.Where)
		}
	}
	for name, share := range map[string]*deal.KeyShare{
		"another party": newShares("encode")[3],
		"another key":   newShares("other")[1],
		"another epoch": with(s.user, func(s *deal.KeyShare) { s.Epoch++ }),
	} {
		if err := again.Check(share, 2); wire.CodeOf(err) != wire.CodeSession {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := again.Check(s.user, 3); wire.CodeOf(err) != wire.CodeSession {
		t.Errorf("another action: %v", err)
	}
	again.Clear()
	if again.digits != [Digits]byte{} || again.MACKey != [32]byte{} || again.Delta.IsZero() != 1 ||
		!bytes.Equal(again.nodes[:], make([]byte, len(again.nodes))) {
		t.Error("Clear leaves something")
	}
}

type brokenSource struct{}

func (brokenSource) Read([]byte) (int, error) { return 0, errors.New("broken") }

func TestArguments(t *testing.T) {
	s := newSetting(t, "arguments")
	for name, random := range map[string]io.Reader{
		"fails":   brokenSource{},
		"short":   bytes.NewReader(make([]byte, 31)),
		"is zero": bytes.NewReader(make([]byte, 64)),
	} {
		if _, _, err := Request(nil, 2, random); wire.CodeOf(err) != wire.CodeInternal {
			t.Errorf("request, random source %s: %v", name, err)
		}
		if _, err := Respond(s.action, 1, s.request, random); wire.CodeOf(err) != wire.CodeInternal {
			t.Errorf("respond, random source %s: %v", name, err)
		}
	}
	threshold3 := with(s.action, func(s *deal.KeyShare) { s.Threshold = 3 })
	for name, test := range map[string]struct {
		share *deal.KeyShare
		peer  int
	}{
		"self": {s.action, 2}, "no party": {s.action, 4}, "zero": {s.action, 0}, "negative": {s.action, -1},
		"threshold 3": {threshold3, 1},
	} {
		if _, err := Respond(test.share, test.peer, s.request, source(2)); wire.CodeOf(err) != wire.CodeInput {
			t.Errorf("respond, %s: %v", name, err)
		}
	}
	changed := func(change func(*sessionState)) []byte {
		state, err := decodeSession(s.session)
		if err != nil {
			t.Fatal(err)
		}
		change(state)
		data, err := wire.Marshal(state.Fields)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	for name, test := range map[string]struct {
		code    string
		session []byte
	}{
		"none":          {wire.CodeSession, nil},
		"message":       {wire.CodeSession, s.request},
		"cut":           {wire.CodeSession, s.session[:len(s.session)-1]},
		"other kind":    {wire.CodeSession, tamper.Header(s.session, wire.Version, "dkls18/session")},
		"other version": {wire.CodeSession, tamper.Header(s.session, 2, kindSession)},
		"other round":   {wire.CodeSession, changed(func(s *sessionState) { s.Round = 2 })},
		"other peer":    {wire.CodeStale, changed(func(s *sessionState) { s.Peer = 3 })},
		"no peer":       {wire.CodeInput, changed(func(s *sessionState) { s.Peer = 9 })},
		"itself":        {wire.CodeInput, changed(func(s *sessionState) { s.Peer = 1 })},
		"other request": {wire.CodeStale, changed(func(s *sessionState) { s.M[0] ^= 1 })},
		"other T":       {wire.CodeParty, changed(func(s *sessionState) { s.Transcript[0] ^= 1 })},
		"other seed":    {wire.CodeParty, changed(func(s *sessionState) { s.Seed[0] ^= 1 })},
		"the right one": {"", changed(func(*sessionState) {})},
	} {
		if _, err := Accept(s.user, test.session, s.answer); wire.CodeOf(err) != test.code {
			t.Errorf("accept, session %s: %v, want code %q", name, err, test.code)
		}
	}
}

// A random source that repeats itself, with another secret or another peer, gives another Δ: one Δ under two ids would begin
// to tell about t_U.
func TestHedged(t *testing.T) {
	seen := make(map[string]string)
	for _, test := range []struct {
		name   string
		secret []byte
		peer   int
	}{
		{"first", []byte("a"), 2}, {"another secret", []byte("b"), 2}, {"none", nil, 2}, {"another peer", []byte("a"), 3},
	} {
		_, request, err := Request(test.secret, test.peer, source(9))
		if err != nil {
			t.Fatal(err)
		}
		if other, again := seen[string(request)]; again {
			t.Errorf("%s: the same request as %s", test.name, other)
		}
		seen[string(request)] = test.name
	}
	_, request, err := Request([]byte("a"), 2, source(9))
	if err != nil || seen[string(request)] != "first" {
		t.Error("a request is not determined by its arguments")
	}
}

// The same request gets the same answer, except for the proof; another gets another, with no leaf in common.
func TestStateless(t *testing.T) {
	s := newSetting(t, "stateless")
	again, err := Respond(s.action, 1, s.request, source(77))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(again) - transcript.ProofSize; !bytes.Equal(again[:n], s.answer[:n]) || bytes.Equal(again, s.answer) {
		t.Error("not the same answer with another proof")
	}
	c, err := Accept(s.user, s.session, again)
	if err != nil || !bytes.Equal(encoded(t, c), encoded(t, s.correlation)) {
		t.Errorf("not the same correlation: %v", err)
	}
	id := func(share *deal.KeyShare, peer int, m byte) [32]byte {
		return identity([32]byte{m}, &share.Key, peer, share.Index)
	}
	seen := make(map[[32]byte]bool)
	shares := newShares("stateless")
	for _, one := range [][32]byte{
		id(s.action, 1, 0), id(s.action, 1, 1), id(s.action, 3, 0), id(shares[3], 1, 0), id(newShares("b")[2], 1, 0),
		id(with(s.action, func(s *deal.KeyShare) { s.Epoch++ }), 1, 0),
	} {
		if seen[one] {
			t.Error("one id for different set-ups")
		}
		seen[one] = true
	}
}

// What is not the action's answer to this very request is stale, and the session goes on.
func TestAnswerOfAnother(t *testing.T) {
	s := newSetting(t, "stranger")
	shares := newShares("stranger")
	_, otherRequest, err := Request([]byte("secret"), 2, source(5))
	if err != nil {
		t.Fatal(err)
	}
	altered := bytes.Clone(s.request)
	altered[len(altered)/2] ^= 1
	for name, test := range map[string]struct {
		share   *deal.KeyShare
		request []byte
	}{
		"another party":      {shares[3], s.request},
		"a relay's share":    {with(s.action, func(s *deal.KeyShare) { s.X.SetUint64(5) }), s.request},
		"another wallet":     {newShares("other")[2], s.request},
		"another epoch":      {with(s.action, func(s *deal.KeyShare) { s.Epoch++ }), s.request},
		"another request":    {s.action, otherRequest},
		"an altered request": {s.action, altered},
	} {
		answer, err := Respond(test.share, 1, test.request, source(6))
		if err != nil {
			if name != "an altered request" || wire.CodeOf(err) != wire.CodeInput {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if _, err := Accept(s.user, s.session, answer); wire.CodeOf(err) != wire.CodeStale {
			t.Errorf("%s: %v, want stale", name, err)
		}
	}
	if _, err := Accept(s.user, s.session, s.answer); err != nil {
		t.Errorf("the right answer afterwards: %v", err)
	}
}

// If a relay changes anything in an answer, the whole answer is refused, and nobody is blamed.
func TestTamperedAnswer(t *testing.T) {
	s := newSetting(t, "tampered answer")
	for _, change := range tamper.All(t, s.answer) {
		c, err := Accept(s.user, s.session, change.Bytes)
		if code := wire.CodeOf(err); code != wire.CodeInput && code != wire.CodeStale || c != nil {
			t.Errorf("%s: %v", change.Where, err)
		}
	}
}

// Whether the action answers does not depend on its secret.
func TestTamperedRequest(t *testing.T) {
	s := newSetting(t, "tampered request")
	other := with(s.action, func(s *deal.KeyShare) { s.X.SetUint64(5) })
	for _, change := range tamper.All(t, s.request) {
		answer, err := Respond(s.action, 1, change.Bytes, source(2))
		_, otherErr := Respond(other, 1, change.Bytes, source(3))
		if fmt.Sprint(err) != fmt.Sprint(otherErr) {
			t.Errorf("%s: the answer is %v, of an action with another secret %v", change.Where, err, otherErr)
		}
		if err != nil {
			if wire.CodeOf(err) != wire.CodeInput {
				t.Errorf("%s: %v", change.Where, err)
			}
			continue
		}
		if _, err := Accept(s.user, s.session, answer); wire.CodeOf(err) != wire.CodeStale {
			t.Errorf("%s: answered, and accepted with %v", change.Where, err)
		}
	}
}

// forge signs an answer that a dishonest action has changed.
func (s *setting) forge(t testing.TB, change func(a *answerMessage)) []byte {
	t.Helper()
	a, err := decodeAnswer(s.answer)
	if err != nil {
		t.Fatal(err)
	}
	change(a)
	digest := a.digest(&s.correlation.ID)
	G := secp256k1.NewGenerator()
	proof, err := transcript.Prove(source(8), labelProof, G, s.action.X, digest[:], transcript.U32(s.action.Index))
	if err != nil {
		t.Fatal(err)
	}
	copy(a.Proof[:], proof)
	data, err := wire.Marshal(a.Fields)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// What the action itself changes is its fault, by name; but a ciphertext that was not chosen goes unnoticed, and then the
// correlation is the right one.
func TestCheatingAnswer(t *testing.T) {
	s := newSetting(t, "cheating answer")
	want := encoded(t, s.correlation)
	u, err := newUser(sessionSeed(t, s.session))
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*answerMessage){
		"B":            func(a *answerMessage) { a.B = [33]byte(secp256k1.NewGenerator().Bytes()) },
		"B no point":   func(a *answerMessage) { a.B[0] = 7 },
		"B identity":   func(a *answerMessage) { a.B = [33]byte{} },
		"first sum":    func(a *answerMessage) { a.Sums[0] ^= 1 },
		"last sum":     func(a *answerMessage) { a.Sums[len(a.Sums)-1] ^= 1 },
		"hash":         func(a *answerMessage) { a.All[5] ^= 1 },
		"chosen, 0":    func(a *answerMessage) { a.Encrypted[nodeSize*ot.Bit(u.choices[:], 0)] ^= 1 },
		"chosen, 431":  func(a *answerMessage) { a.Encrypted[nodeSize*(2*431+ot.Bit(u.choices[:], 431))] ^= 1 },
		"two swapped":  func(a *answerMessage) { swap(a.Encrypted[:32], a.Encrypted[32:64], 0xff) },
		"other hashes": func(a *answerMessage) { swap(a.Sums[:32], a.Sums[32:64], 0xff) },
	} {
		_, err := Accept(s.user, s.session, s.forge(t, change))
		var fault *wire.Error
		if !errors.As(err, &fault) || fault.Code != wire.CodeParty || fault.Party != 2 {
			t.Errorf("%s: %v, want the action named", name, err)
		}
	}
	for _, i := range []int{0, 100, 431} {
		c, err := Accept(s.user, s.session, s.forge(t, func(a *answerMessage) {
			a.Encrypted[nodeSize*(2*i+1-ot.Bit(u.choices[:], i))] ^= 1
		}))
		if err != nil || !bytes.Equal(encoded(t, c), want) {
			t.Errorf("a ciphertext that was not chosen: %v", err)
		}
	}
}

func sessionSeed(t testing.TB, session []byte) []byte {
	t.Helper()
	state, err := decodeSession(session)
	if err != nil {
		t.Fatal(err)
	}
	return state.Seed[:]
}

// An action that lies about one leaf, all else being right for it, goes unnoticed with two digits of 64: the leaf's own, at
// which the user has no leaf, and its sibling's, to which the leaf is sent.
func TestWrongLeaf(t *testing.T) {
	s := newSetting(t, "wrong leaf")
	for c := range 6 {
		digit := s.correlation.digits[c]
		for y := range byte(leaves) {
			if c > 0 && y > 3 {
				break // all places in one tree, some in the others
			}
			_, err := Accept(s.user, s.session, s.lie(t, c, digit^y))
			if want := map[bool]string{true: "", false: wire.CodeParty}[y < 2]; wire.CodeOf(err) != want {
				t.Errorf("tree %d, digit %d, wrong leaf %d: %v", c, digit, digit^y, err)
			}
		}
	}
}

// lie is an answer for a tree c with another leaf at x.
func (s *setting) lie(t testing.TB, c int, x byte) []byte {
	t.Helper()
	action := s.act()
	checks, checker := make([]byte, Digits*checksSize), newChecker()
	var wrong chacha.Key
	return s.forge(t, func(a *answerMessage) {
		for i := range Digits {
			action.forest.full(i)
			if i == c {
				leaf := leafOf(&action.forest.tree, x)
				wrong = leaf
				wrong[3] ^= 1
				xorNode(a.Encrypted[nodeSize*(2*(Bits*c+Bits-1)+int(x&1)):][:nodeSize], &leaf)
				xorNode(a.Encrypted[nodeSize*(2*(Bits*c+Bits-1)+int(x&1)):][:nodeSize], &wrong)
				action.forest.set(place(x, Bits), &wrong)
			}
			own, sum := checks[checksSize*i:][:checksSize], a.Sums[hashSize*i:][:hashSize]
			clear(sum)
			action.forest.checks(own, checker)
			addAll(sum, own)
		}
		a.All = transcript.Hash(labelAll, s.correlation.ID[:], checks)
	})
}

func FuzzDecode(f *testing.F) {
	s := newSetting(f, "fuzz")
	f.Add(encoded(f, s.correlation))
	f.Fuzz(func(t *testing.T, data []byte) {
		if c, err := Decode(data); err == nil && !bytes.Equal(encoded(t, c), data) {
			t.Error("two encodings of one correlation")
		}
	})
}

func FuzzDecodeSession(f *testing.F) {
	s := newSetting(f, "fuzz")
	f.Add(s.session)
	f.Fuzz(func(t *testing.T, data []byte) { again(t, data, decodeSession) })
}

func FuzzDecodeRequest(f *testing.F) {
	s := newSetting(f, "fuzz")
	f.Add(s.request)
	f.Fuzz(func(t *testing.T, data []byte) { again(t, data, decodeRequest) })
}

func FuzzDecodeAnswer(f *testing.F) {
	s := newSetting(f, "fuzz")
	f.Add(s.answer)
	f.Fuzz(func(t *testing.T, data []byte) { again(t, data, decodeAnswer) })
}

// again fails if what decode makes of data does not encode to it.
func again[T wire.Struct](t *testing.T, data []byte, decode func([]byte) (T, error)) {
	t.Helper()
	value, err := decode(data)
	if err != nil {
		return
	}
	if b, err := wire.Marshal(value.Fields); err != nil || !bytes.Equal(b, data) {
		t.Errorf("%x is taken for %x, %v", data, b, err)
	}
}

// What Deal makes is what the set-up makes.
func TestDeal(t *testing.T) {
	s := newSetting(t, "deal")
	c, err := Deal(s.user, s.action, s.correlation.ID, s.correlation.Seed, s.correlation.digits)
	if err != nil || !bytes.Equal(encoded(t, c), encoded(t, s.correlation)) {
		t.Errorf("not the same correlation: %v", err)
	}
}

func TestChecker(t *testing.T) {
	checker := newChecker()
	random := source(3)
	for range 20 {
		var leaf chacha.Key
		var encoded [nodeSize]byte
		var got [hashSize]byte
		random.Read(encoded[:])
		leaf.Set(encoded[:])
		if checker.put(got[:], &leaf); got != sha256.Sum256(append([]byte("TANDEM-V1-CORR-CHECK"), encoded[:]...)) {
			t.Fatalf("leaf %x: %x", encoded, got)
		}
	}
}
