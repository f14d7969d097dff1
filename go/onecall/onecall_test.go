package onecall

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"slices"
	"testing"

	decred "github.com/decred/dcrd/dcrec/secp256k1/v4"
	decdsa "github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
	"github.com/ethereum/go-ethereum/crypto"

	"tandem/go/bip32"
	"tandem/go/correlation"
	"tandem/go/deal"
	"tandem/go/ecdsa"
	"tandem/go/internal/tamper"
	"tandem/go/secp256k1"
	"tandem/go/transcript"
	"tandem/go/wire"
)

func source(n byte) io.Reader { return mathrand.NewChaCha8([32]byte{n}) }

// named returns 32 bytes that depend on both names.
func named(name, label string) []byte { return expand("VECTOR", 32, []byte(name), []byte(label)) }

// newShares returns the shares of the 2-of-3 key of that name.
func newShares(name string) map[int]*deal.KeyShare {
	f0, f1 := transcript.Scalar("f0", []byte(name)), transcript.Scalar("f1", []byte(name))
	key := deal.Key{
		Threshold: 2,
		Parties:   []int{1, 2, 3},
		Epoch:     4,
		Q:         new(secp256k1.Point).ScalarBaseMult(f0),
		ChainCode: [32]byte(named(name, "chain code")),
		ID:        [32]byte(named(name, "key id")),
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

// digestsOf returns n digests, all different.
func digestsOf(n int) [][32]byte {
	digests := make([][32]byte, n)
	for i := range digests {
		digests[i] = sha256.Sum256([]byte{byte(i)})
	}
	return digests
}

// addressOf returns the address of a compressed public key, by go-ethereum.
func addressOf(t testing.TB, key []byte) []byte {
	t.Helper()
	public, err := crypto.DecompressPubkey(key)
	if err != nil {
		t.Fatal(err)
	}
	return crypto.PubkeyToAddress(*public).Bytes()
}

// checkSignature verifies a signature as Ethereum does, by recovery with go-ethereum, and again with decred's verification.
func checkSignature(t testing.TB, address []byte, digest [32]byte, s ecdsa.Signature) {
	t.Helper()
	recovered, err := crypto.Ecrecover(digest[:], slices.Concat(s.R[:], s.S[:], []byte{s.YParity}))
	if err != nil {
		t.Fatal(err)
	}
	public, err := crypto.UnmarshalPubkey(recovered)
	if err != nil {
		t.Fatal(err)
	}
	if got := crypto.PubkeyToAddress(*public).Bytes(); !bytes.Equal(got, address) {
		t.Fatalf("the signature recovers %x, the address is %x", got, address)
	}
	var sR, sS decred.ModNScalar
	sR.SetBytes(&s.R)
	sS.SetBytes(&s.S)
	key, err := decred.ParsePubKey(recovered)
	if err != nil {
		t.Fatal(err)
	}
	if !decdsa.NewSignature(&sR, &sS).Verify(digest[:], key) {
		t.Fatal("decred does not verify the signature")
	}
	if sS.IsOverHalfOrder() {
		t.Fatal("s is high")
	}
}

// correlate returns a correlation of user with action.
func correlate(t testing.TB, user, action *deal.KeyShare, seed byte) *correlation.Correlation {
	t.Helper()
	session, request, err := correlation.Request(user.X.Bytes(), action.Index, source(seed))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := correlation.Respond(action, user.Index, request, source(seed+1))
	if err != nil {
		t.Fatal(err)
	}
	c, err := correlation.Accept(user, session, answer)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// childAddress is that of the key that path derives.
func childAddress(t testing.TB, key *deal.Key, path string) []byte {
	t.Helper()
	indices, err := bip32.ParsePath(path)
	if err != nil {
		t.Fatal(err)
	}
	child, err := bip32.Derive(key.Q, key.ChainCode[:], indices)
	if err != nil {
		t.Fatal(err)
	}
	return addressOf(t, child.Q.Bytes())
}

// One correlation makes signatures of 1 to 8 digests, under any path, as often as one likes.
func TestSign(t *testing.T) {
	for _, test := range []struct {
		user, action int
		path         string
		counts       []int
	}{
		{1, 2, "", []int{1, 2, 3, 4, 5, 6, 7, 8, 1}},
		{3, 1, "m/2147483647/0/1", []int{1, 3}},
	} {
		shares := newShares("sign")
		user, action := shares[test.user], shares[test.action]
		c := correlate(t, user, action, 1)
		for i, n := range test.counts {
			digests := digestsOf(n)
			session, request, err := Request(user, c, test.action, digests, test.path, source(byte(3*i)))
			if err != nil {
				t.Fatal(err)
			}
			response, err := Respond(action, test.user, digests, test.path, request, nil, source(byte(3*i+1)))
			if err != nil {
				t.Fatal(err)
			}
			if err := Check(session, response); err != nil {
				t.Fatal(err)
			}
			signatures, err := Finish(c, session, response)
			if err != nil || len(signatures) != n {
				t.Fatal(len(signatures), err)
			}
			for i, signature := range signatures {
				checkSignature(t, childAddress(t, &user.Key, test.path), digests[i], signature)
			}
		}
	}
}

// setting is a request for two digests of parties 1, the user, and 2, and its response.
type setting struct {
	user, action     *deal.KeyShare
	c                *correlation.Correlation
	digests          [][32]byte
	path             string
	session, request []byte
	response         []byte
}

func newSetting(t testing.TB, name string) *setting {
	t.Helper()
	shares := newShares(name)
	s := &setting{user: shares[1], action: shares[2], digests: digestsOf(2), path: "m/7"}
	s.c = correlate(t, s.user, s.action, 1)
	var err error
	if s.session, s.request, err = Request(s.user, s.c, 2, s.digests, s.path, source(3)); err != nil {
		t.Fatal(err)
	}
	s.response = s.respond(t, s.request, source(4))
	return s
}

func (s *setting) respond(t testing.TB, request []byte, random io.Reader) []byte {
	t.Helper()
	response, err := Respond(s.action, 1, s.digests, s.path, request, nil, random)
	if err != nil {
		t.Fatal(err)
	}
	return response
}

func (s *setting) finish(response []byte) error {
	signatures, err := Finish(s.c, s.session, response)
	if (err == nil) != (len(signatures) == len(s.digests)) {
		return errors.New("signatures and an error, or neither")
	}
	return err
}

// with returns a changed copy of a share.
func with(share *deal.KeyShare, change func(*deal.KeyShare)) *deal.KeyShare {
	c := *share
	c.X = new(secp256k1.Scalar).Set(share.X)
	change(&c)
	return &c
}

func TestSizes(t *testing.T) {
	s := newSetting(t, "sizes")
	for n, max := range map[int][3]int{1: {320, 310, 4_960}, 8: {1_070, 1_040, 22_300}} {
		s.digests = digestsOf(n)
		session, request, err := Request(s.user, s.c, 2, s.digests, s.path, source(3))
		if err != nil {
			t.Fatal(err)
		}
		response := s.respond(t, request, source(4))
		if got := [3]int{len(session), len(request), len(response)}; got[0] > max[0] || got[1] > max[1] || got[2] > max[2] {
			t.Errorf("%d digests: session, request and response of %v bytes, more than %v", n, got, max)
		}
	}
}

// Asking again with the same request, after a lost answer, gives another complete answer, and only one of them is finished.
func TestRequestSentTwice(t *testing.T) {
	s := newSetting(t, "twice")
	again := s.respond(t, s.request, source(5))
	if bytes.Equal(again, s.response) {
		t.Fatal("the same answer from other randomness")
	}
	if err := s.finish(again); err != nil {
		t.Error(err)
	}
}

func decoded(t testing.TB, response []byte) *responseMessage {
	t.Helper()
	m, err := decodeResponse(response)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// A random source that repeats itself, under anything else that differs, gives the action another nonce and other pads, and the
// user another nonce: two signatures with one nonce would give the key away, two answers with one ρ part of Δ's.
func TestHedged(t *testing.T) {
	s, other := newSetting(t, "hedged"), newShares("other")
	seen := make(map[string]string)
	note := func(name string, items ...string) {
		for _, item := range items {
			if first, again := seen[item]; again {
				t.Errorf("%s: a nonce or pad as in %s", name, first)
			}
			seen[item] = name
		}
	}
	_, request2, err := Request(s.user, s.c, 2, s.digests, s.path, source(5))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name    string
		share   *deal.KeyShare
		request []byte
		inputs  string
	}{
		{"first", s.action, s.request, ""},
		{"another request", s.action, request2, ""},
		{"another policy read", s.action, s.request, "policy"},
		{"another share", with(s.action, func(s *deal.KeyShare) { s.X = other[2].X }), s.request, ""},
	} {
		response, err := Respond(test.share, 1, s.digests, s.path, test.request, []byte(test.inputs), source(9))
		if err != nil {
			t.Fatal(err)
		}
		m := decoded(t, response)
		note(test.name, string(m.Items[0].RPrime[:]), string(m.Items[1].RPrime[:]), string(m.rho(&[32]byte{})),
			string(m.Tau[:32]))
	}
	for _, test := range []struct {
		name    string
		digests [][32]byte
		path    string
	}{
		{"first request", digestsOf(2), ""}, {"more digests", digestsOf(3), ""}, {"fewer", digestsOf(1), ""},
		{"another path", digestsOf(2), "m/0"}, {"other digests", digestsOf(4)[2:], ""},
	} {
		_, request, err := Request(s.user, s.c, 2, test.digests, test.path, source(9))
		if err != nil {
			t.Fatal(err)
		}
		var m requestMessage
		if err := wire.Unmarshal(request, maxRequest, m.Fields); err != nil {
			t.Fatal(err)
		}
		for _, item := range m.Items {
			note(test.name, string(item.D[:]))
		}
		// And the action, asked to sign other things than the user has in mind, does not answer at all.
		if _, err := Respond(s.action, 1, digestsOf(4)[:len(m.Items)], "m/1", request, nil, source(9)); err == nil {
			t.Errorf("%s: answered for another path", test.name)
		}
	}
}

func TestRhosDiffer(t *testing.T) {
	s := newSetting(t, "rho")
	s.digests = s.digests[:1]
	_, request, err := Request(s.user, s.c, 2, s.digests, s.path, source(3))
	if err != nil {
		t.Fatal(err)
	}
	// All of an answer up to ρ: the rest would take most of the time.
	begin := func(random io.Reader) (rPrime [33]byte, rho string) {
		p, err := decodeRequest(request, s.action, 1, s.digests, s.path)
		if err != nil {
			t.Fatal(err)
		}
		r := &responder{proposal: p, self: s.action.Index}
		defer r.clear()
		m := &responseMessage{Items: make([]responseItem, 1)}
		if err := errors.Join(r.draw(s.action, request, nil, random), r.nonce(0, p.d[0], &m.Items[0])); err != nil {
			t.Fatal(err)
		}
		return m.Items[0].RPrime, string(m.rho(&p.ssid))
	}
	if got, _ := begin(source(1)); got != decoded(t, s.respond(t, request, source(1))).Items[0].RPrime {
		t.Fatal("not what an answer begins with")
	}
	seen := make(map[string]bool)
	random := source(1)
	count := 10_000
	if testing.Short() {
		count = 500
	}
	for range count {
		_, r := begin(random)
		if seen[r] {
			t.Fatal("one ρ twice")
		}
		seen[r] = true
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
		if _, _, err := Request(s.user, s.c, 2, s.digests, s.path, random); wire.CodeOf(err) != wire.CodeInternal {
			t.Errorf("request, random source %s: %v", name, err)
		}
		_, err := Respond(s.action, 1, s.digests, s.path, s.request, nil, random)
		if wire.CodeOf(err) != wire.CodeInternal {
			t.Errorf("respond, random source %s: %v", name, err)
		}
	}
	for name, test := range map[string]struct {
		code    string
		share   *deal.KeyShare
		peer    int
		digests [][32]byte
		path    string
	}{
		"no digest":     {wire.CodeInput, s.user, 2, nil, ""},
		"nine digests":  {wire.CodeInput, s.user, 2, digestsOf(9), ""},
		"hardened":      {wire.CodeInput, s.user, 2, s.digests, "m/0'"},
		"another peer":  {wire.CodeSession, s.user, 3, s.digests, ""},
		"another share": {wire.CodeSession, s.action, 1, s.digests, ""},
		"another key":   {wire.CodeSession, newShares("other")[1], 2, s.digests, ""},
		"another epoch": {wire.CodeSession, with(s.user, func(s *deal.KeyShare) { s.Epoch++ }), 2, s.digests, ""},
		"the right one": {"", s.user, 2, s.digests, "m"},
	} {
		_, _, err := Request(test.share, s.c, test.peer, test.digests, test.path, source(1))
		if wire.CodeOf(err) != test.code {
			t.Errorf("request, %s: %v, want code %q", name, err, test.code)
		}
	}
	threshold3 := with(s.action, func(s *deal.KeyShare) { s.Threshold = 3 })
	for name, test := range map[string]struct {
		code    string
		share   *deal.KeyShare
		peer    int
		digests [][32]byte
		path    string
	}{
		"self":           {wire.CodeInput, s.action, 2, s.digests, s.path},
		"no party":       {wire.CodeInput, s.action, 4, s.digests, s.path},
		"threshold 3":    {wire.CodeInput, threshold3, 1, s.digests, s.path},
		"hardened":       {wire.CodeInput, s.action, 1, s.digests, "m/44'/60'/0'/0/0"},
		"no digests":     {wire.CodeInput, s.action, 1, nil, s.path},
		"fewer digests":  {wire.CodeInput, s.action, 1, s.digests[:1], s.path},
		"more digests":   {wire.CodeInput, s.action, 1, digestsOf(3), s.path},
		"other digests":  {wire.CodeInput, s.action, 1, digestsOf(4)[2:], s.path}, // the proofs are for the sid
		"another path":   {wire.CodeInput, s.action, 1, s.digests, "m/8"},
		"another user":   {wire.CodeIdentity, s.action, 3, s.digests, s.path},
		"another action": {wire.CodeIdentity, newShares("arguments")[3], 1, s.digests, s.path},
		"another key":    {wire.CodeIdentity, newShares("other")[2], 1, s.digests, s.path},
		"the right one":  {"", s.action, 1, s.digests, s.path},
	} {
		_, err := Respond(test.share, test.peer, test.digests, test.path, s.request, nil, source(2))
		if wire.CodeOf(err) != test.code {
			t.Errorf("respond, %s: %v, want code %q", name, err, test.code)
		}
	}
	changed := func(change func(*sessionState)) []byte {
		state, err := decodeSession(s.session)
		if err != nil {
			t.Fatal(err)
		}
		change(&state.sessionState)
		data, err := wire.Marshal(state.sessionState.Fields)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	otherSession, _, err := Request(s.user, s.c, 2, s.digests, s.path, source(8))
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		code    string
		session []byte
	}{
		"none":            {wire.CodeSession, nil},
		"message":         {wire.CodeSession, s.request},
		"cut":             {wire.CodeSession, s.session[:len(s.session)-1]},
		"other kind":      {wire.CodeSession, tamper.Header(s.session, wire.Version, "dkls18/session")},
		"other version":   {wire.CodeSession, tamper.Header(s.session, 2, kindSession)},
		"other round":     {wire.CodeSession, changed(func(s *sessionState) { s.Round = 2 })},
		"k = 0":           {wire.CodeSession, changed(func(s *sessionState) { s.Items[0].K = [32]byte{} })},
		"no items":        {wire.CodeSession, changed(func(s *sessionState) { s.Items = nil })},
		"nine items":      {wire.CodeSession, changed(func(s *sessionState) { s.Items = make([]sessionItem, 9) })},
		"no D":            {wire.CodeSession, changed(func(s *sessionState) { s.Items[1].D[0] = 9 })},
		"no key":          {wire.CodeSession, changed(func(s *sessionState) { s.Q[0] = 9 })},
		"another id":      {wire.CodeSession, changed(func(s *sessionState) { s.ID[0] ^= 1 })},
		"another MAC key": {wire.CodeSession, changed(func(s *sessionState) { s.MACKey[0] ^= 1 })},
		"another request": {wire.CodeStale, otherSession},
		"fewer digests":   {wire.CodeStale, changed(func(s *sessionState) { s.Items = s.Items[:1] })},
		"another digest":  {wire.CodeStale, changed(func(s *sessionState) { s.Items[1].Digest[0] ^= 1 })},
		"another sid":     {wire.CodeStale, changed(func(s *sessionState) { s.SID[0] ^= 1 })},
		"another ssid":    {wire.CodeStale, changed(func(s *sessionState) { s.SSID[0] ^= 1 })},
		"another action":  {wire.CodeCheck, changed(func(s *sessionState) { s.Action = 3 })},
		"the right one":   {"", changed(func(*sessionState) {})},
	} {
		if _, err := Finish(s.c, test.session, s.response); wire.CodeOf(err) != test.code {
			t.Errorf("finish, session %s: %v, want code %q", name, err, test.code)
		}
	}
	another := correlate(t, s.user, s.action, 20)
	if _, err := Finish(another, s.session, s.response); wire.CodeOf(err) != wire.CodeSession {
		t.Errorf("another correlation: %v", err)
	}
}

// Tampering.

// Whatever a relay changes in a response, it counts as nobody's, and the right one still does.
func TestTamperedResponse(t *testing.T) {
	s := newSetting(t, "tampered response")
	codes := make(map[string]int)
	for _, change := range tamper.All(t, s.response) {
		err := s.finish(change.Bytes)
		code := wire.CodeOf(err)
		codes[code]++
		if code != wire.CodeInput && code != wire.CodeStale {
			t.Errorf("%s: %v", change.Where, err)
		}
		if checked := Check(s.session, change.Bytes); fmt.Sprint(checked) != fmt.Sprint(err) {
			t.Errorf("%s: check says %v, finish %v", change.Where, checked, err)
		}
	}
	if codes[wire.CodeInput] == 0 || codes[wire.CodeStale] == 0 {
		t.Errorf("not every code: %v", codes)
	}
	if err := s.finish(s.response); err != nil {
		t.Errorf("unchanged: %v", err)
	}
}

// Whatever a relay changes in a request, the action refuses it, or its answer counts as nobody's. And whether the action refuses
// does not depend on its secret.
func TestTamperedRequest(t *testing.T) {
	s := newSetting(t, "tampered request")
	other := with(s.action, func(s *deal.KeyShare) { s.X.SetUint64(5) })
	answered := 0
	for _, change := range tamper.All(t, s.request) {
		response, err := Respond(s.action, 1, s.digests, s.path, change.Bytes, nil, source(2))
		_, otherErr := Respond(other, 1, s.digests, s.path, change.Bytes, nil, source(3))
		if fmt.Sprint(err) != fmt.Sprint(otherErr) {
			t.Errorf("%s: the answer is %v, of an action with another secret %v", change.Where, err, otherErr)
		}
		if err != nil {
			if code := wire.CodeOf(err); code != wire.CodeInput && code != wire.CodeIdentity {
				t.Errorf("%s: %v", change.Where, err)
			}
			continue
		}
		answered++
		if err := s.finish(response); wire.CodeOf(err) != wire.CodeStale {
			t.Errorf("%s: answered, and finished with %v", change.Where, err)
		}
	}
	if answered == 0 {
		t.Error("no tampered request was answered: what the user finds out was not tested")
	}
}

// forge is a response that the action itself has changed: its MAC is right.
func (s *setting) forge(t testing.TB, change func(m *responseMessage)) []byte {
	t.Helper()
	m := decoded(t, s.response)
	change(m)
	state, err := decodeSession(s.session)
	if err != nil {
		t.Fatal(err)
	}
	tau := correlation.Transcript(state.SSID[:], m.rho(&state.SSID), m.Tau)
	m.MAC = m.mac(&state.MACKey, &state.SSID, &tau)
	data, err := wire.Marshal(m.Fields)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// Whatever the action itself changes in a response is a failed check, and the error does not tell which.
func TestCheatingResponse(t *testing.T) {
	s := newSetting(t, "cheating response")
	if err := s.finish(s.forge(t, func(*responseMessage) {})); err != nil {
		t.Fatalf("unchanged: %v", err)
	}
	order := bytes.Repeat([]byte{0xff}, 32)
	G := [33]byte(secp256k1.NewGenerator().Bytes())
	for name, change := range map[string]func(*responseMessage){
		"τ":                     func(m *responseMessage) { m.Tau[31] ^= 1 },
		"τ at the end":          func(m *responseMessage) { m.Tau[len(m.Tau)-1] ^= 1 },
		"τ, not canonical":      func(m *responseMessage) { copy(m.Tau[32:], order) },
		"η̂":                    func(m *responseMessage) { m.EtaHat[31] ^= 1 },
		"η̂, not canonical":     func(m *responseMessage) { copy(m.EtaHat[:], order) },
		"μ":                     func(m *responseMessage) { m.Mu[9] ^= 1 },
		"R'":                    func(m *responseMessage) { m.Items[0].RPrime = G },
		"R' negated":            func(m *responseMessage) { m.Items[1].RPrime[0] ^= 1 },
		"R', no point":          func(m *responseMessage) { m.Items[1].RPrime[0] = 9 },
		"R', the identity":      func(m *responseMessage) { m.Items[1].RPrime = [33]byte{} },
		"challenge of π":        func(m *responseMessage) { m.Items[0].Proof[3] ^= 1 },
		"response of π":         func(m *responseMessage) { m.Items[1].Proof[63] ^= 1 },
		"π, not canonical":      func(m *responseMessage) { copy(m.Items[1].Proof[32:], order) },
		"first η":               func(m *responseMessage) { m.Items[0].Eta[31] ^= 1 },
		"last η":                func(m *responseMessage) { m.Items[1].Eta[0] ^= 1 },
		"η, not canonical":      func(m *responseMessage) { copy(m.Items[0].Eta[:], order) },
		"items swapped":         func(m *responseMessage) { slices.Reverse(m.Items) },
		"η of the other digest": func(m *responseMessage) { m.Items[0].Eta, m.Items[1].Eta = m.Items[1].Eta, m.Items[0].Eta },
	} {
		err := s.finish(s.forge(t, change))
		if wire.CodeOf(err) != wire.CodeCheck || err.Error() != errCheck().Error() {
			t.Errorf("%s: %v, want a failed check", name, err)
		}
	}
	// A wrong share is one way to change everything.
	wrong := with(s.action, func(s *deal.KeyShare) { s.X.Add(s.X, new(secp256k1.Scalar).SetUint64(1)) })
	response, err := Respond(wrong, 1, s.digests, s.path, s.request, nil, source(4))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.finish(response); wire.CodeOf(err) != wire.CodeStale {
		t.Errorf("an action with another share: %v, want stale", err)
	}
}

// A user that cheats, with δ, the seed, the id or the T_U that a wrong share would give, gets an answer like any other, and no
// signature from it.
func TestCheatingUser(t *testing.T) {
	s := newSetting(t, "cheating user")
	one := new(secp256k1.Scalar).SetUint64(1)
	for name, change := range map[string]func(c *correlation.Correlation){
		"δ":    func(c *correlation.Correlation) { c.Delta.Add(c.Delta, one) },
		"seed": func(c *correlation.Correlation) { c.Seed[0] ^= 1 },
		"id":   func(c *correlation.Correlation) { c.ID[0] ^= 1 },
	} {
		c := *s.c
		c.Delta = new(secp256k1.Scalar).Set(s.c.Delta)
		change(&c)
		session, request, err := Request(s.user, &c, 2, s.digests, s.path, source(3))
		if err != nil {
			t.Fatal(err)
		}
		signatures, err := Finish(&c, session, s.respond(t, request, source(4)))
		if err == nil || len(signatures) > 0 {
			t.Errorf("%s: %d signatures, %v", name, len(signatures), err)
		}
	}
	wrong := with(s.user, func(s *deal.KeyShare) { s.X.SetUint64(1) })
	_, request, err := Request(wrong, s.c, 2, s.digests, s.path, source(3))
	if err != nil {
		t.Fatal(err)
	}
	s.respond(t, request, source(4)) // a request has nothing of the share in it but δ
}

func FuzzDecodeRequest(f *testing.F) {
	s := newSetting(f, "fuzz")
	f.Add(s.request)
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := decodeRequest(data, s.action, 1, s.digests, s.path)
		if (err == nil) != (p != nil) || err == nil && len(p.d) != 2 {
			t.Error(err)
		}
	})
}

func FuzzDecodeResponse(f *testing.F) {
	s := newSetting(f, "fuzz")
	f.Add(s.response)
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := decodeResponse(data)
		if err != nil {
			return
		}
		if again, err := wire.Marshal(m.Fields); err != nil || !bytes.Equal(again, data) {
			t.Errorf("%x is taken for %x, %v", data, again, err)
		}
		// Without the MAC key nothing but the response itself is accepted.
		if _, err := Finish(s.c, s.session, data); (err == nil) != bytes.Equal(data, s.response) {
			t.Error(err)
		}
	})
}

func FuzzDecodeSession(f *testing.F) {
	s := newSetting(f, "fuzz")
	f.Add(s.session)
	f.Fuzz(func(t *testing.T, data []byte) {
		state, err := decodeSession(data)
		if err != nil {
			return
		}
		if again, err := wire.Marshal(state.sessionState.Fields); err != nil || !bytes.Equal(again, data) {
			t.Errorf("%x is taken for %x, %v", data, again, err)
		}
	})
}

func Example() {
	shares := newShares("example") // of a 2-of-3 key, from package deal
	user, action := shares[1], shares[2]

	// Once: the correlation. crypto/rand.Reader in earnest.
	setup, request, err := correlation.Request(user.X.Bytes(), action.Index, source(1))
	if err != nil {
		panic(err)
	}
	answer, err := correlation.Respond(action, user.Index, request, source(2))
	if err != nil {
		panic(err)
	}
	c, err := correlation.Accept(user, setup, answer)
	if err != nil {
		panic(err)
	}

	// As often as one likes: signatures.
	digests := [][32]byte{crypto.Keccak256Hash([]byte("what both")), crypto.Keccak256Hash([]byte("agreed to sign"))}
	session, request, err := Request(user, c, action.Index, digests, "m/0/5", source(3))
	if err != nil {
		panic(err)
	}
	response, err := Respond(action, user.Index, digests, "m/0/5", request, nil, source(4))
	if err != nil {
		panic(err)
	}
	signatures, err := Finish(c, session, response)
	fmt.Println(len(signatures), err)
	// Output: 2 <nil>
}
