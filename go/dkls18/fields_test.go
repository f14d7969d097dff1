package dkls18

import (
	"testing"

	"tandem/go/internal/wiretest"
)

func TestFields(t *testing.T) {
	wiretest.All(t,
		new(requestMessage),
		new(responseMessage),
		new(sessionState),
	)
}
