package dkls23

import (
	"testing"

	"tandem/go/internal/wiretest"
)

func TestFields(t *testing.T) {
	wiretest.All(t,
		new(round1Message),
		new(round2Message),
		new(contents),
		new(round3Message),
		new(part),
		new(session1),
		new(session2),
		new(session3),
		new(terms),
	)
}
