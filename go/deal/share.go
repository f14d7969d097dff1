package deal

import (
	"slices"

	"tandem/go/internal/keccak"
	"tandem/go/secp256k1"
	"tandem/go/transcript"
	"tandem/go/wire"
)

// Key is what is public about a shared key.
type Key struct {
	Threshold    int                // t: this many parties sign
	Parties      []int              // ascending
	Epoch        uint32             // counts the reshares; not in the ID, see DecodeKeyShare
	Q            *secp256k1.Point   // the public key
	PublicShares []*secp256k1.Point // X_k = x_k·G, in the order of Parties
	ChainCode    [32]byte           // of BIP32
	ID           [32]byte           // H(Q, chain code, t, Parties, X): names this sharing of this key
}

// KeyShare is one party's share of a key.
type KeyShare struct {
	Key
	Index int               // this party
	X     *secp256k1.Scalar // x, secret
	Seeds [][32]byte        // seeds of the zero-sharing, each common with one other party, in their order; secret
}

// Info is the public data of a key share, in the types of the wasm boundary.
type Info struct {
	Index     int
	Threshold int
	Parties   []int
	Epoch     uint32
	PublicKey []byte // 33 bytes
	Address   []byte // 20 bytes
	KeyID     []byte
	ChainCode []byte
}

// Fields names the fields to package wire.
func (i *Info) Fields(c *wire.Coder) {
	c.Name("epoch").Uint32(&i.Epoch)
	c.Name("index").Int(&i.Index)
	c.Name("keyId").Bytes(&i.KeyID)
	c.Name("address").Bytes(&i.Address)
	c.Name("parties").Ints(&i.Parties)
	c.Name("chainCode").Bytes(&i.ChainCode)
	c.Name("publicKey").Bytes(&i.PublicKey)
	c.Name("threshold").Int(&i.Threshold)
}

// newKey returns the key whose shares are f(k), F = f·G. It is an error if the key or a share is zero.
func newKey(threshold int, parties []int, epoch uint32, F feldman, chainCode [32]byte) (*Key, error) {
	key := &Key{Threshold: threshold, Parties: parties, Epoch: epoch, Q: F[0], ChainCode: chainCode}
	for _, i := range parties {
		key.PublicShares = append(key.PublicShares, F.at(i))
	}
	for _, p := range append(key.PublicShares, key.Q) {
		if p.IsIdentity() == 1 {
			return nil, wire.Errorf(wire.CodeInput, "the key or a share of it is zero")
		}
	}
	key.ID = key.id()
	return key, nil
}

func (k *Key) id() [32]byte {
	var X []byte
	for _, p := range k.PublicShares {
		X = append(X, p.Bytes()...)
	}
	return transcript.Hash(labelKey, k.Q.Bytes(), k.ChainCode[:], transcript.U32(k.Threshold), octets(k.Parties), X)
}

// check reports whether the key is one that a deal can have made: all X_k on one polynomial of degree t−1, with Q at
// zero, and the id that belongs to them.
func (k *Key) check() error {
	if err := checkQuorum(k.Threshold, k.Parties); err != nil {
		return err
	}
	if len(k.PublicShares) != len(k.Parties) {
		return wire.Errorf(wire.CodeInput, "not one public share for each party")
	}
	set, X := k.Parties[:k.Threshold], k.PublicShares[:k.Threshold]
	consistent := interpolates(set, X, 0, k.Q)
	for n := k.Threshold; n < len(k.Parties); n++ {
		consistent &= interpolates(set, X, k.Parties[n], k.PublicShares[n])
	}
	if consistent != 1 {
		return wire.Errorf(wire.CodeInput, "the public shares are not those of the public key")
	}
	if k.id() != k.ID {
		return wire.Errorf(wire.CodeInput, "the key id is not that of the key")
	}
	return nil
}

// PublicShare returns X_i, or an error of code input if i is not a party.
func (k *Key) PublicShare(i int) (*secp256k1.Point, error) {
	n, ok := slices.BinarySearch(k.Parties, i)
	if !ok {
		return nil, wire.Errorf(wire.CodeInput, "party %d has no share of this key", i)
	}
	return k.PublicShares[n], nil
}

// Address returns the Ethereum address of Q: the last 20 bytes of the Keccak-256 of its coordinates.
func (k *Key) Address() [20]byte {
	hash := keccak.Sum256(k.Q.Uncompressed()[1:])
	return [20]byte(hash[12:])
}

// Seed returns the 32-byte seed of the zero-sharing that this party has in common with party i, or an error of code
// input if i is not another party. The caller clears it after use.
func (s *KeyShare) Seed(i int) ([]byte, error) {
	n, ok := slices.BinarySearch(others(s.Parties, s.Index), i)
	if !ok {
		return nil, wire.Errorf(wire.CodeInput, "party %d is not another party of this key", i)
	}
	return slices.Clone(s.Seeds[n][:]), nil
}

// Info returns the public data of the share.
func (s *KeyShare) Info() *Info {
	address := s.Address()
	return &Info{
		Index:     s.Index,
		Threshold: s.Threshold,
		Parties:   slices.Clone(s.Parties),
		Epoch:     s.Epoch,
		PublicKey: s.Q.Bytes(),
		Address:   address[:],
		KeyID:     slices.Clone(s.ID[:]),
		ChainCode: slices.Clone(s.ChainCode[:]),
	}
}

// Clear forgets the secrets of the share.
func (s *KeyShare) Clear() {
	if s.X != nil {
		s.X.Clear()
	}
	clear(s.Seeds)
}

// others returns set without i.
func others(set []int, i int) []int {
	return slices.DeleteFunc(slices.Clone(set), func(j int) bool { return j == i })
}

// keyFields is a Key on the wire.
type keyFields struct {
	Threshold    int
	Parties      []int
	Epoch        uint32
	Q            point
	PublicShares []point
	ChainCode    [32]byte
	ID           [32]byte
}

// Fields names the fields to package wire.
func (k *keyFields) Fields(c *wire.Coder) {
	c.Key(1).Int(&k.Threshold)
	c.Key(2).Ints(&k.Parties)
	c.Key(3).Uint32(&k.Epoch)
	c.Key(4).Array(k.Q[:])
	wire.List(c.Key(5), &k.PublicShares)
	for i := range k.PublicShares {
		c.Array(k.PublicShares[i][:])
	}
	c.Key(6).Array(k.ChainCode[:])
	c.Key(7).Array(k.ID[:])
}

type keyMessage struct {
	Key keyFields
}

// Fields names the fields to package wire.
func (m *keyMessage) Fields(c *wire.Coder) {
	c.Header(kindKey)
	c.Key(3).Struct(m.Key.Fields)
}

type shareMessage struct {
	Key   keyFields
	Index int
	X     [32]byte
	Seeds [][32]byte
}

// Fields names the fields to package wire.
func (m *shareMessage) Fields(c *wire.Coder) {
	c.Header(kindShare)
	c.Key(3).Struct(m.Key.Fields)
	c.Key(4).Int(&m.Index)
	c.Key(5).Array(m.X[:])
	wire.List(c.Key(6), &m.Seeds)
	for i := range m.Seeds {
		c.Array(m.Seeds[i][:])
	}
}

func (k *Key) fields() keyFields {
	return keyFields{
		Threshold:    k.Threshold,
		Parties:      k.Parties,
		Epoch:        k.Epoch,
		Q:            point(k.Q.Bytes()),
		PublicShares: feldman(k.PublicShares).encode(),
		ChainCode:    k.ChainCode,
		ID:           k.ID,
	}
}

func (w *keyFields) key() (*Key, error) {
	points, err := decodePoints(append(w.PublicShares, w.Q))
	if err != nil {
		return nil, err
	}
	n := len(w.PublicShares)
	key := &Key{
		Threshold:    w.Threshold,
		Parties:      w.Parties,
		Epoch:        w.Epoch,
		Q:            points[n],
		PublicShares: points[:n:n],
		ChainCode:    w.ChainCode,
		ID:           w.ID,
	}
	return key, key.check()
}

// Encode returns the encoding of the key: about 110 + 37·n bytes.
func (k *Key) Encode() ([]byte, error) {
	return wire.Marshal((&keyMessage{k.fields()}).Fields)
}

// DecodeKey is the inverse of Encode. It accepts only what a deal can have made: the public shares are those of Q under
// the threshold, and the id is recomputed. Everything else is an error of code input.
func DecodeKey(data []byte) (*Key, error) {
	var m keyMessage
	if err := wire.Unmarshal(data, maxShare, m.Fields); err != nil {
		return nil, err
	}
	return m.Key.key()
}

// Encode returns the encoding of the share, a secret: about 115 + 71·n bytes.
func (s *KeyShare) Encode() ([]byte, error) {
	m := shareMessage{s.fields(), s.Index, [32]byte{}, s.Seeds}
	s.X.PutBytes(m.X[:])
	defer clear(m.X[:])
	return wire.Marshal(m.Fields)
}

// DecodeKeyShare is the inverse of Encode. It accepts only what a deal can have made: what DecodeKey checks, and that
// the secret is that of the party's public share. Everything else is an error of code input.
//
// The epoch it takes as it is written: unlike the rest of the key it is not in the key id, so a share says of any epoch
// that it is its own. It is authentic because of where a share comes from. A deal puts it there from the terms, which
// every participant hashes into the deal id, and which an authority signs where there is one. After that the share is
// kept under a seal whose associated data hold the epoch, or in its holder's encrypted file. Two epochs of one key still
// have different key ids, because every reshare makes other public shares.
func DecodeKeyShare(data []byte) (*KeyShare, error) {
	var m shareMessage
	defer m.clear()
	if err := wire.Unmarshal(data, maxShare, m.Fields); err != nil {
		return nil, err
	}
	key, err := m.Key.key()
	if err != nil {
		return nil, err
	}
	X, err := key.PublicShare(m.Index)
	if err != nil {
		return nil, err
	}
	x, err := new(secp256k1.Scalar).SetBytes(m.X[:])
	if err != nil {
		return nil, wire.Errorf(wire.CodeInput, "the secret is not that of the public share")
	}
	share := &KeyShare{Key: *key, Index: m.Index, X: x, Seeds: slices.Clone(m.Seeds)}
	if new(secp256k1.Point).ScalarBaseMult(x).Equal(X) != 1 {
		share.Clear()
		return nil, wire.Errorf(wire.CodeInput, "the secret is not that of the public share")
	}
	if len(m.Seeds) != len(key.Parties)-1 {
		share.Clear()
		return nil, wire.Errorf(wire.CodeInput, "not one seed for each other party")
	}
	return share, nil
}

func (m *shareMessage) clear() {
	clear(m.X[:])
	clear(m.Seeds)
}
