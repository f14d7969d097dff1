package random

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

func TestFill(t *testing.T) {
	source := func() io.Reader { return bytes.NewReader([]byte{1, 2, 3, 4}) }
	for name, rand := range map[string]io.Reader{
		"whole":             source(),
		"byte by byte":      iotest.OneByteReader(source()),
		"end with the last": iotest.DataErrReader(source()),
	} {
		b := make([]byte, 4)
		if err := Fill(rand, b); err != nil || !bytes.Equal(b, []byte{1, 2, 3, 4}) {
			t.Errorf("%s: got %v, %v", name, b, err)
		}
		if err := Fill(rand, nil); err != nil {
			t.Errorf("%s: nothing asked for: %v", name, err)
		}
		if err := Fill(rand, make([]byte, 1)); err != io.EOF {
			t.Errorf("%s, at its end: got %v", name, err)
		}
	}
	if err := Fill(iotest.DataErrReader(source()), make([]byte, 5)); err != io.EOF {
		t.Errorf("too short: got %v", err)
	}
	failed := errors.New("failed")
	if err := Fill(iotest.ErrReader(failed), make([]byte, 1)); err != failed {
		t.Errorf("got %v, want %v", err, failed)
	}
}
