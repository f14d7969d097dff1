package rounds

import (
	"errors"
	"testing"

	"tandem/go/wire"
)

func party(err error) int {
	var e *wire.Error
	if errors.As(err, &e) {
		return e.Party
	}
	return 0
}

func TestExpect(t *testing.T) {
	of := func(parties ...int) map[int][]byte {
		m := map[int][]byte{}
		for _, i := range parties {
			m[i] = nil
		}
		return m
	}
	for name, c := range map[string]struct {
		messages map[int][]byte
		self     int
		code     string
	}{
		"all":             {of(1, 2, 3), 2, ""},
		"without one's":   {of(1, 3), 2, ""},
		"one missing":     {of(2, 3), 2, wire.CodeInput},
		"one too many":    {of(1, 2, 3, 4), 2, wire.CodeInput},
		"another instead": {of(1, 4), 2, wire.CodeInput},
		"nobody's own":    {of(1, 2, 3), 0, ""},
		"a stranger's":    {of(0, 1, 2, 3), 0, wire.CodeInput},
	} {
		if err := Expect(c.messages, []int{1, 2, 3}, c.self); wire.CodeOf(err) != c.code || party(err) != 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSender(t *testing.T) {
	if err := Sender(3, 3); err != nil {
		t.Error(err)
	}
	if err := Sender(2, 3); wire.CodeOf(err) != wire.CodeInput {
		t.Errorf("another sender: %v", err)
	}
}

// No party is accused of a fault of this program.
func TestAudit8BlameSparesInternalErrors(t *testing.T) {
	for _, err := range []error{wire.Errorf(wire.CodeInternal, "broken"), errors.New("unknown")} {
		if got := Blame(3, err); got != err || party(got) != 0 {
			t.Errorf("%v became %v", err, got)
		}
	}
	for _, code := range []string{wire.CodeInput, wire.CodeCheck, wire.CodeIdentity} {
		if got := Blame(3, wire.Errorf(code, "wrong")); wire.CodeOf(got) != wire.CodeParty || party(got) != 3 {
			t.Errorf("code %s became %v", code, got)
		}
	}
}
