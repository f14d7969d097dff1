package deal

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"testing"

	"tandem/go/internal/vectors"
	"tandem/go/secp256k1"
)

// vector is one deal with everything that an independent implementation can compare itself with. All strings are hex.
type vector struct {
	Name         string `json:"name"`
	Kind         string `json:"kind"`
	Threshold    int    `json:"threshold"`
	Parties      []int  `json:"parties"`
	Contributors []int  `json:"contributors"`
	Epoch        uint32 `json:"epoch"`
	Old          string `json:"old,omitempty"` // the old key, encoded
	OldKeyID     string `json:"oldKeyId,omitempty"`

	Terms       string         `json:"termsDigest"`
	DealID      string         `json:"dealId"`
	Transcript  string         `json:"transcript"`
	PublicKey   string         `json:"publicKey"`
	Address     string         `json:"address"`
	ChainCode   string         `json:"chainCode"`
	KeyID       string         `json:"keyId"`
	Key         string         `json:"key"` // encoded
	Participant []*participant `json:"participants"`
}

// participant is what one party draws, sends, keeps and ends with, in that order.
type participant struct {
	Self int `json:"self"`
	// What rand gives in rounds 1 and 3.
	Fresh1 string `json:"fresh1"`
	Fresh3 string `json:"fresh3,omitempty"`
	// What an import or a reshare is given.
	Secret         string `json:"secret,omitempty"`
	GivenChainCode string `json:"givenChainCode,omitempty"`
	OldShare       string `json:"oldShare,omitempty"`

	Seed       string   `json:"seed"`
	EphSecret  string   `json:"e"`
	Ephemeral  string   `json:"E"`
	Salt       string   `json:"salt"`
	ChainCode  string   `json:"chainCodePart,omitempty"`
	Polynomial []string `json:"f,omitempty"`
	Points     []string `json:"F,omitempty"`
	Proof      string   `json:"proof,omitempty"`
	Commitment string   `json:"commitment"`

	Session1 string `json:"session1"`
	Message1 string `json:"message1"`
	Session2 string `json:"session2,omitempty"`
	Message2 string `json:"message2"`
	Session3 string `json:"session3,omitempty"`
	Message3 string `json:"message3,omitempty"`
	X        string `json:"x,omitempty"`
	Share    string `json:"share,omitempty"`
}

func fresh(name string, self, round int) []byte {
	h := sha256.Sum256(fmt.Appendf(nil, "tandem deal vector, %s, party %d, round %d", name, self, round))
	return h[:]
}

// compute runs the deal with the given parameters and returns its vector and the shares.
func compute(t *testing.T, name string, all map[int]Params) (*vector, map[int]*KeyShare) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var v *vector
	var participants []int
	for _, p := range all {
		terms, err := p.terms()
		must(err)
		participants = terms.participants()
		digest := terms.digest()
		v = &vector{Name: name, Kind: p.Kind, Threshold: p.Threshold, Parties: p.Parties, Contributors: p.Contributors,
			Epoch: p.Epoch, OldKeyID: hex.EncodeToString(terms.OldKeyID), Terms: hex.EncodeToString(digest[:])}
		if p.Old != nil {
			encoded, err := p.Old.Encode()
			must(err)
			v.Old = hex.EncodeToString(encoded)
		}
	}

	given := map[int]*participant{}
	var sessions, messages [4]map[int][]byte
	for round := range sessions {
		sessions[round], messages[round] = map[int][]byte{}, map[int][]byte{}
	}
	for _, i := range participants {
		w := &participant{Self: i, Fresh1: hex.EncodeToString(fresh(name, i, 1))}
		given[i], v.Participant = w, append(v.Participant, w)
		p := all[i]
		if p.Secret != nil {
			w.Secret = hex.EncodeToString(p.Secret.Bytes())
		}
		if p.ChainCode != nil {
			w.GivenChainCode = hex.EncodeToString(p.ChainCode[:])
		}
		if p.Share != nil {
			encoded, err := p.Share.Encode()
			must(err)
			w.OldShare = hex.EncodeToString(encoded)
		}
		var err error
		sessions[1][i], messages[1][i], err = Round1(p, bytes.NewReader(fresh(name, i, 1)))
		must(err)
		s, err := decodeSession1(sessions[1][i])
		must(err)
		own, err := s.Dealer.contribution()
		must(err)
		com := own.opening.commitment(i, own.ephemeral)
		w.Seed = hex.EncodeToString(s.Dealer.Seed[:])
		w.EphSecret = hex.EncodeToString(own.e.Bytes())
		w.Ephemeral = hex.EncodeToString(own.ephemeral[:])
		w.Salt = hex.EncodeToString(own.opening.Salt[:])
		w.ChainCode = hex.EncodeToString(own.opening.ChainCode)
		w.Proof = hex.EncodeToString(own.opening.Proof)
		w.Commitment = hex.EncodeToString(com[:])
		for m := range own.f {
			w.Polynomial = append(w.Polynomial, hex.EncodeToString(own.f[m].Bytes()))
			w.Points = append(w.Points, hex.EncodeToString(own.opening.Points[m][:]))
		}
	}
	for _, i := range participants {
		var err error
		sessions[2][i], messages[2][i], err = Round2(sessions[1][i], messages[1])
		must(err)
	}
	for _, i := range v.Parties {
		random := bytes.NewReader(fresh(name, i, 3))
		var err error
		sessions[3][i], messages[3][i], err = Round3(sessions[2][i], messages[2], random)
		must(err)
		if _, err := random.ReadByte(); err != io.EOF {
			t.Fatal("round 3 reads less than 32 bytes of rand")
		}
		given[i].Fresh3 = hex.EncodeToString(fresh(name, i, 3))
	}
	shares := map[int]*KeyShare{}
	for _, i := range v.Parties {
		share, err := Finish(sessions[3][i], messages[3])
		must(err)
		encoded, err := share.Encode()
		must(err)
		shares[i] = share
		given[i].X = hex.EncodeToString(share.X.Bytes())
		given[i].Share = hex.EncodeToString(encoded)

		s, _, err := decodeSession3(sessions[3][i])
		must(err)
		address := share.Address()
		key, err := share.Key.Encode()
		must(err)
		v.DealID = hex.EncodeToString(s.DealID[:])
		v.Transcript = hex.EncodeToString(confirmed(&share.Key, s.DealID, s.Digests))
		v.PublicKey = hex.EncodeToString(share.Q.Bytes())
		v.Address = "0x" + hex.EncodeToString(address[:])
		v.ChainCode = hex.EncodeToString(share.ChainCode[:])
		v.KeyID = hex.EncodeToString(share.ID[:])
		v.Key = hex.EncodeToString(key)
	}
	for _, i := range participants {
		w := given[i]
		w.Session1, w.Message1 = hex.EncodeToString(sessions[1][i]), hex.EncodeToString(messages[1][i])
		w.Session2, w.Message2 = hex.EncodeToString(sessions[2][i]), hex.EncodeToString(messages[2][i])
		w.Session3, w.Message3 = hex.EncodeToString(sessions[3][i]), hex.EncodeToString(messages[3][i])
	}
	return v, shares
}

func TestVectors(t *testing.T) {
	parties := []int{1, 2, 3}
	generated := map[int]Params{}
	for _, i := range parties {
		generated[i] = Params{Kind: Keygen, Threshold: 2, Parties: parties, Contributors: parties, Self: i}
	}
	keygen, old := compute(t, "keygen", generated)

	chainCode := sha256.Sum256([]byte("tandem deal vector, chain code"))
	imported := map[int]Params{}
	for _, i := range []int{1, 2, 200} {
		imported[i] = Params{Kind: Import, Threshold: 2, Parties: []int{1, 2}, Contributors: []int{200}, Self: i, Epoch: 7}
	}
	importer := imported[200]
	importer.Secret, importer.ChainCode = new(secp256k1.Scalar).SetDigest(fresh("import", 200, 0)), &chainCode
	imported[200] = importer
	imports, _ := compute(t, "import", imported)

	reshared := map[int]Params{}
	for _, i := range []int{1, 2, 3, 4} {
		reshared[i] = Params{Kind: Reshare, Threshold: 3, Parties: []int{2, 3, 4}, Contributors: []int{1, 3}, Self: i,
			Epoch: 1, Old: &old[1].Key}
		if slices.Contains(reshared[i].Contributors, i) {
			p := reshared[i]
			p.Share = old[i]
			reshared[i] = p
		}
	}
	reshare, _ := compute(t, "reshare", reshared)

	vectors.Compare(t, "deal.json", []*vector{keygen, imports, reshare})
}
