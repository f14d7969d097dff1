package bip32_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"tandem/go/bip32"
	"tandem/go/secp256k1"
	"tandem/go/wire"
)

// The non-hardened steps of the test vectors of BIP32.
var vectors = []struct {
	name, parent, path, child string
}{
	{
		"1: m/0H -> 1",
		"xpub68Gmy5EdvgibQVfPdqkBBCHxA5htiqg55crXYuXoQRKfDBFA1WEjWgP6LHhwBZeNK1VTsfTFUHCdrfp1bgwQ9xv5ski8PX9rL2dZXvgGDnw",
		"m/1",
		"xpub6ASuArnXKPbfEwhqN6e3mwBcDTgzisQN1wXN9BJcM47sSikHjJf3UFHKkNAWbWMiGj7Wf5uMash7SyYq527Hqck2AxYysAA7xmALppuCkwQ",
	},
	{
		"1: m/0H/1/2H -> 2",
		"xpub6D4BDPcP2GT577Vvch3R8wDkScZWzQzMMUm3PWbmWvVJrZwQY4VUNgqFJPMM3No2dFDFGTsxxpG5uJh7n7epu4trkrX7x7DogT5Uv6fcLW5",
		"m/2",
		"xpub6FHa3pjLCk84BayeJxFW2SP4XRrFd1JYnxeLeU8EqN3vDfZmbqBqaGJAyiLjTAwm6ZLRQUMv1ZACTj37sR62cfN7fe5JnJ7dh8zL4fiyLHV",
	},
	{
		"1: m/0H/1/2H -> 2/1000000000",
		"xpub6D4BDPcP2GT577Vvch3R8wDkScZWzQzMMUm3PWbmWvVJrZwQY4VUNgqFJPMM3No2dFDFGTsxxpG5uJh7n7epu4trkrX7x7DogT5Uv6fcLW5",
		"m/2/1000000000",
		"xpub6H1LXWLaKsWFhvm6RVpEL9P4KfRZSW7abD2ttkWP3SSQvnyA8FSVqNTEcYFgJS2UaFcxupHiYkro49S8yGasTvXEYBVPamhGW6cFJodrTHy",
	},
	{
		"2: m -> 0",
		"xpub661MyMwAqRbcFW31YEwpkMuc5THy2PSt5bDMsktWQcFF8syAmRUapSCGu8ED9W6oDMSgv6Zz8idoc4a6mr8BDzTJY47LJhkJ8UB7WEGuduB",
		"m/0",
		"xpub69H7F5d8KSRgmmdJg2KhpAK8SR3DjMwAdkxj3ZuxV27CprR9LgpeyGmXUbC6wb7ERfvrnKZjXoUmmDznezpbZb7ap6r1D3tgFxHmwMkQTPH",
	},
	{
		"2: m/0/2147483647H -> 1",
		"xpub6ASAVgeehLbnwdqV6UKMHVzgqAG8Gr6riv3Fxxpj8ksbH9ebxaEyBLZ85ySDhKiLDBrQSARLq1uNRts8RuJiHjaDMBU4Zn9h8LZNnBC5y4a",
		"m/1",
		"xpub6DF8uhdarytz3FWdA8TvFSvvAh8dP3283MY7p2V4SeE2wyWmG5mg5EwVvmdMVCQcoNJxGoWaU9DCWh89LojfZ537wTfunKau47EL2dhHKon",
	},
	{
		"2: m/0/2147483647H/1/2147483646H -> 2",
		"xpub6ERApfZwUNrhLCkDtcHTcxd75RbzS1ed54G1LkBUHQVHQKqhMkhgbmJbZRkrgZw4koxb5JaHWkY4ALHY2grBGRjaDMzQLcgJvLJuZZvRcEL",
		"m/2",
		"xpub6FnCn6nSzZAw5Tw7cgR9bi15UV96gLZhjDstkXXxvCLsUXBGXPdSnLFbdpq8p9HmGsApME5hQTZ3emM2rnY5agb9rXpVGyy3bdW6EEgAtqt",
	},
}

func TestVectors(t *testing.T) {
	for _, vector := range vectors {
		q, chainCode := decodeKey(t, vector.parent)
		wantQ, wantChainCode := decodeKey(t, vector.child)
		path, err := bip32.ParsePath(vector.path)
		if err != nil {
			t.Fatal(err)
		}
		child, err := bip32.Derive(q, chainCode, path)
		if err != nil {
			t.Fatal(err)
		}
		if child.Q.Equal(wantQ) != 1 || !bytes.Equal(child.ChainCode, wantChainCode) {
			t.Errorf("%s: got %x, want %x", vector.name, child.Q.Bytes(), wantQ.Bytes())
		}
		shifted := new(secp256k1.Point).ScalarBaseMult(child.Tweak)
		if shifted.Add(shifted, q).Equal(wantQ) != 1 {
			t.Errorf("%s: the tweak does not lead to the child", vector.name)
		}
	}
}

// decodeKey decodes an extended public key: base58 of version (4), depth (1), fingerprint (4), index (4), chain code (32),
// key (33) and the first 4 bytes of a double SHA-256.
func decodeKey(t *testing.T, s string) (*secp256k1.Point, []byte) {
	t.Helper()
	const alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
	n := new(big.Int)
	for _, c := range s {
		n.Mul(n, big.NewInt(58))
		n.Add(n, big.NewInt(int64(strings.IndexRune(alphabet, c))))
	}
	b := n.FillBytes(make([]byte, 82))
	once := sha256.Sum256(b[:78])
	if twice := sha256.Sum256(once[:]); !bytes.Equal(twice[:4], b[78:]) || binary.BigEndian.Uint32(b) != 0x0488b21e {
		t.Fatalf("not an extended public key: %s", s)
	}
	q, err := new(secp256k1.Point).SetBytes(b[45:78])
	if err != nil {
		t.Fatal(err)
	}
	return q, b[13:45]
}

func TestNoPath(t *testing.T) {
	q, chainCode := decodeKey(t, vectors[0].parent)
	for _, path := range []string{"", "m"} {
		indices, err := bip32.ParsePath(path)
		if err != nil || len(indices) != 0 {
			t.Fatalf("%q: %v, %v", path, indices, err)
		}
		child, err := bip32.Derive(q, chainCode, indices)
		if err != nil || child.Q.Equal(q) != 1 || child.Tweak.IsZero() != 1 || !bytes.Equal(child.ChainCode, chainCode) {
			t.Errorf("%q: not the key itself (%v)", path, err)
		}
	}
}

func TestParsePath(t *testing.T) {
	for _, test := range []struct {
		path string
		want string
	}{
		{"m/0", "[0]"},
		{"m/0/5", "[0 5]"},
		{"m/2147483647", "[2147483647]"},
		{"m" + strings.Repeat("/7", bip32.MaxDepth), "[7" + strings.Repeat(" 7", bip32.MaxDepth-1) + "]"},
	} {
		if got, err := bip32.ParsePath(test.path); err != nil || fmt.Sprint(got) != test.want {
			t.Errorf("%q: got %v, %v", test.path, got, err)
		}
	}
	for _, path := range []string{
		"m/", "/", "0", "0/5", "M/0", "m/0/", "m//0", "/m/0", "m/ 0", " m", "m/+1", "m/-1", "m/01", "m/0x1", "m/1_0", "m/a",
		"m/2147483648", "m/4294967296", "m/99999999999999999999", "m/0'", "m/0h", "m/0H", "m/44'/60'/0'/0/0", "m/١",
		"m" + strings.Repeat("/7", bip32.MaxDepth+1),
	} {
		if got, err := bip32.ParsePath(path); wire.CodeOf(err) != wire.CodeInput {
			t.Errorf("%q: got %v, %v, want code input", path, got, err)
		}
	}
	if _, err := bip32.ParsePath("m/44'"); err == nil || !strings.Contains(err.Error(), "hardened") {
		t.Errorf("hardened step: %v", err)
	}
}

func TestDeriveRejectsHardened(t *testing.T) {
	q, chainCode := decodeKey(t, vectors[0].parent)
	if _, err := bip32.Derive(q, chainCode, []uint32{1, 1 << 31}); wire.CodeOf(err) != wire.CodeInput {
		t.Errorf("got %v, want code input", err)
	}
}

// A path that parses is the path that its indices spell.
func FuzzParsePath(f *testing.F) {
	for _, path := range []string{"", "m", "m/0", "m/0/5", "m/44'/60'", "m/2147483648"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		indices, err := bip32.ParsePath(path)
		if err != nil || len(indices) == 0 {
			return
		}
		spelled := "m"
		for _, index := range indices {
			spelled += fmt.Sprintf("/%d", index)
		}
		if spelled != path {
			t.Errorf("%q parsed as %q", path, spelled)
		}
	})
}

func ExampleDerive() {
	key := secp256k1.NewGenerator() // the public key of the private key 1
	path, err := bip32.ParsePath("m/0/5")
	if err != nil {
		panic(err)
	}
	child, err := bip32.Derive(key, make([]byte, bip32.ChainCodeSize), path)
	if err != nil {
		panic(err)
	}
	private := new(secp256k1.Scalar).SetUint64(1)
	private.Add(private, child.Tweak)
	fmt.Println(new(secp256k1.Point).ScalarBaseMult(private).Equal(child.Q))
	// Output: 1
}
