package onecall

import (
	"testing"

	"tandem/go/internal/wiretest"
)

func TestFields(t *testing.T) {
	wiretest.All(t,
		new(requestMessage),
		new(requestItem),
		new(responseMessage),
		new(responseItem),
		new(sessionState),
		new(sessionItem),
	)
}
