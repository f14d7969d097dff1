package dkls18

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"testing"

	decred "github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
	"github.com/ethereum/go-ethereum/crypto"

	"tandem/go/bip32"
	"tandem/go/deal"
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
func checkSignature(t testing.TB, address []byte, digest, r, s [32]byte, yParity byte) {
	t.Helper()
	recovered, err := crypto.Ecrecover(digest[:], slices.Concat(r[:], s[:], []byte{yParity}))
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
	sR.SetBytes(&r)
	sS.SetBytes(&s)
	key, err := decred.ParsePubKey(recovered)
	if err != nil {
		t.Fatal(err)
	}
	if !ecdsa.NewSignature(&sR, &sS).Verify(digest[:], key) {
		t.Fatal("decred does not verify the signature")
	}
	if sS.IsOverHalfOrder() {
		t.Fatal("s is high")
	}
}

func request(t testing.TB, share *deal.KeyShare, peer int, random io.Reader) (session, message []byte) {
	t.Helper()
	session, message, err := Request(share, peer, random)
	if err != nil {
		t.Fatal(err)
	}
	return session, message
}

func respond(
	t testing.TB, share *deal.KeyShare, peer int, digest [32]byte, path string, request []byte, random io.Reader,
) []byte {
	t.Helper()
	response, err := Respond(share, peer, digest, path, request, random)
	if err != nil {
		t.Fatal(err)
	}
	return response
}

func bytes32(s string) [32]byte {
	var b [32]byte
	for i := range b {
		fmt.Sscanf(s[2*i:2*i+2], "%02x", &b[i])
	}
	return b
}

// skipShort leaves out what takes long under the race detector, which makes this arithmetic some 25 times slower.
func skipShort(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("takes long")
	}
}

func TestSign(t *testing.T) {
	zeros := strings.Repeat("0", 64)
	for _, test := range []struct {
		name         string
		user, action int
		digest       string
		path         string
	}{
		{"0", 1, 2, zeros, ""},
		{"1", 1, 3, zeros[1:] + "1", "m"},
		{"q-1", 2, 1, "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364140", ""},
		{"q", 2, 3, "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141", "m/0"},
		{"2^256-1", 3, 1, strings.Repeat("f", 64), "m/2147483647/0/1"},
		{"random", 3, 2, "9c22ff5f21f0b81b113e63f7db6da94fedef11b2119b4088b89664fb9a3cb658", "m/44/60/0/0/7"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.name != "random" {
				skipShort(t)
			}
			shares := newShares(test.name)
			user, action := shares[test.user], shares[test.action]
			digest := bytes32(test.digest)
			session, message := request(t, user, test.action, source(1))
			response := respond(t, action, test.user, digest, test.path, message, source(2))
			r, s, yParity, err := Finish(user, session, digest, test.path, response)
			if err != nil {
				t.Fatal(err)
			}
			path, err := bip32.ParsePath(test.path)
			if err != nil {
				t.Fatal(err)
			}
			child, err := bip32.Derive(user.Q, user.ChainCode[:], path)
			if err != nil {
				t.Fatal(err)
			}
			checkSignature(t, addressOf(t, child.Q.Bytes()), digest, r, s, yParity)
		})
	}
}

// The sizes that the limits of the action's host are planned with.
func TestSizes(t *testing.T) {
	shares := newShares("sizes")
	session, message := request(t, shares[1], 2, source(1))
	response := respond(t, shares[2], 1, [32]byte{1}, "m/0", message, source(2))
	for _, test := range []struct {
		name     string
		got, max int
	}{
		{"session", len(session), 160},
		{"request", len(message), 43_400},
		{"response", len(response), 67_100},
	} {
		if test.got > test.max {
			t.Errorf("%s: %d bytes, more than %d", test.name, test.got, test.max)
		}
	}
}

// Asking again with the same request, after a lost answer, gives another complete answer.
func TestRequestSentTwice(t *testing.T) {
	skipShort(t)
	shares := newShares("twice")
	session, message := request(t, shares[1], 2, source(1))
	digest := [32]byte{7}
	lost := respond(t, shares[2], 1, digest, "", message, source(2))
	again := respond(t, shares[2], 1, digest, "", message, source(3))
	if bytes.Equal(lost, again) {
		t.Fatal("the same answer from other randomness")
	}
	r, s, yParity, err := Finish(shares[1], session, digest, "", again)
	if err != nil {
		t.Fatal(err)
	}
	checkSignature(t, addressOf(t, shares[1].Q.Bytes()), digest, r, s, yParity)
}

// A random source that repeats itself, under anything else that differs, gives another nonce: two signatures with one nonce
// would give the key away.
func TestHedged(t *testing.T) {
	skipShort(t)
	shares, others := newShares("hedged"), newShares("other")
	_, message := request(t, shares[1], 2, source(1))
	_, message2 := request(t, shares[1], 2, source(2))
	seen := make(map[[33]byte]string)
	for _, test := range []struct {
		name    string
		share   *deal.KeyShare
		digest  [32]byte
		path    string
		message []byte
	}{
		{"first", shares[2], [32]byte{1}, "", message},
		{"digest", shares[2], [32]byte{2}, "", message},
		{"path", shares[2], [32]byte{1}, "m/0", message},
		{"request", shares[2], [32]byte{1}, "", message2},
		{"share", with(shares[2], func(s *deal.KeyShare) { s.X = others[2].X }), [32]byte{1}, "", message},
	} {
		var m responseMessage
		response := respond(t, test.share, 1, test.digest, test.path, test.message, source(9))
		if err := wire.Unmarshal(response, maxResponse, m.Fields); err != nil {
			t.Fatal(err)
		}
		if first, again := seen[m.RPrime]; again {
			t.Errorf("another %s, but the same R' as %s", test.name, first)
		}
		seen[m.RPrime] = test.name
	}

	_, again := request(t, shares[1], 3, source(1))
	_, other := request(t, with(shares[1], func(s *deal.KeyShare) { s.X = others[1].X }), 2, source(1))
	if D := field(t, message, 7); bytes.Equal(D, field(t, again, 7)) || bytes.Equal(D, field(t, other, 7)) {
		t.Error("another peer or share, but the same D")
	}
	_, same := request(t, shares[1], 2, source(1))
	if !bytes.Equal(same, message) {
		t.Error("a request is not determined by share, peer and random source")
	}
}

// with returns a changed copy of a share.
func with(share *deal.KeyShare, change func(*deal.KeyShare)) *deal.KeyShare {
	c := *share
	c.X = new(secp256k1.Scalar).Set(share.X)
	change(&c)
	return &c
}

func field(t testing.TB, message []byte, key uint64) []byte {
	t.Helper()
	return tamper.Decode(t, message)[key].([]byte)
}

type brokenSource struct{}

func (brokenSource) Read([]byte) (int, error) { return 0, errors.New("broken") }

func TestRandomSource(t *testing.T) {
	shares := newShares("random source")
	_, message := request(t, shares[1], 2, source(1))
	for name, random := range map[string]io.Reader{
		"fails":   brokenSource{},
		"short":   bytes.NewReader(make([]byte, 31)),
		"is zero": bytes.NewReader(make([]byte, 64)),
	} {
		if _, _, err := Request(shares[1], 2, random); wire.CodeOf(err) != wire.CodeInternal {
			t.Errorf("request, random source %s: %v", name, err)
		}
		if _, err := Respond(shares[2], 1, [32]byte{}, "", message, random); wire.CodeOf(err) != wire.CodeInternal {
			t.Errorf("respond, random source %s: %v", name, err)
		}
	}
}

func TestArguments(t *testing.T) {
	shares := newShares("arguments")
	session, message := request(t, shares[1], 2, source(1))
	response := respond(t, shares[2], 1, [32]byte{}, "", message, source(2))
	threshold3 := func(s *deal.KeyShare) { s.Threshold = 3 }

	for name, test := range map[string]struct {
		share *deal.KeyShare
		peer  int
	}{
		"self":        {shares[1], 1},
		"no party":    {shares[1], 4},
		"zero":        {shares[1], 0},
		"negative":    {shares[1], -1},
		"threshold 3": {with(shares[1], threshold3), 2},
	} {
		if _, _, err := Request(test.share, test.peer, source(1)); wire.CodeOf(err) != wire.CodeInput {
			t.Errorf("request, %s: %v", name, err)
		}
	}
	for name, test := range map[string]struct {
		code  string
		share *deal.KeyShare
		peer  int
		path  string
	}{
		"self":          {wire.CodeInput, shares[2], 2, ""},
		"no party":      {wire.CodeInput, shares[2], 4, ""},
		"threshold 3":   {wire.CodeInput, with(shares[2], threshold3), 1, ""},
		"hardened":      {wire.CodeInput, shares[2], 1, "m/44'/60'/0'/0/0"},
		"no path":       {wire.CodeInput, shares[2], 1, "0/5"},
		"other user":    {wire.CodeIdentity, shares[2], 3, ""},
		"other action":  {wire.CodeIdentity, shares[3], 1, ""},
		"other key":     {wire.CodeIdentity, newShares("other")[2], 1, ""},
		"other sharing": {wire.CodeIdentity, with(shares[2], func(s *deal.KeyShare) { s.ID[0] ^= 1 }), 1, ""},
	} {
		if _, err := Respond(test.share, test.peer, [32]byte{}, test.path, message, source(2)); wire.CodeOf(err) != test.code {
			t.Errorf("respond, %s: %v, want code %s", name, err, test.code)
		}
	}
	otherSession, _ := request(t, shares[1], 2, source(3))
	changed := func(change func(*sessionState)) []byte {
		state, err := decodeSession(session)
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
		share   *deal.KeyShare
		session []byte
		digest  byte
		path    string
	}{
		"other digest":      {wire.CodeStale, shares[1], session, 1, ""},
		"other path":        {wire.CodeStale, shares[1], session, 0, "m/0"},
		"other session":     {wire.CodeStale, shares[1], otherSession, 0, ""},
		"hardened":          {wire.CodeInput, shares[1], session, 0, "m/0'"},
		"other share":       {wire.CodeSession, shares[3], session, 0, ""},
		"other key":         {wire.CodeSession, newShares("other")[1], session, 0, ""},
		"no session":        {wire.CodeSession, shares[1], nil, 0, ""},
		"message":           {wire.CodeSession, shares[1], message, 0, ""},
		"cut session":       {wire.CodeSession, shares[1], session[:len(session)-1], 0, ""},
		"other kind":        {wire.CodeSession, shares[1], tamper.Header(session, wire.Version, "dkls23/session"), 0, ""},
		"other version":     {wire.CodeSession, shares[1], tamper.Header(session, 2, kindSession), 0, ""},
		"other round":       {wire.CodeSession, shares[1], changed(func(s *sessionState) { s.Round = 2 }), 0, ""},
		"other peer":        {wire.CodeSession, shares[1], changed(func(s *sessionState) { s.Peer = 3 }), 0, ""},
		"other seed":        {wire.CodeSession, shares[1], changed(func(s *sessionState) { s.Seed[0] ^= 1 }), 0, ""},
		"other T":           {wire.CodeCheck, shares[1], changed(func(s *sessionState) { s.Transcript[0] ^= 1 }), 0, ""},
		"the right session": {"", shares[1], changed(func(s *sessionState) {}), 0, ""},
	} {
		_, _, _, err := Finish(test.share, test.session, [32]byte{test.digest}, test.path, response)
		if wire.CodeOf(err) != test.code {
			t.Errorf("finish, %s: %v, want code %q", name, err, test.code)
		}
	}
}

// Tampering.

// Whatever is changed in a request, the action refuses it or the user finds out. And whether the action refuses does not
// depend on its secret.
func TestTamperedRequest(t *testing.T) {
	skipShort(t)
	shares := newShares("tampered request")
	user, action := shares[1], shares[2]
	otherAction := with(action, func(s *deal.KeyShare) { s.X = new(secp256k1.Scalar).SetUint64(5) })
	digest := [32]byte{1}
	session, message := request(t, user, 2, source(1))
	answered := 0
	for _, change := range tamper.All(t, message) {
		response, err := Respond(action, 1, digest, "", change.Bytes, source(2))
		_, otherErr := Respond(otherAction, 1, digest, "", change.Bytes, source(3))
		if fmt.Sprint(err) != fmt.Sprint(otherErr) {
			t.Errorf("%s: the answer is %v, of an action with another secret %v", change.Where, err, otherErr)
		}
		if err != nil {
			if code := wire.CodeOf(err); code != wire.CodeInput && code != wire.CodeIdentity {
				t.Errorf("%s: code %q", change.Where, code)
			}
			continue
		}
		answered++
		_, _, _, err = Finish(user, session, digest, "", response)
		if code := wire.CodeOf(err); code != wire.CodeStale && code != wire.CodeCheck {
			t.Errorf("%s: answered, and finished with %v", change.Where, err)
		}
	}
	if answered == 0 {
		t.Error("no tampered request was answered: what the user finds out was not tested")
	}
}

// Whatever is changed in a response, the user notices, and the code says whether it met a secret.
func TestTamperedResponse(t *testing.T) {
	skipShort(t)
	shares := newShares("tampered response")
	digest := [32]byte{1}
	session, message := request(t, shares[1], 2, source(1))
	response := respond(t, shares[2], 1, digest, "m/7", message, source(2))
	codes := make(map[string]int)
	for _, change := range tamper.All(t, response) {
		r, s, _, err := Finish(shares[1], session, digest, "m/7", change.Bytes)
		code := wire.CodeOf(err)
		codes[code]++
		if code != wire.CodeInput && code != wire.CodeStale && code != wire.CodeCheck {
			t.Errorf("%s: finished with %v", change.Where, err)
		}
		if r != [32]byte{} || s != [32]byte{} {
			t.Errorf("%s: a signature", change.Where)
		}
		if code == wire.CodeCheck && err.Error() != errCheck().Error() {
			t.Errorf("%s: %v tells which check it was", change.Where, err)
		}
	}
	for _, code := range []string{wire.CodeInput, wire.CodeStale, wire.CodeCheck} {
		if codes[code] == 0 {
			t.Errorf("no change led to code %s", code)
		}
	}
	if _, _, _, err := Finish(shares[1], session, digest, "m/7", response); err != nil {
		t.Errorf("unchanged: %v", err)
	}
}

// A bit flipped anywhere, in the encoding too.
func TestFlippedBits(t *testing.T) {
	skipShort(t)
	shares := newShares("flipped")
	digest := [32]byte{1}
	session, message := request(t, shares[1], 2, source(1))
	response := respond(t, shares[2], 1, digest, "", message, source(2))
	random := mathrand.New(mathrand.NewChaCha8([32]byte{3}))
	flip := func(data []byte, at int) []byte {
		flipped := bytes.Clone(data)
		flipped[at] ^= 1 << random.IntN(8)
		return flipped
	}
	try := func(what string, at int, answer []byte) {
		if _, _, _, err := Finish(shares[1], session, digest, "", answer); err == nil {
			t.Errorf("%s: flipped bit in byte %d, and a signature", what, at)
		}
	}
	offsets := func(data []byte, n int) []int { // all of the beginning, where the structure is, and n more
		list := make([]int, 40, 40+n)
		for i := range list {
			list[i] = i
		}
		for range n {
			list = append(list, random.IntN(len(data)))
		}
		return list
	}
	for _, at := range offsets(message, 12) {
		if answer, err := Respond(shares[2], 1, digest, "", flip(message, at), source(2)); err == nil {
			try("request", at, answer)
		}
	}
	for _, at := range offsets(response, 40) {
		try("response", at, flip(response, at))
	}
	for _, n := range []int{0, 1, 50, len(response) / 2, len(response) - 1} {
		try("cut response", n, response[:n])
		cut := message[:min(n, len(message)-1)]
		if _, err := Respond(shares[2], 1, digest, "", cut, source(2)); wire.CodeOf(err) != wire.CodeInput {
			t.Errorf("request cut to %d bytes: %v", n, err)
		}
	}
}

// An action that cheats in the formulas, with all its messages well made, is caught by the final verification.
func TestWrongShare(t *testing.T) {
	skipShort(t)
	shares := newShares("wrong share")
	digest := [32]byte{1}
	session, message := request(t, shares[1], 2, source(1))
	wrong := with(shares[2], func(s *deal.KeyShare) { s.X.Add(s.X, new(secp256k1.Scalar).SetUint64(1)) })
	response := respond(t, wrong, 1, digest, "", message, source(2))
	if _, _, _, err := Finish(shares[1], session, digest, "", response); wire.CodeOf(err) != wire.CodeCheck {
		t.Errorf("an action with a wrong share: %v, want code check", err)
	}
	session, message = request(t, with(shares[1], func(s *deal.KeyShare) { s.X.SetUint64(1) }), 2, source(1))
	response = respond(t, shares[2], 1, digest, "", message, source(2))
	if _, _, _, err := Finish(shares[1], session, digest, "", response); wire.CodeOf(err) != wire.CodeCheck {
		t.Errorf("a user with a wrong share: %v, want code check", err)
	}
}

func FuzzDecodeRequest(f *testing.F) {
	shares := newShares("fuzz")
	_, message := request(f, shares[1], 2, source(1))
	f.Add(message)
	var m requestMessage
	if err := wire.Unmarshal(message, maxRequest, m.Fields); err != nil {
		f.Fatal(err)
	}
	m.OT = nil
	short, err := wire.Marshal(m.Fields)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(short)
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := decodeRequest(data, shares[2], 1)
		if err != nil {
			return
		}
		if p.d.IsIdentity() == 1 {
			t.Error("D is the identity")
		}
	})
}

func FuzzDecodeResponse(f *testing.F) {
	shares := newShares("fuzz")
	digest := [32]byte{1}
	_, message := request(f, shares[1], 2, source(1))
	data := respond(f, shares[2], 1, digest, "m/1", message, source(2))
	var m responseMessage
	if err := wire.Unmarshal(data, maxResponse, m.Fields); err != nil {
		f.Fatal(err)
	}
	n, err := newInstance(&shares[1].Key, m.SID, digest, "m/1")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	m.RVOLE = nil
	short, err := wire.Marshal(m.Fields)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(short)
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := decodeResponse(data, n, digest)
		if err == nil && a.rPrime.IsIdentity()|a.vole.B.IsIdentity() == 1 {
			t.Error("an identity")
		}
	})
}

func FuzzDecodeSession(f *testing.F) {
	session, _ := request(f, newShares("fuzz")[1], 2, source(1))
	f.Add(session)
	f.Fuzz(func(t *testing.T, data []byte) {
		state, err := decodeSession(data)
		if err != nil {
			return
		}
		if again, err := wire.Marshal(state.Fields); err != nil || !bytes.Equal(again, data) || state.Round != 1 {
			t.Error("not a session of dkls18")
		}
	})
}

func Example() {
	shares := newShares("example") // of a 2-of-3 key, from package deal
	user, action := shares[1], shares[2]
	digest := crypto.Keccak256Hash([]byte("what both agreed to sign"))

	session, request, err := Request(user, action.Index, source(1)) // crypto/rand.Reader in earnest
	if err != nil {
		panic(err)
	}
	response, err := Respond(action, user.Index, digest, "m/0/5", request, source(2))
	if err != nil {
		panic(err)
	}
	r, s, yParity, err := Finish(user, session, digest, "m/0/5", response)
	fmt.Println(len(r), len(s), yParity < 2, err)
	// Output: 32 32 true <nil>
}

func BenchmarkRequest(b *testing.B) {
	shares := newShares("bench")
	for b.Loop() {
		request(b, shares[1], 2, source(1))
	}
}

func BenchmarkRespond(b *testing.B) {
	shares := newShares("bench")
	_, message := request(b, shares[1], 2, source(1))
	for b.Loop() {
		respond(b, shares[2], 1, [32]byte{1}, "", message, source(2))
	}
}

func BenchmarkFinish(b *testing.B) {
	shares := newShares("bench")
	session, message := request(b, shares[1], 2, source(1))
	response := respond(b, shares[2], 1, [32]byte{1}, "", message, source(2))
	for b.Loop() {
		if _, _, _, err := Finish(shares[1], session, [32]byte{1}, "", response); err != nil {
			b.Fatal(err)
		}
	}
}
