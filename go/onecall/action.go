package onecall

import (
	"io"
	"slices"

	"tandem/go/correlation"
	"tandem/go/deal"
	"tandem/go/secp256k1"
	"tandem/go/transcript"
	"tandem/go/wire"
)

// Respond answers the request of the party peer to sign the digests under the key derived by path, with a response of some
// 5 KB for one digest and 22 KB for eight. The caller must have computed the digests itself, from what it agreed to sign. inputs
// stands for all else that it read, a hash of it, or nothing; it goes into the randomness alone. rand gives the 32 fresh bytes
// of a hedged stream.
//
// Whether it answers depends on the arguments other than share's secret, never on the secret: an error has code input if the
// path or the request does not parse, a point or a proof of it is not valid, there is not one D for each digest or the key
// does not have threshold 2, and code identity if the request is for another key or other signers. The code is internal if
// rand fails.
func Respond(
	share *deal.KeyShare, peer int, digests [][32]byte, path string, request, inputs []byte, rand io.Reader,
) (response []byte, err error) {
	tA, err := share.Summand(peer)
	if err != nil {
		return nil, err
	}
	defer tA.Clear()
	p, err := decodeRequest(request, share, peer, digests, path)
	if err != nil {
		return nil, err
	}
	n := p.instance
	tA.Add(tA, n.key.Tweak)
	a := correlation.NewAction(share.X, p.m.ID)
	defer a.Clear()
	stream, err := newStream(share, a, n, request, inputs, rand)
	if err != nil {
		return nil, err
	}
	defer stream.Clear()

	m := &responseMessage{
		Version: wire.Version,
		Kind:    kindResponse,
		SID:     n.sid,
		Digests: digests,
		Items:   make([]responseItem, len(digests)),
	}
	count := len(digests)
	alpha := make([]secp256k1.Scalar, count+1) // a_i, then â
	inverse := make([]secp256k1.Scalar, count) // 1/k_{A,i}
	r := make([]secp256k1.Scalar, count)
	defer clearScalars(alpha)
	defer clearScalars(inverse)
	for i, D := range p.d {
		k := stream.Scalar() // k'_i, then k_{A,i}
		defer k.Clear()
		rPrime := new(secp256k1.Point).ScalarMult(k, D)
		m.Items[i].RPrime = [33]byte(rPrime.Bytes())
		k.Add(k, hash(labelR, &n.ssid, i, rPrime))
		R := new(secp256k1.Point).ScalarMult(k, D)
		r[i] = *R.XScalar()
		proof, err := transcript.Prove(stream, labelProofA, D, k, contextA(&n.ssid, share.Index, i)...)
		if err != nil {
			return nil, internal(err)
		}
		m.Items[i].Proof = [64]byte(proof)
		inverse[i].Invert(k)
		alpha[i].Mul(&r[i], &inverse[i])
	}
	hat := stream.Scalar()
	alpha[count] = *hat
	hat.Clear()

	sent, t, w := a.Send(n.ssid[:], rho(&n.ssid, m.Items), alpha, correlation.NewGadget(&p.m.Seed, &p.m.ID))
	defer clearScalars(w)
	m.Tau, m.EtaHat, m.Mu = sent.Tau, sent.EtaHat, sent.Mu

	lambda, err := deal.Lagrange([]int{peer, share.Index}, peer)
	if err != nil {
		return nil, err
	}
	X, err := share.PublicShare(peer)
	if err != nil {
		return nil, err
	}
	TU := new(secp256k1.Point).ScalarMult(lambda, X)
	var eta, digest secp256k1.Scalar
	defer eta.Clear()
	for i := range w {
		w[i].MulAdd(&alpha[i], &p.delta, &w[i])
		gamma := new(secp256k1.Point).ScalarMult(&alpha[i], TU)
		gamma.Sub(gamma, new(secp256k1.Point).ScalarBaseMult(&w[i]))
		eta.MulAdd(&r[i], tA, digest.SetDigest(digests[i][:]))
		eta.MulAdd(&eta, &inverse[i], &w[i])
		mask := hash(labelGamma, &n.ssid, i, gamma)
		eta.Add(&eta, mask)
		mask.Clear()
		eta.PutBytes(m.Items[i].Eta[:])
	}
	key := a.MACKey()
	defer clear(key[:])
	m.MAC = m.mac(&key, &n.ssid, &t)
	return wire.Marshal(m)
}

// newStream returns the action's stream.
func newStream(
	share *deal.KeyShare, a *correlation.Action, n *instance, request, inputs []byte, rand io.Reader,
) (*transcript.Stream, error) {
	secret := make([]byte, 0, secp256k1.ScalarSize+len(a.Key))
	secret = append(append(secret, share.X.Bytes()...), a.Key...)
	defer clear(secret)
	received := transcript.Hash(labelInput, request, inputs)
	stream, err := transcript.NewStream(rand, labelAct, secret, slices.Concat(n.ssid[:], received[:]))
	if err != nil {
		return nil, internal(err)
	}
	return stream, nil
}

// proposal is a request whose fields were decoded.
type proposal struct {
	*instance
	m     *requestMessage
	delta secp256k1.Scalar
	d     []*secp256k1.Point
}

// decodeRequest accepts a request for this key, from peer to the share's party, whose proofs are right.
func decodeRequest(data []byte, share *deal.KeyShare, peer int, digests [][32]byte, path string) (*proposal, error) {
	m := new(requestMessage)
	if err := wire.Unmarshal(data, maxRequest, m); err != nil {
		return nil, err
	}
	if err := wire.Header(m.Version, m.Kind, kindRequest); err != nil {
		return nil, err
	}
	if m.KeyID != share.ID {
		return nil, wire.Errorf(wire.CodeIdentity, "the request is for another key, or for another sharing of this key")
	}
	if !slices.Equal(m.Signers, []int{peer, share.Index}) {
		return nil, wire.Errorf(wire.CodeIdentity, "the request is for other signers")
	}
	if len(m.Items) != len(digests) {
		return nil, wire.Errorf(wire.CodeInput, "the request is for %d digests, not for %d", len(m.Items), len(digests))
	}
	n, err := newInstance(&share.Key, peer, share.Index, m.ID, digests, path)
	if err != nil {
		return nil, err
	}
	p := &proposal{instance: n, m: m, d: make([]*secp256k1.Point, len(m.Items))}
	if _, err := p.delta.SetBytes(m.Delta[:]); err != nil {
		return nil, wire.Errorf(wire.CodeInput, "request: δ is not a scalar")
	}
	n.begin(&m.Nonce)
	n.bind(m)
	for i := range m.Items {
		item := &m.Items[i]
		if p.d[i], err = new(secp256k1.Point).SetBytes(item.D[:]); err != nil {
			return nil, wire.Errorf(wire.CodeInput, "request: D is not a point")
		}
		if !transcript.VerifyProof(labelProofU, secp256k1.NewGenerator(), p.d[i], item.Proof[:], contextU(&n.sid, peer, i)...) {
			return nil, wire.Errorf(wire.CodeInput, "request: the proof of k is wrong")
		}
	}
	return p, nil
}
