// Package vectors keeps the test vectors that pin the wire format, in test/vectors. It is for tests.
package vectors

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "write the vectors again")

// Compare fails the test if value, as JSON, is not what the file of that name says. With -update it writes the file
// instead. It is for the tests of a package right below go.
func Compare(t *testing.T, name string, value any) {
	t.Helper()
	encoded, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	encoded = append(encoded, '\n')
	file := filepath.Join("..", "..", "test", "vectors", name)
	if *update {
		if err := os.WriteFile(file, encoded, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(encoded, want) {
		t.Errorf("not what %s says: the wire format has changed. If that is meant, run with -update", file)
	}
}
