package main

import (
	"testing"

	"tandem/go/internal/wiretest"
)

func TestFields(t *testing.T) {
	wiretest.All(t,
		new(recoverInput),
		new(recoverOutput),
	)
}
