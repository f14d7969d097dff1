// Package random reads from a random source.
package random

import "io"

// Fill fills b from rand, or fails with what rand failed with. It is io.ReadFull without the comparison of errors, which brings
// 3 KB of reflection into the gzipped module.
func Fill(rand io.Reader, b []byte) error {
	for len(b) > 0 {
		n, err := rand.Read(b)
		b = b[n:]
		if err != nil && len(b) > 0 {
			return err
		}
	}
	return nil
}
