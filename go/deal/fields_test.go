package deal

import (
	"testing"

	"tandem/go/internal/wiretest"
)

func TestFields(t *testing.T) {
	wiretest.All(t,
		new(dealer),
		new(round1Message),
		new(round2Message),
		new(opening),
		new(round3Message),
		new(terms),
		new(session1),
		new(session2),
		new(peer),
		new(session3),
		new(Info),
		new(keyFields),
		new(keyMessage),
		new(shareMessage),
	)
}
