package secp256k1

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/big"
	"testing"

	secp "github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/ethereum/go-ethereum/crypto"
)

var order = secp.S256().N

func randomScalar(t testing.TB) *Scalar {
	t.Helper()
	s, err := RandomScalar(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func toBig(s *Scalar) *big.Int { return new(big.Int).SetBytes(s.Bytes()) }

func fromBig(n *big.Int) *Scalar {
	return new(Scalar).SetDigest(new(big.Int).Mod(n, order).FillBytes(make([]byte, 32)))
}

// edgeScalars are the values at which carries, signs and windows turn.
func edgeScalars() []*Scalar {
	var out []*Scalar
	one := big.NewInt(1)
	for _, n := range []*big.Int{new(big.Int), one, big.NewInt(2), big.NewInt(15), big.NewInt(16), new(big.Int).Rsh(order, 1), order} {
		for d := int64(-1); d <= 1; d++ {
			out = append(out, fromBig(new(big.Int).Add(n, big.NewInt(d))))
		}
	}
	for _, shift := range []uint{4, 32, 63, 64, 127, 128, 129, 252, 255} {
		n := new(big.Int).Lsh(one, shift)
		out = append(out, fromBig(n), fromBig(n.Neg(n)))
	}
	for k := int64(1); k < 32; k += 2 {
		// The scalars whose last partial sum meets an entry of the fixed-base table.
		n := new(big.Int).Lsh(big.NewInt(2*k), 255)
		out = append(out, fromBig(n), fromBig(n.Neg(n)))
	}
	return append(out, new(Scalar).Set(&lambda), new(Scalar).Neg(&lambda), &glvOffset, new(Scalar).Neg(&glvOffset))
}

// oracleMult returns the uncompressed encoding of k*G, k*P by go-ethereum's curve; nil for the identity.
func oracleMult(p *Point, k *Scalar) []byte {
	if k.IsZero() == 1 || p.IsIdentity() == 1 {
		return make([]byte, 65)
	}
	u := p.Uncompressed()
	x, y := crypto.S256().ScalarMult(new(big.Int).SetBytes(u[1:33]), new(big.Int).SetBytes(u[33:]), k.Bytes())
	return append(append([]byte{4}, x.FillBytes(make([]byte, 32))...), y.FillBytes(make([]byte, 32))...)
}

func randomPoint(t testing.TB) *Point { return new(Point).ScalarBaseMult(randomScalar(t)) }

func TestScalarArithmetic(t *testing.T) {
	values := edgeScalars()
	for range 50 {
		values = append(values, randomScalar(t))
	}
	for _, a := range values {
		for _, b := range values {
			x, y := toBig(a), toBig(b)
			for _, op := range []struct {
				name string
				got  *Scalar
				want *big.Int
			}{
				{"add", new(Scalar).Add(a, b), new(big.Int).Add(x, y)},
				{"sub", new(Scalar).Sub(a, b), new(big.Int).Sub(x, y)},
				{"mul", new(Scalar).Mul(a, b), new(big.Int).Mul(x, y)},
				{"muladd", new(Scalar).MulAdd(a, b, a), new(big.Int).Add(new(big.Int).Mul(x, y), x)},
				{"select 1", new(Scalar).Select(a, b, 1), x},
				{"select 0", new(Scalar).Select(a, b, 0), y},
			} {
				if toBig(op.got).Cmp(new(big.Int).Mod(op.want, order)) != 0 {
					t.Fatalf("%s(%x, %x) = %x", op.name, x, y, op.got.Bytes())
				}
			}
			if (a.Equal(b) == 1) != (x.Cmp(y) == 0) {
				t.Fatalf("equal(%x, %x)", x, y)
			}
		}
		inverse := new(big.Int).ModInverse(toBig(a), order)
		if inverse == nil {
			inverse = new(big.Int)
		}
		if toBig(new(Scalar).Invert(a)).Cmp(inverse) != 0 {
			t.Fatalf("invert(%x)", a.Bytes())
		}
		if (a.IsHigh() == 1) != (toBig(a).Cmp(new(big.Int).Rsh(order, 1)) > 0) {
			t.Fatalf("high(%x)", a.Bytes())
		}
		alias := new(Scalar).Set(a)
		if alias.Sub(alias, alias).IsZero() != 1 {
			t.Fatal("a - a with all arguments the same")
		}
		for _, b := range values[:10] {
			want := new(Scalar).Sub(a, b)
			if alias.Set(a); alias.Sub(alias, b).Equal(want) != 1 {
				t.Fatal("a - b in a")
			}
			if alias.Set(b); alias.Sub(a, alias).Equal(want) != 1 {
				t.Fatal("a - b in b")
			}
		}
		alias.Set(a)
		if alias.MulAdd(alias, alias, alias).Equal(new(Scalar).MulAdd(a, a, a)) != 1 {
			t.Fatal("MulAdd with all arguments the same")
		}
	}
}

func TestScalarEncoding(t *testing.T) {
	s := new(Scalar).SetUint64(7)
	for _, bad := range [][]byte{nil, make([]byte, 31), make([]byte, 33), order.Bytes(), bytes.Repeat([]byte{255}, 32)} {
		if _, err := s.SetBytes(bad); err != ErrScalar {
			t.Errorf("SetBytes(%x): %v", bad, err)
		}
	}
	if s.Equal(new(Scalar).SetUint64(7)) != 1 {
		t.Error("a failed SetBytes changed its receiver")
	}
	for range 200 {
		var b [UniformSize]byte
		rand.Read(b[:])
		if b[0] < 64 {
			copy(b[:], bytes.Repeat([]byte{255}, 40))
		}
		want := new(big.Int).Mod(new(big.Int).SetBytes(b[:]), order)
		if toBig(s.SetUniformBytes(b[:])).Cmp(want) != 0 {
			t.Fatalf("SetUniformBytes(%x)", b)
		}
		if _, err := s.SetBytes(want.FillBytes(make([]byte, 32))); err != nil || toBig(s).Cmp(want) != 0 {
			t.Fatalf("SetBytes(%x): %v", want, err)
		}
	}
}

func TestRandomScalarRefusesABrokenSource(t *testing.T) {
	for _, source := range [][]byte{nil, make([]byte, 47), make([]byte, 48)} {
		if _, err := RandomScalar(bytes.NewReader(source)); err != ErrRandom {
			t.Errorf("%d zero bytes: %v", len(source), err)
		}
	}
}

func TestSplitsSumToTheScalar(t *testing.T) {
	value := func(d digit) *Scalar {
		s := new(Scalar).SetUint64(uint64(2*d.index + 1))
		if d.negative != 0 {
			s.Neg(s)
		}
		return s
	}
	both := func(d digit) *Scalar {
		i, j := new(Scalar).SetUint64(uint64(d.index>>2*2+1)), new(Scalar).SetUint64(uint64(d.index&3*2))
		j.Sub(j, new(Scalar).SetUint64(3))
		j.MulAdd(j, &lambda, i)
		if d.negative != 0 {
			j.Neg(j)
		}
		return j
	}
	four, thirtyTwo := new(Scalar).SetUint64(4), new(Scalar).SetUint64(32)
	values := edgeScalars()
	for range 100 {
		values = append(values, randomScalar(t))
	}
	for _, k := range values {
		var u, v, c Scalar
		k.split(&u, &v)
		sum := new(Scalar)
		for i := glvDigits - 1; i >= 0; i-- {
			sum.Mul(sum, four)
			sum.Add(sum, both(pair(&u, &v, i)))
		}
		if sum.Equal(k) != 1 {
			t.Fatalf("split(%x) sums to %x", k.Bytes(), sum.Bytes())
		}
		c.comb(k)
		sum = new(Scalar)
		for i := combDigits - 1; i >= 0; i-- {
			sum.Mul(sum, thirtyTwo)
			sum.Add(sum, value(c.digit(i, combWindow)))
		}
		if sum.Equal(k) != 1 {
			t.Fatalf("comb(%x) sums to %x", k.Bytes(), sum.Bytes())
		}
	}
}

func TestGroupLaws(t *testing.T) {
	identity := NewIdentity()
	for range 20 {
		a, b, c := randomPoint(t), randomPoint(t), randomPoint(t)
		sum := new(Point).Add(a, b)
		checks := map[string]*Point{
			"a+b = b+a":       new(Point).Sub(sum, new(Point).Add(b, a)),
			"(a+b)+c=a+(b+c)": new(Point).Sub(new(Point).Add(sum, c), new(Point).Add(a, new(Point).Add(b, c))),
			"a+a = 2a":        new(Point).Sub(new(Point).Add(a, a), new(Point).Double(a)),
			"a-a = 0":         new(Point).Sub(a, a),
			"a+0 = a":         new(Point).Sub(new(Point).Add(a, identity), a),
			"0+a = a":         new(Point).Sub(new(Point).Add(identity, a), a),
			"2*0 = 0":         new(Point).Double(identity),
			"0+0 = 0":         new(Point).Add(identity, identity),
			"-(-a) = a":       new(Point).Sub(new(Point).Negate(new(Point).Negate(a)), a),
		}
		for law, p := range checks {
			if p.IsIdentity() != 1 {
				t.Fatal(law)
			}
		}
		if a.Equal(b) == 1 || a.Equal(a) != 1 || sum.IsIdentity() == 1 {
			t.Fatal("equality")
		}
		alias := new(Point).Set(a)
		if alias.Add(alias, alias).Equal(new(Point).Double(a)) != 1 || alias.Double(alias).Equal(new(Point).ScalarMult(new(Scalar).SetUint64(4), a)) != 1 {
			t.Fatal("aliased receivers")
		}
		u, v := a.Uncompressed(), b.Uncompressed()
		x, y := crypto.S256().Add(new(big.Int).SetBytes(u[1:33]), new(big.Int).SetBytes(u[33:]), new(big.Int).SetBytes(v[1:33]), new(big.Int).SetBytes(v[33:]))
		w := sum.Uncompressed()
		if x.Cmp(new(big.Int).SetBytes(w[1:33])) != 0 || y.Cmp(new(big.Int).SetBytes(w[33:])) != 0 {
			t.Fatal("go-ethereum adds otherwise")
		}
	}
}

func TestScalarMult(t *testing.T) {
	values := edgeScalars()
	for range 30 {
		values = append(values, randomScalar(t))
	}
	for _, p := range []*Point{NewGenerator(), randomPoint(t), NewIdentity()} {
		for _, k := range values {
			want := oracleMult(p, k)
			if got := new(Point).ScalarMult(k, p).Uncompressed(); !bytes.Equal(got, want) {
				t.Fatalf("%x * %x = %x", k.Bytes(), p.Bytes(), got)
			}
			alias := new(Point).Set(p)
			if got := alias.ScalarMultVarTime(k, alias).Uncompressed(); !bytes.Equal(got, want) {
				t.Fatalf("%x * %x = %x in variable time", k.Bytes(), p.Bytes(), got)
			}
		}
	}
	for _, k := range values {
		got := new(Point).ScalarBaseMult(k)
		if !bytes.Equal(got.Uncompressed(), oracleMult(NewGenerator(), k)) {
			t.Fatalf("%x * G", k.Bytes())
		}
		if k.IsZero() == 0 {
			if want := secp.PrivKeyFromBytes(k.Bytes()).PubKey().SerializeCompressed(); !bytes.Equal(got.Bytes(), want) {
				t.Fatalf("%x * G: decred has another encoding", k.Bytes())
			}
		}
	}
}

func TestPointEncoding(t *testing.T) {
	p := new(Point)
	good := randomPoint(t).Bytes()
	alter := func(f func(b []byte) []byte) []byte { return f(bytes.Clone(good)) }
	offCurve := alter(func(b []byte) []byte {
		for {
			rand.Read(b[1:])
			if _, err := secp.ParsePubKey(b); err != nil {
				return b
			}
		}
	})
	prime := secp.S256().P.Bytes()
	for name, b := range map[string][]byte{
		"empty": nil, "short": good[:32], "long": append(bytes.Clone(good), 0), "identity": make([]byte, 33), "off curve": offCurve,
		"x = p": append([]byte{2}, prime...), "x = p + 1": append([]byte{2}, new(big.Int).Add(secp.S256().P, big.NewInt(1)).Bytes()...),
		"prefix 0": alter(func(b []byte) []byte { b[0] = 0; return b }), "prefix 4": alter(func(b []byte) []byte { b[0] = 4; return b }),
		"prefix 6": alter(func(b []byte) []byte { b[0] = 6; return b }), "uncompressed": randomPoint(t).Uncompressed(),
	} {
		if _, err := p.SetBytes(b); err != ErrPoint {
			t.Errorf("%s: %v", name, err)
		}
	}
	for range 100 {
		want := randomPoint(t)
		if _, err := p.SetBytes(want.Bytes()); err != nil || p.Equal(want) != 1 || !bytes.Equal(p.Bytes(), want.Bytes()) {
			t.Fatalf("%x: %v", want.Bytes(), err)
		}
	}
}

func FuzzPointSetBytes(f *testing.F) {
	f.Add(NewGenerator().Bytes())
	f.Add(make([]byte, 33))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := new(Point).SetBytes(b)
		want, oracle := secp.ParsePubKey(b)
		if (err == nil) != (oracle == nil && len(b) == PointSize) {
			t.Fatalf("SetBytes(%x): %v, decred: %v", b, err, oracle)
		}
		if err == nil && !bytes.Equal(p.Bytes(), want.SerializeCompressed()) {
			t.Fatalf("%x changed on the way", b)
		}
	})
}

func FuzzScalarSetBytes(f *testing.F) {
	f.Add(order.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := new(Scalar).SetBytes(b)
		if (err == nil) != (len(b) == 32 && new(big.Int).SetBytes(b).Cmp(order) < 0) {
			t.Fatalf("SetBytes(%x): %v", b, err)
		}
		if err == nil && !bytes.Equal(s.Bytes(), b) {
			t.Fatalf("%x changed on the way", b)
		}
	})
}

func affines(t testing.TB, n int) []Affine {
	ks := make([]Scalar, n)
	for i := range ks {
		ks[i] = *randomScalar(t)
	}
	out := make([]Affine, n)
	if err := NewTable(NewGenerator()).ScalarMultBatch(out, ks); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestBatches(t *testing.T) {
	for _, n := range []int{0, 1, 2, batchSize - 1, batchSize, 2*batchSize + 3} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			a, b, k := affines(t, n), affines(t, n), randomScalar(t)
			sum, difference, product, alias := make([]Affine, n), make([]Affine, n), make([]Affine, n), make([]Affine, n)
			copy(alias, a)
			for _, err := range []error{AddBatch(sum, a, b), SubBatch(difference, a, b), ScalarMultBatch(product, a, k), AddBatch(alias, alias, b)} {
				if err != nil {
					t.Fatal(err)
				}
			}
			xs, signs := make([]byte, 32*n), make([]byte, (n+7)/8)
			for i := range a {
				p, q := a[i].Point(), b[i].Point()
				for name, pair := range map[string][2]*Point{
					"sum":        {sum[i].Point(), new(Point).Add(p, q)},
					"alias":      {alias[i].Point(), new(Point).Add(p, q)},
					"difference": {difference[i].Point(), new(Point).Sub(p, q)},
					"product":    {product[i].Point(), new(Point).ScalarMult(k, p)},
				} {
					if pair[0].Equal(pair[1]) != 1 {
						t.Fatalf("%s %d", name, i)
					}
				}
				var enc [33]byte
				a[i].PutBytes(enc[:])
				if !bytes.Equal(enc[:], p.Bytes()) {
					t.Fatalf("encoding %d", i)
				}
				copy(xs[32*i:], enc[1:])
				signs[i/8] |= enc[0] & 1 << (i % 8)
			}
			decoded := make([]Affine, n)
			if err := DecodeBatch(decoded, xs, signs); err != nil {
				t.Fatal(err)
			}
			for i := range a {
				if decoded[i].Point().Equal(a[i].Point()) != 1 {
					t.Fatalf("decoded %d", i)
				}
			}
			if n%8 != 0 {
				signs[n/8] |= 128
				if DecodeBatch(decoded, xs, signs) != ErrPoint {
					t.Fatal("an unused sign bit is accepted")
				}
			}
		})
	}
}

// TestBatchesAtTheEdges takes every batch through its exceptional cases, where the shared inversion meets a zero.
func TestBatchesAtTheEdges(t *testing.T) {
	points := affines(t, 5)
	for _, k := range edgeScalars() {
		got := make([]Affine, len(points))
		err := ScalarMultBatch(got, points, k)
		if (err != nil) != (k.IsZero() == 1) {
			t.Fatalf("ScalarMultBatch(%x): %v", k.Bytes(), err)
		}
		for i := range points {
			if err == nil && got[i].Point().Equal(new(Point).ScalarMult(k, points[i].Point())) != 1 {
				t.Fatalf("%x * P", k.Bytes())
			}
		}
		ks := []Scalar{*randomScalar(t), *k, *randomScalar(t)}
		err = NewTable(NewGenerator()).ScalarMultBatch(got[:3], ks)
		if (err != nil) != (k.IsZero() == 1) {
			t.Fatalf("Table.ScalarMultBatch(%x): %v", k.Bytes(), err)
		}
		for i := range ks {
			if err == nil && got[i].Point().Equal(new(Point).ScalarBaseMult(&ks[i])) != 1 {
				t.Fatalf("%x * G", ks[i].Bytes())
			}
		}
	}
	same := make([]Affine, len(points))
	if err := AddBatch(same, points, points); err != nil || same[2].Point().Equal(new(Point).Double(points[2].Point())) != 1 {
		t.Fatal("a + a", err)
	}
	if err := SubBatch(same, points, points); err != ErrIdentity {
		t.Fatal("a - a", err)
	}
}

// expandMessageXMD is RFC 9380, section 5.3.1, as it stands there.
func expandMessageXMD(dst string, msg []byte, n int) []byte {
	prime := append([]byte(dst), byte(len(dst)))
	h := sha256.New()
	h.Write(make([]byte, 64))
	h.Write(msg)
	h.Write(binary.BigEndian.AppendUint16(nil, uint16(n)))
	h.Write([]byte{0})
	h.Write(prime)
	b0 := h.Sum(nil)
	bi, out := make([]byte, 32), []byte(nil)
	for i := byte(1); len(out) < n; i++ {
		for j := range bi {
			bi[j] ^= b0[j]
		}
		sum := sha256.Sum256(append(append(bytes.Clone(bi), i), prime...))
		bi = sum[:]
		out = append(out, bi...)
	}
	return out[:n]
}

// TestMapToCurveVectors has the test vectors of RFC 9380, appendix J.8.1.
func TestMapToCurveVectors(t *testing.T) {
	vectors := []struct{ msg, x, y string }{
		{"", "c1cae290e291aee617ebaef1be6d73861479c48b841eaba9b7b5852ddfeb1346", "64fa678e07ae116126f08b022a94af6de15985c996c3a91b64c406a960e51067"},
		{"abc", "3377e01eab42db296b512293120c6cee72b6ecf9f9205760bd9ff11fb3cb2c4b", "7f95890f33efebd1044d382a01b1bee0900fb6116f94688d487c6c7b9c8371f6"},
		{"abcdef0123456789", "bac54083f293f1fe08e4a70137260aa90783a5cb84d3f35848b324d0674b0e3a", "4436476085d4c3c4508b60fcf4389c40176adce756b398bdee27bca19758d828"},
		{"q128_" + string(bytes.Repeat([]byte("q"), 128)), "e2167bc785333a37aa562f021f1e881defb853839babf52a7f72b102e41890e9", "f2401dd95cc35867ffed4f367cd564763719fbc6a53e969fb8496a1e6685d873"},
		{"a512_" + string(bytes.Repeat([]byte("a"), 512)), "e3c8d35aaaf0b9b647e88a0a0a7ee5d5bed5ad38238152e4e6fd8c1f8cb7c998", "8446eeb6181bf12f56a9d24e262221cc2f0c4725c7e3803024b5888ee5823aa6"},
	}
	var uniform []byte
	for _, v := range vectors {
		uniform = append(uniform, expandMessageXMD("QUUX-V01-CS02-with-secp256k1_XMD:SHA-256_SSWU_RO_", []byte(v.msg), 96)...)
	}
	got := make([]Affine, len(vectors))
	if err := MapToCurveBatch(got, uniform); err != nil {
		t.Fatal(err)
	}
	for i, v := range vectors {
		if u := got[i].Point().Uncompressed(); hex.EncodeToString(u[1:33]) != v.x || hex.EncodeToString(u[33:]) != v.y {
			t.Errorf("%q: %x", v.msg, u)
		}
	}
	// u = 0 makes the shared inversion meet a zero; its neighbours must not notice.
	copy(uniform[96:144], make([]byte, 48))
	again := make([]Affine, len(vectors))
	if err := MapToCurveBatch(again, uniform); err != nil {
		t.Fatal(err)
	}
	for i := range vectors {
		if equal := again[i].Point().Equal(got[i].Point()) == 1; equal != (i != 1) {
			t.Errorf("message %d after a zero at message 1: equal %v", i, equal)
		}
	}
	alone := make([]Affine, 1)
	if err := MapToCurveBatch(alone, uniform[96:192]); err != nil || alone[0].Point().Equal(again[1].Point()) != 1 {
		t.Error("a zero maps otherwise when alone", err)
	}
	if err := MapToCurveBatch(alone, make([]byte, 96)); err != ErrIdentity {
		t.Error("twice the same field element:", err)
	}
}

func TestRecoveryID(t *testing.T) {
	for range 50 {
		p := randomPoint(t)
		if u := p.Uncompressed(); p.RecoveryID() != u[64]&1 {
			t.Fatalf("%x: %d", u, p.RecoveryID())
		}
	}
	// The first x above q that is on the curve.
	x := new(big.Int).Set(order)
	for {
		x.Add(x, big.NewInt(1))
		b := append([]byte{3}, x.Bytes()...)
		p, err := new(Point).SetBytes(b)
		if err != nil {
			continue
		}
		if p.RecoveryID() != 3 || toBig(p.XScalar()).Cmp(new(big.Int).Sub(x, order)) != 0 {
			t.Fatalf("%x: %d", x, p.RecoveryID())
		}
		break
	}
}

func BenchmarkScalarMultBatch(b *testing.B) {
	points, k := affines(b, 1344), randomScalar(b)
	for b.Loop() {
		ScalarMultBatch(points, points, k)
	}
}

func BenchmarkTableScalarMultBatch(b *testing.B) {
	ks := make([]Scalar, 672)
	for i := range ks {
		ks[i] = *randomScalar(b)
	}
	dst := make([]Affine, len(ks))
	for b.Loop() {
		NewTable(NewGenerator()).ScalarMultBatch(dst, ks)
	}
}

func BenchmarkMapToCurveBatch(b *testing.B) {
	dst, uniform := make([]Affine, 1344), make([]byte, 96*1344)
	rand.Read(uniform)
	for b.Loop() {
		MapToCurveBatch(dst, uniform)
	}
}

func BenchmarkFieldMul(b *testing.B) {
	x := generatorX
	for b.Loop() {
		x.Mul(&x, &generatorY)
	}
}

func BenchmarkScalarMult(b *testing.B) {
	p, k := NewGenerator(), randomScalar(b)
	for b.Loop() {
		p.ScalarMult(k, p)
	}
}
