// Package bip32 derives child keys from a public key and its chain code: the non-hardened part of BIP32, the only part that
// is possible when nobody holds the private key. A derivation is a tweak that is added to the key: a child's private key is
// the parent's plus the tweak, so the signers for the child add the tweak to one share.
package bip32

import (
	"math"
	"strings"

	"tandem/go/internal/mac"
	"tandem/go/internal/sha2"
	"tandem/go/secp256k1"
	"tandem/go/transcript"
	"tandem/go/wire"
)

const (
	// ChainCodeSize is the length of a chain code in bytes.
	ChainCodeSize = 32
	// MaxDepth is the longest path: BIP32 counts depth in one byte.
	MaxDepth = 255
	// hardened is the first hardened index.
	hardened = 1 << 31
)

// ParsePath returns the indices of a path such as "m/0/5". The empty path and "m" are those of the key itself. An index is a
// decimal number below 2^31 without sign or leading zeros. An error has code input; a hardened index (0', 0h) is one.
func ParsePath(path string) ([]uint32, error) {
	if path == "" || path == "m" {
		return nil, nil
	}
	rest, ok := strings.CutPrefix(path, "m/")
	if !ok {
		return nil, wire.Errorf(wire.CodeInput, "derivation path \"%s\" does not begin with m/", path)
	}
	steps := strings.Split(rest, "/")
	if len(steps) > MaxDepth {
		return nil, wire.Errorf(wire.CodeInput, "derivation path of %d steps, at most %d are possible", len(steps), MaxDepth)
	}
	indices := make([]uint32, len(steps))
	for i, step := range steps {
		if strings.HasSuffix(step, "'") || strings.HasSuffix(step, "h") || strings.HasSuffix(step, "H") {
			return nil, wire.Errorf(wire.CodeInput,
				"step \"%s\" of the derivation path is hardened: that takes the whole private key, which nobody has", step)
		}
		index, ok := decimal(step)
		if !ok {
			return nil, wire.Errorf(wire.CodeInput, "step \"%s\" of the derivation path is not an index", step)
		}
		if index >= hardened {
			return nil, wire.Errorf(wire.CodeInput, "step \"%s\" of the derivation path is not below 2^31", step)
		}
		indices[i] = uint32(index)
	}
	return indices, nil
}

// decimal returns the number of 32 bits that s is, without leading zeros. Package strconv has much more to compile.
func decimal(s string) (n uint64, ok bool) {
	if s == "" || len(s) > len("4294967295") || s[0] == '0' && s != "0" {
		return 0, false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = 10*n + uint64(s[i]-'0')
	}
	return n, n <= math.MaxUint32
}

// Child is what Derive returns.
type Child struct {
	Tweak     *secp256k1.Scalar // the child's private key minus that of the key it was derived from
	Q         *secp256k1.Point  // the child's public key
	ChainCode []byte            // the child's chain code, 32 bytes
}

// Derive follows a path of non-hardened indices from the public key q and its chain code of 32 bytes. An error has code
// input: an index is hardened, or a step gives no valid key (BIP32 says to use the next index), which has negligible
// probability.
func Derive(q *secp256k1.Point, chainCode []byte, path []uint32) (*Child, error) {
	child := &Child{new(secp256k1.Scalar), new(secp256k1.Point).Set(q), chainCode}
	for _, index := range path {
		if index >= hardened {
			return nil, wire.Errorf(wire.CodeInput, "derivation index %d is hardened", index)
		}
		sum := make([]byte, 64)
		mac.HMAC(sum, sha2.New512(), child.ChainCode, child.Q.Bytes(), transcript.U32(int(index)))
		tweak, err := new(secp256k1.Scalar).SetBytes(sum[:32])
		if err != nil {
			return nil, wire.Errorf(wire.CodeInput, "derivation index %d gives no key", index)
		}
		child.Tweak.Add(child.Tweak, tweak)
		child.Q.Add(child.Q, new(secp256k1.Point).ScalarBaseMult(tweak))
		child.ChainCode = sum[32:]
		if child.Q.IsIdentity() == 1 {
			return nil, wire.Errorf(wire.CodeInput, "derivation index %d gives no key", index)
		}
	}
	return child, nil
}
