package deal_test

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"fmt"
	"slices"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"tandem/go/deal"
	"tandem/go/wire"
)

// mutations returns every value that differs from v in one place: a number by one, a text or byte string by a bit or by
// its length, a list or map by an element.
func mutations(v any) map[string]any {
	out := map[string]any{}
	switch v := v.(type) {
	case uint64:
		out[" + 1"] = v + 1
		out[" negative"] = -int64(v) - 1
	case string:
		out[" longer"] = v + "x"
		out[" empty"] = ""
	case []byte:
		out[" longer"] = append(bytes.Clone(v), 0)
		if len(v) == 0 {
			break
		}
		out[" empty"] = []byte{}
		out[" shorter"] = v[:len(v)-1]
		for _, at := range []int{0, len(v) / 2, len(v) - 1} {
			flipped := bytes.Clone(v)
			flipped[at] ^= 1
			out[fmt.Sprint(" bit of byte ", at)] = flipped
		}
	case []any:
		for k, element := range v {
			for name, changed := range mutations(element) {
				list := slices.Clone(v)
				list[k] = changed
				out[fmt.Sprintf("[%d]%s", k, name)] = list
			}
		}
		if len(v) > 0 {
			out[" without the last"] = v[:len(v)-1]
			out[" with the last twice"] = append(slices.Clone(v), v[len(v)-1])
		}
		if len(v) > 1 {
			list := slices.Clone(v)
			list[0], list[1] = list[1], list[0]
			out[" in another order"] = list
		}
	case map[any]any:
		without := func(drop any) map[any]any {
			m := map[any]any{}
			for key, value := range v {
				if key != drop {
					m[key] = value
				}
			}
			return m
		}
		for key, value := range v {
			for name, changed := range mutations(value) {
				m := without(key)
				m[key] = changed
				out[fmt.Sprintf(".%v%s", key, name)] = m
			}
			out[fmt.Sprintf(" without .%v", key)] = without(key)
			for _, other := range []uint64{0, 99} {
				m := without(key)
				m[other] = value
				out[fmt.Sprintf(" with .%v in the place of .%v", other, key)] = m
			}
		}
		more := without(nil)
		more[uint64(99)] = uint64(1)
		out[" with one key more"] = more
	default:
		panic(fmt.Sprintf("%T", v))
	}
	return out
}

// tampered returns the encodings of all mutations of an encoded value.
func tampered(t testing.TB, data []byte) map[string][]byte {
	t.Helper()
	var v any
	if err := cbor.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	mode, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		t.Fatal(err)
	}
	same, err := mode.Marshal(v)
	if err != nil || !bytes.Equal(same, data) {
		t.Fatalf("not the deterministic encoding: %v", err)
	}
	out := map[string][]byte{}
	for name, changed := range mutations(v) {
		if out[name], err = mode.Marshal(changed); err != nil {
			t.Fatal(err)
		}
	}
	if len(out) < 20 {
		t.Fatalf("only %d mutations", len(out))
	}
	return out
}

// victim runs what is left of a finished deal for party i and returns its error. Party 2's message of the given round
// comes tampered with.
func victim(all table, i, round int, message []byte) (err error) {
	sessions := all[i].sessions
	for step := round + 1; step <= 4 && err == nil; step++ {
		messages := all.sent(step-1, i)
		if step-1 == round {
			messages[2] = message
		}
		switch step {
		case 2:
			sessions[2], _, err = deal.Round2(sessions[1], messages)
		case 3:
			sessions[3], _, err = deal.Round3(sessions[2], messages, rand.Reader)
		case 4:
			_, err = deal.Finish(sessions[3], messages)
		}
	}
	return err
}

func TestTamperedMessage(t *testing.T) {
	old := keygen(2, 1, 2, 3).run(t, 4)
	for name, all := range map[string]table{
		"keygen":                  keygen(2, 1, 2, 3).run(t, 3),
		"import, not contributor": importing(old[1].share.X, nil, 3, 2, 1, 2, 3).run(t, 3),
		"reshare":                 resharing(old, []int{1, 2}, 2, 1, 2, 3).run(t, 3),
	} {
		for round := 1; round <= 3; round++ {
			t.Run(fmt.Sprintf("%s, round %d", name, round), func(t *testing.T) {
				for what, message := range tampered(t, all[2].messages[round]) {
					wantBlame(t, what, victim(all, 1, round, message))
				}
			})
		}
	}
}

// Whoever it is whose message is changed on its way, and whoever gets it: the sender is the one named.
func TestTamperedMessageToAll(t *testing.T) {
	for round := 1; round <= 3; round++ {
		all := keygen(2, 1, 2, 3).run(t, round)
		honest := all[2].messages[round]
		changed := bytes.Clone(honest)
		changed[len(changed)-1] ^= 1 // of the ephemeral key, of the box for party 3, of the confirmation
		for step := round + 1; step <= 4; step++ {
			if step-1 == round {
				all[2].messages[round] = changed
			}
			var errs []error
			for _, i := range []int{1, 3} {
				errs = append(errs, all.step(step, i))
			}
			all[2].messages[round] = honest
			if err := cmp.Or(errs[0], errs[1]); err != nil {
				wantBlame(t, fmt.Sprint("round ", round), err)
				break
			} else if step == 4 {
				t.Errorf("round %d: no error", round)
			}
			if err := all.step(step, 2); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestFlippedBits(t *testing.T) {
	all := keygen(2, 1, 2, 3).run(t, 3)
	for round := 1; round <= 3; round++ {
		for bit := 0; bit < 8*len(all[2].messages[round]); bit += 41 {
			message := bytes.Clone(all[2].messages[round])
			message[bit/8] ^= 1 << (bit % 8)
			wantBlame(t, fmt.Sprint(" bit ", bit), victim(all, 1, round, message))
		}
	}
}

func wantBlame(t *testing.T, what string, err error) {
	t.Helper()
	if e, ok := err.(*wire.Error); !ok || e.Code != wire.CodeParty || e.Party != 2 {
		t.Fatalf("message%s: %#v", what, err)
	}
}

func TestTamperedSession(t *testing.T) {
	all := keygen(2, 1, 2, 3).run(t, 4)
	// A session is the party's own, and sealed where others keep it. Its decoder must stand anything all the same.
	for what, session := range tampered(t, all[1].sessions[1]) {
		if _, _, err := deal.Round2(session, all.sent(1, 1)); err != nil && wire.CodeOf(err) == wire.CodeInternal {
			t.Errorf("session 1%s: %v", what, err)
		}
	}
	for what, session := range tampered(t, all[1].sessions[2]) {
		if _, _, err := deal.Round3(session, all.sent(2, 1), rand.Reader); err != nil && wire.CodeOf(err) == wire.CodeInternal {
			t.Errorf("session 2%s: %v", what, err)
		}
	}
	for what, session := range tampered(t, all[1].sessions[3]) {
		// Nothing but the seeds of the zero-sharing can be another and pass.
		share, err := deal.Finish(session, all.sent(3, 1))
		if err == nil && (share.ID != all[1].share.ID || share.X.Equal(all[1].share.X) != 1) {
			t.Errorf("session 3%s leads to another share", what)
		}
	}
}
