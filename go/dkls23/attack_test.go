package dkls23

import (
	"bytes"
	"fmt"
	"math/big"
	mathrand "math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/ethereum/go-ethereum/crypto"

	"tandem/go/deal"
	"tandem/go/dkls18"
	"tandem/go/internal/plain"
	"tandem/go/internal/tamper"
	"tandem/go/secp256k1"
	"tandem/go/transcript"
	"tandem/go/vole"
	"tandem/go/wire"
)

// Why an action, which forgets, is not a party of this protocol by default. The client keeps its state between two calls,
// sealed. A client that cheats sends the same sealed state again, each time with another message. Both attacks below
// take the whole private key that way. The action is the real Round3, called again on the same bytes; nothing else of it is
// used. What the client computes with is its own: its share, its sessions, and what it was sent.

const clientIndex, actionIndex = 1, 3

// forgetful is an action whose sealed session the client keeps.
type forgetful struct {
	share  *deal.KeyShare
	sealed []byte
}

// last is the action's last call: it takes the client's message of round 2 and answers, or refuses.
func (a *forgetful) last(message []byte) (answer []byte, ok bool) {
	_, answer, err := Round3(a.share, a.sealed, map[int][]byte{clientIndex: message})
	return answer, err == nil
}

// client has all that one honest signature with the action gives it.
type client struct {
	*party  // its secrets, after round 2
	action  *forgetful
	first   *round1Message // of the action
	second  *reply         // of the action
	message []byte         // its own of round 2
	u, w    *big.Int       // of the action
	r, s    *big.Int       // the signature
}

// sign signs one digest, honestly.
func sign(t *testing.T, shares map[int]*deal.KeyShare, digest [32]byte) *client {
	t.Helper()
	share, signers := shares[clientIndex], []int{clientIndex, actionIndex}
	fatal := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	from := func(message []byte) map[int][]byte { return map[int][]byte{actionIndex: message} }

	session1, message1, err := Round1(share, signers, digest, "", source(1))
	fatal(err)
	sealed, first, second, err := Join(shares[actionIndex], signers, digest, "", map[int][]byte{clientIndex: message1}, source(2))
	fatal(err)
	c := &client{action: &forgetful{share: shares[actionIndex], sealed: sealed}, first: new(round1Message)}
	session2, message2, err := Round2(share, session1, from(first))
	fatal(err)
	answer, ok := c.action.last(message2)
	if !ok {
		t.Fatal("the action refuses an honest message")
	}
	session3, _, err := Round3(share, session2, from(second))
	fatal(err)
	r, s, _, err := Finish(share, session3, from(answer))
	fatal(err)

	c.message, c.r, c.s = message2, number(r[:]), number(s[:])
	c.party, err = resume2(share, session2)
	fatal(err)
	fatal(wire.Unmarshal(first, maxRound1(1), c.first.Fields))
	replies, err := c.readRound2(from(second))
	fatal(err)
	c.second = replies[actionIndex]
	c.u, c.w = shareOfSignature(t, answer)
	return c
}

func shareOfSignature(t *testing.T, message []byte) (u, w *big.Int) {
	var m round3Message
	if err := wire.Unmarshal(message, maxRound3, m.Fields); err != nil {
		t.Fatal(err)
	}
	return number(m.U[:]), number(m.W[:])
}

// seals returns the client's message of round 2 with these contents for the action.
func (c *client) seals(t *testing.T, sent *contents) []byte {
	box, err := c.seal(actionIndex, sent)
	if err != nil {
		t.Fatal(err)
	}
	m, err := wire.Marshal((&round2Message{clientIndex, c.digests, map[int][]byte{actionIndex: box}}).Fields)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// steal checks that x is the private key of the wallet, by signing something else with it alone.
func steal(t *testing.T, wallet *secp256k1.Point, x *big.Int) {
	t.Helper()
	key, err := crypto.ToECDSA(encode(x))
	if err != nil {
		t.Fatal(err)
	}
	digest := crypto.Keccak256Hash([]byte("what no policy would allow"))
	signature, err := crypto.Sign(digest[:], key)
	if err != nil {
		t.Fatal(err)
	}
	checkSignature(t, addressOf(t, wallet.Bytes()), digest, signature)
}

// After one honest call, one more for each choice bit of the action: as in every protocol with a check against secrets,
// whether the action goes on tells a bit of them.
func TestAttackByRefusal(t *testing.T) {
	if less() {
		few(t, 24)
	}
	shares := newShares("attack", 2, 3)
	digest := crypto.Keccak256Hash([]byte("what the policy allows"))
	c := sign(t, shares, digest)
	nonce, sk := number(c.party.r.Bytes()), number(c.sk.Bytes()) // r_U, sk_U
	receiver, err := c.resume(actionIndex)
	if err != nil {
		t.Fatal(err)
	}
	chiU := number(chi(receiver).Bytes())
	psi := sub(number(c.phi.Bytes()), chiU) // ψ_UA

	// The client answers the action's OTs again, with a sender that can cheat: it shifts the correlation of one OT at a time.
	// If the action's choice bit of that OT is 1, the shift is in its row and its check fails; if it is 0, nothing has
	// changed for the action.
	id := c.otID(actionIndex, clientIndex, c.first.Commitment)
	sender := newReferenceSender(t, id, c.sid[:], layout.OTs(), c.first.OTs[clientIndex], [2]*big.Int{nonce, sk}, plain.Draws{Stream: source(3)})
	goesOn := func(shifted int) bool {
		sent, out := sender.send(shifted)
		_, ok := c.action.last(c.seals(t, &contents{
			R: point(c.R.Bytes()), Salt: c.salt, PK: timesG(c.sk), Psi: [32]byte(encode(psi)),
			GammaU: point(times(out[0], G).Bytes()), GammaV: point(times(out[1], G).Bytes()), B: point(sent.B.Bytes()),
			RVOLE: vole.Message{Tau: sent.tau, Eta: [32]byte(sent.eta), Mu: [32]byte(sent.mu)},
		}))
		return ok
	}
	if !goesOn(-1) {
		t.Fatal("the action refuses the client's own RVOLE when it does not cheat")
	}
	bits := make([]bool, layout.OTs())
	var wait sync.WaitGroup
	for first := range runtime.NumCPU() {
		wait.Go(func() {
			for j := first; j < len(bits); j += runtime.NumCPU() {
				bits[j] = !goesOn(j)
			}
		})
	}
	wait.Wait()

	chiA := new(big.Int)
	for j, bit := range bits {
		if bit {
			chiA = add(chiA, sender.gadget[j])
		}
	}
	// The action's mask φ_A = ψ_AU + χ_A, and its d_A = r_U χ_A - c_U. From u_A = r_A (φ_A + ψ_UA) + c_A + d_A and
	// c_A = r_A χ_U - d_U comes r_A = (u_A - d_A + d_U) / (φ_A + ψ_UA + χ_U).
	du, _, err := c.check(actionIndex, c.second)
	if err != nil {
		t.Fatal(err)
	}
	phiA := add(number(c.second.psi.Bytes()), chiA)
	dA := sub(mul(nonce, chiA), number(c.cu.Bytes()))
	nonceA := mul(add(sub(c.u, dA), number(du.Bytes())), inverse(add(phiA, psi, chiU)))
	if times(nonceA, G).Equal(c.second.R) != 1 {
		t.Fatal("the action's nonce was not found")
	}
	// With the whole nonce k, s = (m + r x) / k, or its negative.
	k := add(nonce, nonceA)
	x := mul(sub(mul(c.s, k), uniform(digest[:])), inverse(c.r))
	if times(x, G).Equal(c.share.Q) != 1 {
		x = mul(sub(sub(new(big.Int), mul(c.s, k)), uniform(digest[:])), inverse(c.r))
	}
	steal(t, c.share.Q, x)
	t.Logf("%d further calls on one sealed session gave the private key", len(bits))
}

// After one honest call, one more. u and w of the action are linear in the client's ψ, which nothing checks before there is a
// signature, or none: the differences are multiples of the action's nonce and of its key share.
func TestAttackByDifference(t *testing.T) {
	few(t, 8)
	shares := newShares("attack", 2, 3)
	c := sign(t, shares, crypto.Keccak256Hash([]byte("what the policy allows")))

	message := rebox(t, c.party, clientIndex, actionIndex, c.message, editing(t, func(sent *contents) {
		sent.Psi = [32]byte(encode(add(number(sent.Psi[:]), big.NewInt(1))))
	}))
	answer, ok := c.action.last(message)
	if !ok {
		t.Fatal("the action refuses another ψ")
	}
	u, w := shareOfSignature(t, answer)
	if nonceA := sub(u, c.u); times(nonceA, G).Equal(c.second.R) != 1 {
		t.Error("the difference of u is not the action's nonce")
	}
	skA := mul(sub(w, c.w), inverse(c.r))
	steal(t, c.share.Q, add(skA, number(c.sk.Bytes())))
}

// Against the default protocol, where the action has one call and nothing to remember, the same client learns nothing from
// what is refused: whether a request is answered, and why not, depends on the request alone. Each of these requests goes to
// two actions whose shares have the same public data, which is all that a request is checked against, and different secrets.
// The client could run the second one itself, so it knows beforehand what the first will say.
func TestNoOracleInDKLS18(t *testing.T) {
	if race {
		t.Skip()
	}
	shares := newShares("oracle", 2, 3)
	action := shares[actionIndex]
	other := with(action, func(s *deal.KeyShare) { s.X = transcript.Scalar("OTHER", s.X.Bytes()) })
	digest := [32]byte{1}
	_, request, err := dkls18.Request(shares[clientIndex], actionIndex, source(1))
	if err != nil {
		t.Fatal(err)
	}
	requests := mutations(t, request)
	if len(requests) < 1000 {
		t.Fatalf("%d requests", len(requests))
	}

	outcomes := make([]string, len(requests))
	var wait sync.WaitGroup
	for first := range runtime.NumCPU() {
		wait.Go(func() {
			for k := first; k < len(requests); k += runtime.NumCPU() {
				one, err := dkls18.Respond(action, clientIndex, digest, "m/0", requests[k].message, source(uint64(2*k)))
				two, otherErr := dkls18.Respond(other, clientIndex, digest, "m/0", requests[k].message, source(uint64(2*k+1)))
				if fmt.Sprint(err) != fmt.Sprint(otherErr) || wire.CodeOf(err) != wire.CodeOf(otherErr) || len(one) != len(two) {
					t.Errorf("%s: one action says %v, the other %v", requests[k].where, err, otherErr)
				}
				outcomes[k] = wire.CodeOf(err)
			}
		})
	}
	wait.Wait()

	count := map[string]int{}
	for k, outcome := range outcomes {
		count[outcome]++
		if requests[k].wellMade && outcome != "" {
			t.Errorf("%s: refused with code %s", requests[k].where, outcome)
		}
	}
	if count[""] == 0 || count[wire.CodeInput] == 0 || count[wire.CodeIdentity] == 0 || len(count) != 3 {
		t.Errorf("outcomes: %v", count)
	}
	t.Logf("%d requests: %d answered, %d refused as malformed, %d as for another key or other signers",
		len(requests), count[""], count[wire.CodeInput], count[wire.CodeIdentity])
}

// mutation is a request of dkls18 that no honest client sends. If it is well made, only an action that checks it against its
// secret could refuse it.
type mutation struct {
	where    string
	message  []byte
	wellMade bool
}

// mutations returns 1,000 of them or more. An answer takes long, so not many are well made.
func mutations(t *testing.T, request []byte) []mutation {
	random := mathrand.New(mathrand.NewChaCha8([32]byte{7}))
	const ots = 672
	var all []mutation
	cheat := func(wellMade bool, where string, edit func(fields map[any]any, ot []byte)) {
		message := edited(t, request, func(f map[any]any) { edit(f, f[uint64(6)].([]byte)) })
		all = append(all, mutation{where, message, wellMade})
	}
	number := func() *big.Int { return big.NewInt(1 + random.Int64N(1<<40)) }
	// What corresponds to the attacks above: all that a client can choose otherwise.
	i, bit := random.IntN(ots-1), byte(1)<<random.IntN(8)
	cheat(true, "another δ", func(f map[any]any, _ []byte) { f[uint64(8)] = encode(number()) })
	cheat(true, "another D", func(f map[any]any, _ []byte) { f[uint64(7)] = times(number(), G).Bytes() })
	cheat(true, "another nonce", func(f map[any]any, _ []byte) { f[uint64(5)].([]byte)[0] ^= bit })
	cheat(true, "an OT of no choice", func(_ map[any]any, ot []byte) { copy(ot[64*i:], times(number(), G).Bytes()[1:]) })
	cheat(true, "an OT twice", func(_ map[any]any, ot []byte) { copy(ot[64*i:64*i+64], ot[64*i+64:]) })
	cheat(true, "an OT exchanged", func(_ map[any]any, ot []byte) {
		r := bytes.Clone(ot[64*i : 64*i+32])
		copy(ot[64*i:64*i+32], ot[64*i+32:])
		copy(ot[64*i+32:], r)
	})
	cheat(true, "a point of an OT negated", func(_ map[any]any, ot []byte) { ot[64*ots+i/8] ^= bit })
	for n := range 150 { // invalid points, anywhere, but most near the front, where it shows soon
		i := random.IntN(20)
		if n%30 == 0 {
			i = random.IntN(2 * ots)
		}
		cheat(false, "an OT of no point", func(_ map[any]any, ot []byte) {
			x := ot[32*i : 32*i+32]
			for _, err := new(secp256k1.Point).SetBytes(slices.Concat([]byte{2}, x)); err == nil; {
				x[31]++
				_, err = new(secp256k1.Point).SetBytes(slices.Concat([]byte{2}, x))
			}
		})
	}
	for range 150 {
		cheat(false, "an OT of no coordinate", func(_ map[any]any, ot []byte) {
			copy(ot[32*random.IntN(20):], bytes.Repeat([]byte{0xff}, 31))
		})
	}
	for _, change := range tamper.All(t, request) {
		if !bytes.HasPrefix([]byte(change.Where), []byte("/5")) { // the nonce: above
			all = append(all, mutation{change.Where, change.Bytes, false})
		}
	}
	head := bytes.Index(request, []byte("\x06\x59")) // where the OTs begin, and so the end of kind, key id, signers and nonce
	for range 500 {
		changed := slices.Clone(request)
		at := random.IntN(head - 34) // but the nonce
		changed[at] ^= 1 << random.IntN(8)
		all = append(all, mutation{fmt.Sprint("flipped bit in byte ", at), changed, false})
	}
	for range 150 {
		all = append(all, mutation{"cut", request[:random.IntN(len(request))], false})
	}
	return all
}
