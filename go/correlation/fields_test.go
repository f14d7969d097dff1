package correlation

import (
	"testing"

	"tandem/go/internal/wiretest"
)

func TestFields(t *testing.T) {
	wiretest.All(t,
		new(correlationMessage),
		new(requestMessage),
		new(answerMessage),
		new(sessionState),
		new(Message),
	)
}
