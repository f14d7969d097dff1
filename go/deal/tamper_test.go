package deal_test

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"fmt"
	"testing"

	"tandem/go/deal"
	"tandem/go/internal/tamper"
	"tandem/go/wire"
)

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
				for _, change := range tamper.All(t, all[2].messages[round]) {
					wantBlame(t, change.Where, victim(all, 1, round, change.Bytes))
				}
			})
		}
	}
}

// If a message is changed on its way, the error names its sender, no matter who sent it and who receives it.
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
	// A session is the party's own, and sealed where others keep it. Its decoder must still withstand anything.
	for _, change := range tamper.All(t, all[1].sessions[1]) {
		if _, _, err := deal.Round2(change.Bytes, all.sent(1, 1)); err != nil && wire.CodeOf(err) == wire.CodeInternal {
			t.Errorf("session 1%s: %v", change.Where, err)
		}
	}
	for _, change := range tamper.All(t, all[1].sessions[2]) {
		if _, _, err := deal.Round3(change.Bytes, all.sent(2, 1), rand.Reader); err != nil && wire.CodeOf(err) == wire.CodeInternal {
			t.Errorf("session 2%s: %v", change.Where, err)
		}
	}
	for _, change := range tamper.All(t, all[1].sessions[3]) {
		// Nothing but the seeds of the zero-sharing can be another and pass.
		share, err := deal.Finish(change.Bytes, all.sent(3, 1))
		if err == nil && (share.ID != all[1].share.ID || share.X.Equal(all[1].share.X) != 1) {
			t.Errorf("session 3%s leads to another share", change.Where)
		}
	}
}
