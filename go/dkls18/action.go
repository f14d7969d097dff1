package dkls18

import (
	"io"
	"slices"

	"tandem/go/deal"
	"tandem/go/secp256k1"
	"tandem/go/transcript"
	"tandem/go/vole"
	"tandem/go/wire"
)

// Respond answers the request of the party peer to sign digest under the key derived by path, with a response of some 67 KB.
// The caller must have computed the digest itself, from what it agreed to sign. rand gives the 32 fresh bytes of a hedged
// stream.
//
// Whether it answers depends on the arguments other than share's secret, never on the secret: an error has code input if
// the path or the request does not parse, a point of it is not valid or the key does not have threshold 2, and code
// identity if the request is for another key or other signers. The code is internal if rand fails.
func Respond(
	share *deal.KeyShare, peer int, digest [32]byte, path string, request []byte, rand io.Reader,
) (response []byte, err error) {
	tA, err := share.Summand(peer)
	if err != nil {
		return nil, err
	}
	defer tA.Clear()
	p, err := decodeRequest(request, share, peer)
	if err != nil {
		return nil, err
	}
	n, err := newInstance(&share.Key, p.sid, digest, path)
	if err != nil {
		return nil, err
	}
	tA.Add(tA, n.key.Tweak)

	secret := share.X.Bytes()
	defer clear(secret)
	stream, err := transcript.NewStream(rand, labelAct, secret, slices.Concat(n.ssid[:], request))
	if err != nil {
		return nil, internal(err)
	}
	defer stream.Clear()

	// R' = k'·D, k_A = H(R') + k', R = k_A·D
	kA := stream.Scalar()
	defer kA.Clear()
	rPrime := new(secp256k1.Point).ScalarMult(kA, p.d)
	kA.Add(kA, n.hash(labelR, rPrime))
	R := new(secp256k1.Point).ScalarMult(kA, p.d)
	r := R.XScalar()
	proof, err := transcript.Prove(stream, labelProof, p.d, kA, n.context(share.Index)...)
	if err != nil {
		return nil, internal(err)
	}

	phi := stream.Scalar()
	defer phi.Clear()
	inputs := [][]secp256k1.Scalar{make([]secp256k1.Scalar, 2), make([]secp256k1.Scalar, 1)}
	a0, a1, inverse := &inputs[0][0], &inputs[0][1], &inputs[1][0]
	inverse.Invert(kA)
	a0.Add(phi, inverse)
	a1.Mul(tA, inverse)
	for _, input := range inputs {
		defer clear(input)
	}
	sent, c, err := vole.Send(layout, p.sid[:], n.ssid[:], p.ot, inputs, stream)
	if err != nil {
		return nil, err
	}

	// t1 = c_1, t2 = c_2 + c_3 + δ/k_A
	t1, t2 := &c[0][0], &c[0][1]
	t2.Add(t2, &c[1][0])
	t2.MulAdd(&p.delta, inverse, t2)

	// Γ1 = (1 + φ k_A)·G - t1·R, η_φ = H1(Γ1) + φ
	k := new(secp256k1.Scalar).SetUint64(1)
	k.MulAdd(phi, kA, k)
	gamma, point := new(secp256k1.Point).ScalarBaseMult(k), new(secp256k1.Point).ScalarMult(t1, R)
	gamma.Sub(gamma, point)
	etaPhi := n.hash(labelG1, gamma)
	etaPhi.Add(etaPhi, phi)

	// Γ2 = t1·Q - t2·G, η_σ = H2(Γ2) + m t1 + r t2
	gamma.ScalarMult(t1, n.key.Q)
	gamma.Sub(gamma, point.ScalarBaseMult(t2))
	etaSigma := n.hash(labelG2, gamma)
	etaSigma.MulAdd(n.m, t1, etaSigma)
	etaSigma.MulAdd(r, t2, etaSigma)

	for _, scalar := range []*secp256k1.Scalar{k, t1, t2, &c[1][0]} {
		scalar.Clear()
	}
	gamma.Clear()
	point.Clear()
	return wire.Marshal((&responseMessage{
		SID:      p.sid,
		Digest:   digest,
		Path:     n.path,
		RPrime:   [33]byte(rPrime.Bytes()),
		Proof:    [64]byte(proof),
		B:        [33]byte(sent.B.Bytes()),
		RVOLE:    sent.Messages,
		EtaPhi:   [32]byte(etaPhi.Bytes()),
		EtaSigma: [32]byte(etaSigma.Bytes()),
	}).Fields)
}

// proposal is a request whose fields were decoded.
type proposal struct {
	sid   [32]byte
	ot    []byte
	d     *secp256k1.Point
	delta secp256k1.Scalar
}

// decodeRequest accepts a request for this key, from peer to the share's party.
func decodeRequest(data []byte, share *deal.KeyShare, peer int) (*proposal, error) {
	var m requestMessage
	if err := wire.Unmarshal(data, maxRequest, m.Fields); err != nil {
		return nil, err
	}
	if m.KeyID != share.ID {
		return nil, wire.Errorf(wire.CodeIdentity, "the request is for another key, or for another sharing of this key")
	}
	if !slices.Equal(m.Signers, []int{peer, share.Index}) {
		return nil, wire.Errorf(wire.CodeIdentity, "the request is for other signers")
	}
	var err error
	p := &proposal{sid: sessionID(share.ID, peer, share.Index, m.Nonce), ot: m.OT}
	if p.d, err = new(secp256k1.Point).SetBytes(m.D[:]); err != nil {
		return nil, wire.Errorf(wire.CodeInput, "request: D is not a point")
	}
	if _, err = p.delta.SetBytes(m.Delta[:]); err != nil {
		return nil, wire.Errorf(wire.CodeInput, "request: δ is not a scalar")
	}
	return p, nil
}
