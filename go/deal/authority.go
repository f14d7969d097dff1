package deal

import (
	"io"

	"tandem/go/secp256k1"
	"tandem/go/transcript"
	"tandem/go/wire"
)

// Authorize returns a party's signature of a digest, 64 bytes: a Schnorr proof of its share with a label of its own, bound to
// the key id and the party's index. What an authority over a share signs, so that its holder deals (see doc.go), is in
// the digest. It is an error of code internal if rand fails.
func Authorize(share *KeyShare, digest [32]byte, rand io.Reader) ([]byte, error) {
	secret := share.X.Bytes()
	defer clear(secret)
	stream, err := transcript.NewStream(rand, labelAuthorize, secret, digest[:])
	if err != nil {
		return nil, wire.Errorf(wire.CodeInternal, "%v", err)
	}
	defer stream.Clear()
	context := authorized(&share.Key, share.Index, digest)
	signature, err := transcript.Prove(stream, labelAuthorize, secp256k1.NewGenerator(), share.X, context...)
	if err != nil {
		return nil, wire.Errorf(wire.CodeInternal, "%v", err)
	}
	return signature, nil
}

// CheckAuthorized returns an error of code input unless signature is party i's of the digest. All it uses is public.
func (k *Key) CheckAuthorized(i int, digest [32]byte, signature []byte) error {
	X, err := k.PublicShare(i)
	if err != nil {
		return err
	}
	if !transcript.VerifyProof(labelAuthorize, secp256k1.NewGenerator(), X, signature, authorized(k, i, digest)...) {
		return wire.Errorf(wire.CodeInput, "this is not party %d's signature", i)
	}
	return nil
}

func authorized(key *Key, i int, digest [32]byte) [][]byte {
	return [][]byte{key.ID[:], transcript.U32(i), digest[:]}
}
