package dkls23

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/crypto"

	"tandem/go/bip32"
	"tandem/go/deal"
	"tandem/go/dkls18"
	"tandem/go/internal/tamper"
	"tandem/go/ot"
	"tandem/go/secp256k1"
	"tandem/go/transcript"
	"tandem/go/vole"
	"tandem/go/wire"
)

func source(n uint64) io.Reader {
	return mathrand.NewChaCha8([32]byte(transcript.Expand("TEST", 32, transcript.U32(int(n)))))
}

// named returns 32 bytes that depend on both names.
func named(name, label string) [32]byte {
	return transcript.Hash("VECTOR", []byte(name), []byte(label))
}

// newShares returns the shares of the t-of-n key of that name. The parties have the odd indices 1, 3, 5, ...
func newShares(name string, t, n int) map[int]*deal.KeyShare {
	f := make([]*secp256k1.Scalar, t)
	for m := range f {
		f[m] = transcript.Scalar("F", []byte(name), transcript.U32(m))
	}
	key := deal.Key{
		Threshold: t,
		Q:         new(secp256k1.Point).ScalarBaseMult(f[0]),
		ChainCode: named(name, "chain code"),
		ID:        named(name, "key id"),
	}
	shares := make(map[int]*deal.KeyShare)
	for k := range n {
		i, x := 2*k+1, new(secp256k1.Scalar)
		for m := t - 1; m >= 0; m-- {
			x.MulAdd(x, new(secp256k1.Scalar).SetUint64(uint64(i)), f[m])
		}
		key.Parties = append(key.Parties, i)
		key.PublicShares = append(key.PublicShares, new(secp256k1.Point).ScalarBaseMult(x))
		shares[i] = &deal.KeyShare{Index: i, X: x}
	}
	for i, share := range shares {
		share.Key = key
		for _, j := range key.Parties {
			if j != i {
				share.Seeds = append(share.Seeds, named(name, fmt.Sprint("seed ", min(i, j), max(i, j))))
			}
		}
	}
	return shares
}

// few makes RVOLEs of n OTs for the time of a test: the number of OTs is a matter of security, not of the algebra, and
// costs nearly all the time. With very few of them some χ are 0 and drawn again.
func few(t testing.TB, n int) {
	old := layout
	layout = &vole.Layout{Widths: []int{2}, Blocks: []vole.Block{{Size: n, RVOLEs: []int{0}}}}
	t.Cleanup(func() { layout = old })
}

// table is a signature being made by all signers, as they sit around a table.
type table struct {
	shares   map[int]*deal.KeyShare // of the signers
	signers  []int
	digest   [32]byte
	path     string
	random   io.Reader
	sessions [4]map[int][]byte // by the round that made them, and the signer
	messages [4]map[int][]byte
}

func newTable(shares map[int]*deal.KeyShare, signers []int, digest [32]byte, path string, random io.Reader) *table {
	all := &table{shares: shares, signers: signers, digest: digest, path: path, random: random}
	for round := range all.sessions {
		all.sessions[round], all.messages[round] = map[int][]byte{}, map[int][]byte{}
	}
	return all
}

// sent returns what signer i receives of a round.
func (all *table) sent(round, i int) map[int][]byte {
	messages := maps.Clone(all.messages[round])
	delete(messages, i)
	return messages
}

// step runs one of rounds 1 to 3 for signer i.
func (all *table) step(round, i int) (err error) {
	var session, message []byte
	switch round {
	case 1:
		session, message, err = Round1(all.shares[i], all.signers, all.digest, all.path, all.random)
	case 2:
		session, message, err = Round2(all.shares[i], all.sessions[1][i], all.sent(1, i))
	case 3:
		session, message, err = Round3(all.shares[i], all.sessions[2][i], all.sent(2, i))
	}
	if err == nil {
		all.sessions[round][i], all.messages[round][i] = session, message
	}
	return err
}

// run runs the rounds up to the given one.
func (all *table) run(t testing.TB, rounds int) *table {
	t.Helper()
	for round := 1; round <= rounds; round++ {
		for _, i := range all.signers {
			if err := all.step(round, i); err != nil {
				t.Fatalf("signers %v, round %d of party %d: %v", all.signers, round, i, err)
			}
		}
	}
	return all
}

// finish runs Finish for all signers and checks that all have the same good signature.
func (all *table) finish(t testing.TB) {
	t.Helper()
	address := all.address(t)
	var signatures [][]byte
	for _, i := range all.signers {
		r, s, yParity, err := Finish(all.shares[i], all.sessions[3][i], all.sent(3, i))
		if err != nil {
			t.Fatalf("signers %v, finish of party %d: %v", all.signers, i, err)
		}
		signatures = append(signatures, slices.Concat(r[:], s[:], []byte{yParity}))
		checkSignature(t, address, all.digest, signatures[len(signatures)-1])
	}
	for _, signature := range signatures {
		if !bytes.Equal(signature, signatures[0]) {
			t.Fatalf("signers %v: not the same signature", all.signers)
		}
	}
}

// address returns the address of the key under which the table signs, by go-ethereum.
func (all *table) address(t testing.TB) []byte {
	t.Helper()
	share := all.shares[all.signers[0]]
	path, err := bip32.ParsePath(all.path)
	if err != nil {
		t.Fatal(err)
	}
	child, err := bip32.Derive(share.Q, share.ChainCode[:], path)
	if err != nil {
		t.Fatal(err)
	}
	return addressOf(t, child.Q.Bytes())
}

func addressOf(t testing.TB, key []byte) []byte {
	t.Helper()
	public, err := crypto.DecompressPubkey(key)
	if err != nil {
		t.Fatal(err)
	}
	return crypto.PubkeyToAddress(*public).Bytes()
}

// checkSignature verifies r ‖ s ‖ yParity as Ethereum does, by recovery with go-ethereum, and that s is low.
func checkSignature(t testing.TB, address []byte, digest [32]byte, signature []byte) {
	t.Helper()
	r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:64])
	if !crypto.ValidateSignatureValues(signature[64], r, s, true) {
		t.Fatal("r or s is out of range")
	}
	recovered, err := crypto.SigToPub(digest[:], signature)
	if err != nil {
		t.Fatal(err)
	}
	if got := crypto.PubkeyToAddress(*recovered).Bytes(); !bytes.Equal(got, address) {
		t.Fatalf("the signature recovers %x, the address is %x", got, address)
	}
}

// quorums returns all sets of t of the parties.
func quorums(parties []int, t int) [][]int {
	if t == 0 {
		return [][]int{nil}
	}
	var all [][]int
	for k, i := range parties {
		for _, rest := range quorums(parties[k+1:], t-1) {
			all = append(all, append([]int{i}, rest...))
		}
	}
	return all
}

func parties(shares map[int]*deal.KeyShare) []int { return slices.Sorted(maps.Keys(shares)) }

func bytes32(s string) (b [32]byte) {
	n, ok := new(big.Int).SetString(s, 16)
	if !ok {
		panic(s)
	}
	n.FillBytes(b[:])
	return b
}

// less says that a test should do less than usual.
func less() bool { return race || testing.Short() }

// In earnest: with all OTs, and with the digests that are special.
func TestSign(t *testing.T) {
	for _, test := range []struct {
		name    string
		t, n    int
		signers []int
		digest  string
		path    string
	}{
		{"0", 2, 2, []int{1, 3}, "0", ""},
		{"q", 2, 3, []int{3, 5}, "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141", "m/0"},
		{"2^256-1", 3, 5, []int{1, 5, 9}, strings.Repeat("f", 64), "m/44/60/0/0/2147483647"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if less() {
				few(t, 16)
			}
			shares := newShares(test.name, test.t, test.n)
			newTable(shares, test.signers, bytes32(test.digest), test.path, source(1)).run(t, 3).finish(t)
		})
	}
}

// Every quorum of every key of up to 5 parties.
func TestQuorums(t *testing.T) {
	few(t, 4)
	count := 0
	for n := 2; n <= 5; n++ {
		for threshold := 2; threshold <= n; threshold++ {
			shares := newShares(fmt.Sprint(threshold, " of ", n), threshold, n)
			for _, signers := range quorums(parties(shares), threshold) {
				count++
				if race && count%8 != 0 {
					continue
				}
				newTable(shares, signers, [32]byte{byte(n)}, "m/1", source(uint64(count))).run(t, 3).finish(t)
			}
		}
	}
	if count != 42 {
		t.Errorf("%d quorums", count)
	}
}

// The largest quorum there can be.
func TestSixteen(t *testing.T) {
	if less() {
		t.Skip()
	}
	few(t, 4)
	shares := newShares("sixteen", 16, 16)
	newTable(shares, parties(shares), [32]byte{16}, "", source(1)).run(t, 3).finish(t)
}

func TestRandomSignatures(t *testing.T) {
	few(t, 3)
	each := 250
	if less() {
		each = 5
	}
	for part := range uint64(4) {
		t.Run(fmt.Sprint(part), func(t *testing.T) {
			t.Parallel()
			random := mathrand.New(mathrand.NewPCG(1, part))
			for count := range each {
				threshold := 2
				for threshold < 5 && random.IntN(8) == 0 {
					threshold++
				}
				shares := newShares(fmt.Sprint("random ", part, count), threshold, threshold+random.IntN(6-threshold))
				all := quorums(parties(shares), threshold)
				digest := [32]byte(transcript.Expand("TEST", 32, transcript.U32(int(random.Uint32()))))
				path := []string{"", "m", fmt.Sprint("m/", random.Uint32()>>1), fmt.Sprint("m/0/", random.IntN(100))}[random.IntN(4)]
				newTable(shares, all[random.IntN(len(all))], digest, path, source(random.Uint64())).run(t, 3).finish(t)
			}
		})
	}
}

// One that is called twice: with its rounds 1 and 2 in one call, and its round 3 in the other, in which it is given all that
// the others have.
func TestJoin(t *testing.T) {
	few(t, 8)
	for _, signers := range [][]int{{1, 3}, {3, 5, 9}} {
		const action = 3
		shares := newShares("join", len(signers), 5)
		all := newTable(shares, signers, [32]byte{1}, "m/2", source(1))
		people := slices.DeleteFunc(slices.Clone(signers), func(i int) bool { return i == action })
		step := func(round, i int) {
			if err := all.step(round, i); err != nil {
				t.Fatalf("round %d of party %d: %v", round, i, err)
			}
		}
		for _, i := range people {
			step(1, i)
		}
		session, message1, message2, err := Join(shares[action], signers, all.digest, all.path, all.messages[1], source(2))
		if err != nil {
			t.Fatal(err)
		}
		all.messages[1][action], all.messages[2][action], all.sessions[2][action] = message1, message2, session
		for _, i := range people {
			step(2, i)
		}
		for _, i := range people {
			step(3, i)
		}
		step(3, action)
		all.finish(t)
	}
}

// Messages that a relay has cut down to what the receiver needs work like whole ones.
func TestFor(t *testing.T) {
	few(t, 8)
	all := newTable(newShares("for", 3, 3), []int{1, 3, 5}, [32]byte{1}, "", source(1)).run(t, 3)
	cut := newTable(all.shares, all.signers, all.digest, all.path, nil)
	cut.sessions, cut.messages = all.sessions, all.messages
	for round := 1; round <= 3; round++ {
		for _, i := range all.signers {
			messages := map[int][]byte{}
			for j, message := range all.sent(round, i) {
				short, err := For(i, message)
				if err != nil {
					t.Fatal(err)
				}
				if round < 3 && len(short) >= len(message)*2/3 {
					t.Errorf("round %d: %d bytes, all of it %d", round, len(short), len(message))
				}
				if _, err := For(j, message); round < 3 && wire.CodeOf(err) != wire.CodeInput {
					t.Errorf("round %d: for its sender: %v", round, err)
				}
				messages[j] = short
			}
			var next []byte
			var err error
			switch round {
			case 1:
				next, _, err = Round2(all.shares[i], all.sessions[1][i], messages)
			case 2:
				next, _, err = Round3(all.shares[i], all.sessions[2][i], messages)
			case 3:
				_, _, _, err = Finish(all.shares[i], all.sessions[3][i], messages)
			}
			if err != nil || round < 3 && !bytes.Equal(next, all.sessions[round+1][i]) {
				t.Errorf("round %d of party %d: not what it is with the whole messages: %v", round, i, err)
			}
		}
	}
	for _, data := range [][]byte{nil, {0xa0}, all.sessions[1][1], all.sessions[3][1]} {
		if _, err := For(1, data); wire.CodeOf(err) != wire.CodeInput {
			t.Errorf("%x: %v", data, err)
		}
	}
}

// The same shares, from a real deal, sign under both protocols.
func TestDealtShares(t *testing.T) {
	if race {
		t.Skip()
	}
	dealt := deals(t, 2, 1, 2, 3)
	shares := map[int]*deal.KeyShare{}
	for i, share := range dealt {
		data, err := share.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if shares[i], err = deal.DecodeKeyShare(data); err != nil {
			t.Fatal(err)
		}
	}
	all := newTable(shares, []int{2, 3}, [32]byte{1}, "m/5", rand.Reader)
	session, request, err := dkls18.Request(shares[2], 3, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	response, err := dkls18.Respond(shares[3], 2, all.digest, all.path, request, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	r, s, yParity, err := dkls18.Finish(shares[2], session, all.digest, all.path, response)
	if err != nil {
		t.Fatal(err)
	}
	checkSignature(t, all.address(t), all.digest, slices.Concat(r[:], s[:], []byte{yParity}))
	few(t, 16)
	all.run(t, 3).finish(t)
}

// deals returns the shares of a new key of package deal.
func deals(t testing.TB, threshold int, parties ...int) map[int]*deal.KeyShare {
	t.Helper()
	sessions, messages := map[int][]byte{}, [4]map[int][]byte{{}, {}, {}, {}}
	shares := map[int]*deal.KeyShare{}
	for round := 1; round <= 4; round++ {
		for _, i := range parties {
			var err error
			switch round {
			case 1:
				p := deal.Params{Kind: deal.Keygen, Threshold: threshold, Parties: parties, Contributors: parties, Self: i}
				sessions[i], messages[1][i], err = deal.Round1(p, rand.Reader)
			case 2:
				sessions[i], messages[2][i], err = deal.Round2(sessions[i], messages[1])
			case 3:
				sessions[i], messages[3][i], err = deal.Round3(sessions[i], messages[2], rand.Reader)
			case 4:
				shares[i], err = deal.Finish(sessions[i], messages[3])
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	return shares
}

// The sizes that the limits of an action's host are planned with.
func TestSizes(t *testing.T) {
	if race {
		t.Skip()
	}
	two := newTable(newShares("sizes", 2, 3), []int{1, 3}, [32]byte{1}, "m/44/60/0/0/0", source(1)).run(t, 3)
	for round, max := range map[int]struct{ session, message int }{1: {190, 26_910}, 2: {370, 40_380}, 3: {250, 160}} {
		if n := len(two.sessions[round][1]); n > max.session {
			t.Errorf("session of round %d: %d bytes, more than %d", round, n, max.session)
		}
		if n := len(two.messages[round][1]); n > max.message {
			t.Errorf("message of round %d: %d bytes, more than %d", round, n, max.message)
		}
	}
	deepest := newTable(two.shares, two.signers, [32]byte{1}, "m"+strings.Repeat("/2147483647", bip32.MaxDepth), source(1))
	few(t, 4)
	deepest.run(t, 3).finish(t)
	for round, sessions := range deepest.sessions {
		if n := len(sessions[1]); n > 2000 {
			t.Errorf("session of round %d with the longest path: %d bytes", round, n)
		}
	}
}

// The bounds of what is decoded hold the largest there can be.
func TestLargestFit(t *testing.T) {
	signers, each, others := make([]int, deal.MaxParties), map[int][32]byte{}, map[int][]byte{}
	boxes, oneLess := map[int][]byte{}, map[int][32]byte{}
	box, err := wire.Marshal((&contents{RVOLE: vole.Message{Tau: make([]byte, 3*32*vole.Xi)}}).Fields)
	if err != nil {
		t.Fatal(err)
	}
	for k := range signers {
		signers[k] = deal.MaxIndex - deal.MaxParties + 1 + k
		each[signers[k]] = [32]byte{}
		if k > 0 {
			oneLess[signers[k]] = [32]byte{}
			others[signers[k]] = make([]byte, ot.MessageSize(vole.Xi))
			boxes[signers[k]] = make([]byte, len(box)+16)
		}
	}
	path := slices.Repeat([]uint32{1<<31 - 1}, bip32.MaxDepth)
	widest := terms{[32]byte{}, signers, path, [32]byte{}}
	p := part{widest, signers[0], [32]byte{}, oneLess}
	for _, test := range []struct {
		value, decoded wire.Struct
		max            int
	}{
		{&round1Message{signers[0], widest, [32]byte{}, oneLess, others}, new(round1Message), maxRound1(15)},
		{&round2Message{signers[0], each, boxes}, new(round2Message), maxRound2(15)},
		{&round3Message{signers[0], [32]byte{}, [32]byte{}, [32]byte{}, oneLess}, new(round3Message), maxRound3},
		{&session1{p}, new(session1), maxSession},
		{&session2{p, each, oneLess, [32]byte{}, [32]byte{}}, new(session2), maxSession},
		{&session3{widest, signers[0], [32]byte{}, point{}, [32]byte{}, [32]byte{}}, new(session3), maxSession},
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

// A round is a function of its arguments: run again, after a crash, it seals and says the same.
func TestDeterministic(t *testing.T) {
	few(t, 8)
	all := newTable(newShares("deterministic", 2, 2), []int{1, 3}, [32]byte{1}, "", source(1)).run(t, 3)
	messages := all.messages
	all.messages[2], all.messages[3] = map[int][]byte{}, map[int][]byte{}
	for round := 2; round <= 3; round++ {
		for _, i := range all.signers {
			if err := all.step(round, i); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(all.messages[round][i], messages[round][i]) {
				t.Errorf("round %d of party %d gives another message", round, i)
			}
		}
	}
}

// A random source that repeats itself, under anything else that differs, gives another nonce.
func TestHedged(t *testing.T) {
	few(t, 4)
	shares, others := newShares("hedged", 2, 3), newShares("other", 2, 3)
	otherX := with(shares[1], func(s *deal.KeyShare) { s.X = others[1].X })
	received := func(n uint64) map[int][]byte {
		_, message, err := Round1(shares[3], []int{1, 3}, [32]byte{1}, "", source(n))
		if err != nil {
			t.Fatal(err)
		}
		return map[int][]byte{3: message}
	}
	seen := map[string]string{}
	for _, test := range []struct {
		name     string
		share    *deal.KeyShare
		signers  []int
		digest   [32]byte
		path     string
		received map[int][]byte
	}{
		{"first", shares[1], []int{1, 3}, [32]byte{1}, "", nil},
		{"digest", shares[1], []int{1, 3}, [32]byte{2}, "", nil},
		{"path", shares[1], []int{1, 3}, [32]byte{1}, "m/0", nil},
		{"signers", shares[1], []int{1, 5}, [32]byte{1}, "", nil},
		{"share", otherX, []int{1, 3}, [32]byte{1}, "", nil},
		{"joined", shares[1], []int{1, 3}, [32]byte{1}, "", received(1)},
		{"joined, other message", shares[1], []int{1, 3}, [32]byte{1}, "", received(2)},
	} {
		terms, err := newTerms(test.share, test.signers, test.digest, test.path)
		if err != nil {
			t.Fatal(err)
		}
		p, _, err := draw(test.share, terms, test.received, source(9))
		if err != nil {
			t.Fatal(err)
		}
		nonce := string(p.r.Bytes())
		if first, again := seen[nonce]; again {
			t.Errorf("%s: the same nonce as %s", test.name, first)
		}
		seen[nonce] = test.name
	}
}

// A χ of 0 is drawn again: with one OT each, that is what half of them are at first.
func TestZeroChi(t *testing.T) {
	few(t, 1)
	shares := newShares("zero", 4, 4)
	for n := range uint64(5) {
		terms, err := newTerms(shares[1], parties(shares), [32]byte{1}, "")
		if err != nil {
			t.Fatal(err)
		}
		p, _, err := draw(shares[1], terms, nil, source(n))
		if err != nil {
			t.Fatal(err)
		}
		for _, j := range p.others {
			receiver, err := p.resume(j)
			if err != nil {
				t.Fatal(err)
			}
			if chi(receiver).IsZero() == 1 {
				t.Errorf("χ with party %d is 0", j)
			}
		}
	}
}

// with returns a changed copy of a share.
func with(share *deal.KeyShare, change func(*deal.KeyShare)) *deal.KeyShare {
	c := *share
	c.X = new(secp256k1.Scalar).Set(share.X)
	change(&c)
	return &c
}

type brokenSource struct{}

func (brokenSource) Read([]byte) (int, error) { return 0, errors.New("broken") }

func TestArguments(t *testing.T) {
	few(t, 4)
	shares := newShares("arguments", 2, 3)
	for name, test := range map[string]struct {
		code    string
		signers []int
		path    string
		random  io.Reader
	}{
		"good":               {"", []int{1, 3}, "m", source(1)},
		"nobody":             {wire.CodeInput, nil, "", source(1)},
		"alone":              {wire.CodeInput, []int{1}, "", source(1)},
		"too many":           {wire.CodeInput, []int{1, 3, 5}, "", source(1)},
		"twice":              {wire.CodeInput, []int{1, 1}, "", source(1)},
		"descending":         {wire.CodeInput, []int{3, 1}, "", source(1)},
		"no party":           {wire.CodeInput, []int{1, 2}, "", source(1)},
		"negative":           {wire.CodeInput, []int{-1, 1}, "", source(1)},
		"without itself":     {wire.CodeInput, []int{3, 5}, "", source(1)},
		"hardened":           {wire.CodeInput, []int{1, 3}, "m/0'", source(1)},
		"no path":            {wire.CodeInput, []int{1, 3}, "0", source(1)},
		"random source":      {wire.CodeInternal, []int{1, 3}, "", brokenSource{}},
		"short source":       {wire.CodeInternal, []int{1, 3}, "", bytes.NewReader(make([]byte, 31))},
		"random source of 0": {wire.CodeInternal, []int{1, 3}, "", bytes.NewReader(make([]byte, 64))},
	} {
		_, _, err := Round1(shares[1], test.signers, [32]byte{}, test.path, test.random)
		if wire.CodeOf(err) != test.code {
			t.Errorf("%s: %v, want code %q", name, err, test.code)
		}
		_, _, _, err = Join(shares[1], test.signers, [32]byte{}, test.path, nil, test.random)
		if test.code == "" {
			test.code = wire.CodeInput // no messages
		}
		if wire.CodeOf(err) != test.code {
			t.Errorf("join, %s: %v, want code %q", name, err, test.code)
		}
	}
}

// Messages that are missing, of nobody who signs, or the party's own.
func TestMessages(t *testing.T) {
	few(t, 8)
	all := newTable(newShares("messages", 3, 4), []int{1, 3, 5}, [32]byte{1}, "", source(1)).run(t, 3)
	for round := 1; round <= 3; round++ {
		call := func(messages map[int][]byte) error { return all.call(round, all.sessions[round][1], messages) }
		if err := call(all.messages[round]); err != nil {
			t.Errorf("round %d: with the party's own message: %v", round, err)
		}
		for name, change := range map[string]func(map[int][]byte){
			"missing":   func(m map[int][]byte) { delete(m, 5) },
			"all":       func(m map[int][]byte) { clear(m) },
			"no signer": func(m map[int][]byte) { m[7] = m[5] },
			"party 0":   func(m map[int][]byte) { m[0] = m[5] },
		} {
			messages := all.sent(round, 1)
			change(messages)
			if err := call(messages); wire.CodeOf(err) != wire.CodeInput {
				t.Errorf("round %d, %s: %v", round, name, err)
			}
		}
		exchanged := all.sent(round, 1)
		exchanged[3], exchanged[5] = exchanged[5], exchanged[3]
		if err := call(exchanged); blamed(err) != 3 {
			t.Errorf("round %d, exchanged: %v", round, err)
		}
	}
}

// blamed returns the party that err blames, 0 if it blames nobody, -1 if it is another error.
func blamed(err error) int {
	var e *wire.Error
	if !errors.As(err, &e) || e.Code != wire.CodeParty {
		return -1
	}
	return e.Party
}

// A session serves one round of one signature of one share.
func TestSessions(t *testing.T) {
	few(t, 8)
	all := newTable(newShares("sessions", 2, 3), []int{1, 3}, [32]byte{1}, "m/0", source(1)).run(t, 3)
	call := func(round int, share *deal.KeyShare, session []byte) error {
		with := *all
		with.shares = map[int]*deal.KeyShare{1: share}
		return with.call(round, session, all.sent(round, 1))
	}
	for round := 1; round <= 3; round++ {
		session := all.sessions[round][1]
		if err := call(round, all.shares[1], session); err != nil {
			t.Errorf("round %d: %v", round, err)
		}
		refused := func(name string, share *deal.KeyShare, session []byte) {
			if err := call(round, share, session); wire.CodeOf(err) != wire.CodeSession {
				t.Errorf("round %d, %s: %v, want code session", round, name, err)
			}
		}
		for other := 1; other <= 3; other++ {
			if other != round {
				refused(fmt.Sprint("session of round ", other), all.shares[1], all.sessions[other][1])
			}
		}
		refused("another party's share", all.shares[3], session)
		refused("a share of another key", newShares("other", 2, 3)[1], session)
		refused("another sharing", with(all.shares[1], func(s *deal.KeyShare) { s.ID[0] ^= 1 }), session)
		refused("another party's session", all.shares[1], all.sessions[round][3])
		refused("nothing", all.shares[1], nil)
		refused("a message", all.shares[1], all.messages[round][1])
		refused("cut", all.shares[1], session[:len(session)-1])
		refused("with a byte more", all.shares[1], append(slices.Clone(session), 0))
		for _, change := range tamper.All(t, session) {
			err := call(round, all.shares[1], change.Bytes)
			if err == nil && ofChance(round, change.Where) {
				continue
			}
			if code := wire.CodeOf(err); code != wire.CodeSession && code != wire.CodeParty {
				t.Errorf("round %d, session with %s: %v", round, change.Where, err)
			}
		}
	}

	// The session of another signature, with these messages.
	for name, other := range map[string]*table{
		"digest": newTable(all.shares, all.signers, [32]byte{2}, "m/0", source(2)),
		"path":   newTable(all.shares, all.signers, [32]byte{1}, "m/1", source(2)),
		"sid":    newTable(all.shares, all.signers, [32]byte{1}, "m/0", source(2)),
	} {
		other.run(t, 3)
		for round := 1; round <= 3; round++ {
			if round == 1 && name == "sid" {
				continue // a session of round 1 has no sid yet: this is how the others begin
			}
			if err := call(round, all.shares[1], other.sessions[round][1]); blamed(err) != 3 {
				t.Errorf("round %d, session with another %s: %v", round, name, err)
			}
		}
	}
}

// ofChance reports whether a field of a session could as well have another value: with it, the session is of other
// randomness, and the others will not agree.
func ofChance(round int, where string) bool {
	field, _, _ := strings.Cut(where, " ")
	return round == 1 && (field == "/3/3" || field == "/3/4/3") || round == 2 && (field == "/6" || field == "/7")
}

func Example() {
	shares := newShares("example", 2, 3) // of a 2-of-3 key, from package deal
	signers := []int{1, 3}
	digest := crypto.Keccak256Hash([]byte("what both agreed to sign"))

	sessions, messages := map[int][]byte{}, map[int][]byte{}
	for _, i := range signers {
		session, message, err := Round1(shares[i], signers, digest, "m/0/5", rand.Reader)
		if err != nil {
			panic(err)
		}
		sessions[i], messages[i] = session, message
	}
	for _, round := range []func(*deal.KeyShare, []byte, map[int][]byte) (session, message []byte, err error){Round2, Round3} {
		received := messages
		messages = map[int][]byte{}
		for _, i := range signers {
			session, message, err := round(shares[i], sessions[i], received)
			if err != nil {
				panic(err)
			}
			sessions[i], messages[i] = session, message
		}
	}
	r, s, yParity, err := Finish(shares[1], sessions[1], messages)
	fmt.Println(len(r), len(s), yParity < 2, err)
	// Output: 32 32 true <nil>
}

// Both parties of a 2-of-3 together.
func BenchmarkSign(b *testing.B) {
	shares := newShares("bench", 2, 3)
	for b.Loop() {
		newTable(shares, []int{1, 3}, [32]byte{1}, "", source(1)).run(b, 3).finish(b)
	}
}

// One party's rounds.
func BenchmarkRound(b *testing.B) {
	all := newTable(newShares("bench", 2, 3), []int{1, 3}, [32]byte{1}, "", source(1)).run(b, 3)
	b.Run("1", func(b *testing.B) {
		for b.Loop() {
			if _, _, err := Round1(all.shares[1], all.signers, all.digest, all.path, source(1)); err != nil {
				b.Fatal(err)
			}
		}
	})
	for k, name := range []string{"2", "3", "finish"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := all.call(k+1, all.sessions[k+1][1], all.sent(k+1, 1)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
