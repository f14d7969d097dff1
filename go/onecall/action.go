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
	p, err := decodeRequest(request, share, peer, digests, path)
	if err != nil {
		return nil, err
	}
	r := &responder{proposal: p, self: share.Index}
	defer r.clear()
	if err := r.draw(share, request, inputs, rand); err != nil {
		return nil, err
	}
	m := &responseMessage{
		SID:     p.sid,
		Digests: digests,
		Items:   make([]responseItem, len(digests)),
	}
	for i, D := range p.d {
		if err := r.nonce(i, D, &m.Items[i]); err != nil {
			return nil, internal(err)
		}
	}
	r.scalar(&r.alpha[len(p.d)])
	var t [32]byte
	m.Message, t, r.w = r.correlation.Send(
		p.ssid[:], m.rho(&p.ssid), r.alpha[:len(p.d)+1], correlation.NewGadget(&p.m.Seed, &p.m.ID))
	if err := r.answer(share, peer, digests, m.Items); err != nil {
		return nil, err
	}
	r.correlation.MACKey(&r.macKey)
	m.MAC = m.mac(&r.macKey, &p.ssid, &t)
	return wire.Marshal(m.Fields)
}

// responder is the action's side of an execution. It holds secrets: clear it.
type responder struct {
	*proposal
	self        int
	correlation *correlation.Action
	stream      *transcript.Stream

	r       [MaxDigests]secp256k1.Scalar
	alpha   [MaxDigests + 1]secp256k1.Scalar // a_i, then â
	inverse [MaxDigests]secp256k1.Scalar     // 1/k_{A,i}
	w       []secp256k1.Scalar               // V_i, then w_i

	k, t  secp256k1.Scalar
	point secp256k1.Point
	bytes [secp256k1.PointSize]byte

	macKey [32]byte
}

func (r *responder) clear() {
	if r.stream != nil {
		r.correlation.Clear()
		r.stream.Clear()
	}
	clearScalars(r.w)
	*r = responder{}
}

// draw begins the stream.
func (r *responder) draw(share *deal.KeyShare, request, inputs []byte, rand io.Reader) error {
	a := correlation.NewAction(share.X, r.m.ID)
	secret := make([]byte, secp256k1.ScalarSize, secp256k1.ScalarSize+len(a.Key))
	share.X.PutBytes(secret)
	secret = append(secret, a.Key...)
	defer clear(secret)
	received := transcript.Hash(labelInput, request, inputs)
	stream, err := transcript.NewStream(rand, labelAct, secret, slices.Concat(r.ssid[:], received[:]))
	if err != nil {
		a.Clear()
		return internal(err)
	}
	r.correlation, r.stream = a, stream
	return nil
}

// scalar draws k.
func (r *responder) scalar(k *secp256k1.Scalar) {
	drawn := r.stream.Scalar()
	k.Set(drawn)
	drawn.Clear()
}

// nonce makes R'_i, R_i, r_i, π_i and a_i.
func (r *responder) nonce(i int, D *transcript.Base, item *responseItem) error {
	k := &r.k
	r.scalar(k) // k'_i, then k_{A,i}
	D.ScalarMult(&r.point, k)
	r.point.PutBytes(item.RPrime[:])
	k.Add(k, hash(labelR, &r.ssid, i, item.RPrime[:]))
	D.ScalarMult(&r.point, k)
	r.point.PutBytes(r.bytes[:])
	r.r[i].SetDigest(r.bytes[1:])
	r.inverse[i].Invert(k)
	r.alpha[i].Mul(&r.r[i], &r.inverse[i])
	return D.Prove(item.Proof[:], r.stream, labelProofA, r.bytes[:], k, contextA(&r.ssid, r.self, i)...)
}

// answer makes the η_i.
func (r *responder) answer(share *deal.KeyShare, peer int, digests [][32]byte, items []responseItem) error {
	tA, err := share.Summand(peer)
	if err != nil {
		return err
	}
	defer tA.Clear()
	tA.Add(tA, r.key.Tweak)
	lambda, err := deal.Lagrange([]int{peer, share.Index}, peer)
	if err != nil {
		return err
	}
	X, err := share.PublicShare(peer)
	if err != nil {
		return err
	}
	TU := secp256k1.NewComb(X) // times λ
	var digest secp256k1.Scalar
	var wG secp256k1.Point
	for i := range r.w {
		w, a := &r.w[i], &r.alpha[i]
		w.MulAdd(a, &r.delta, w)
		TU.ScalarMult(&r.point, r.t.Mul(a, lambda))
		wG.ScalarBaseMult(w)
		r.point.Sub(&r.point, &wG)
		r.point.PutBytes(r.bytes[:])
		mask := hash(labelGamma, &r.ssid, i, r.bytes[:])
		r.t.MulAdd(&r.r[i], tA, digest.SetDigest(digests[i][:]))
		r.t.MulAdd(&r.t, &r.inverse[i], w)
		r.t.Add(&r.t, mask)
		r.t.PutBytes(items[i].Eta[:])
		mask.Clear()
	}
	wG = secp256k1.Point{}
	return nil
}

// proposal is a request whose fields were decoded.
type proposal struct {
	*instance
	m     *requestMessage
	delta secp256k1.Scalar
	d     []*transcript.Base
}

// decodeRequest accepts a request for this key, from peer to the share's party, whose proofs are right.
func decodeRequest(data []byte, share *deal.KeyShare, peer int, digests [][32]byte, path string) (*proposal, error) {
	if err := correlation.CheckPair(share, peer); err != nil {
		return nil, err
	}
	m := new(requestMessage)
	if err := wire.Unmarshal(data, maxRequest, m.Fields); err != nil {
		return nil, err
	}
	if m.KeyID != share.ID || !slices.Equal(m.Signers, []int{peer, share.Index}) {
		return nil, wire.Errorf(wire.CodeIdentity, "the request is for another key, for another sharing of it or for other signers")
	}
	n, err := newInstance(&share.Key, peer, share.Index, m.ID, digests, path)
	if err != nil {
		return nil, err
	}
	p := &proposal{instance: n, m: m}
	if _, err := p.delta.SetBytes(m.Delta[:]); err != nil || len(m.Items) != len(digests) {
		return nil, wire.Errorf(wire.CodeInput, "request: δ is not a scalar, or there is not one D for each digest")
	}
	n.begin(&m.Nonce)
	n.bind(m)
	for i := range m.Items {
		item := &m.Items[i]
		D, err := transcript.DecodeBase(item.D)
		if err != nil || !transcript.Generator.Verify(labelProofU, D, item.Proof[:], contextU(&n.sid, peer, i)...) {
			return nil, wire.Errorf(wire.CodeInput, "request: D or the proof of its logarithm is wrong, or it is for other digests")
		}
		p.d = append(p.d, D)
	}
	return p, nil
}
