// Package wiretest tests the methods by which the types of a package name their fields to package wire.
package wiretest

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"tandem/go/internal/tamper"
	"tandem/go/wire"
)

// All tests the given pointers to zero structs: each encodes to what the oracle calls deterministic, all keys in order and none
// twice; no byte of it may be missing; the method knows every field, so that what is decoded is what was encoded; and it wipes
// every byte. No two have one kind, and none is decoded with another version or kind than its own. It is an error if a type of
// the package under test has such a method and is not among them.
func All(t *testing.T, structs ...wire.Struct) {
	t.Helper()
	missing, kinds := declared(t), map[string]bool{}
	for _, s := range structs {
		name := reflect.TypeOf(s).Elem().Name()
		delete(missing, name)
		t.Run(name, func(t *testing.T) {
			check(t, s)
			fill(reflect.ValueOf(s).Elem(), new(int))
			check(t, s)
			checkHeader(t, s, kinds)
			wire.Wipe(s.Fields)
			if where := unwiped(reflect.ValueOf(s).Elem()); where != "" {
				t.Errorf("%s%s is not wiped", name, where)
			}
		})
	}
	for name := range missing {
		t.Errorf("%s is not tested", name)
	}
}

// declared returns the names of the types with a method Fields in the folder of the test.
func declared(t *testing.T) map[string]bool {
	t.Helper()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), ".go") || strings.HasSuffix(entry.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), entry.Name(), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, declaration := range file.Decls {
			method, ok := declaration.(*ast.FuncDecl)
			if !ok || method.Recv == nil || method.Name.Name != "Fields" {
				continue
			}
			if receiver, ok := method.Recv.List[0].Type.(*ast.StarExpr); ok {
				names[fmt.Sprint(receiver.X)] = true
			}
		}
	}
	return names
}

// fresh returns a zero struct of the type of s.
func fresh(s wire.Struct) wire.Struct {
	return reflect.New(reflect.TypeOf(s).Elem()).Interface().(wire.Struct)
}

func check(t *testing.T, s wire.Struct) {
	t.Helper()
	data, err := wire.Marshal(s.Fields)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := reencode(data); err != nil || !bytes.Equal(again, data) {
		t.Fatalf("%x: to the oracle %x, %v", data, again, err)
	}
	if wire.Unmarshal(data[:len(data)-1], len(data), fresh(s).Fields) == nil {
		t.Errorf("%x: accepted without its last byte", data)
	}
	decoded := fresh(s)
	if err := wire.Unmarshal(data, len(data), decoded.Fields); err != nil {
		t.Fatal(err)
	}
	if !same(reflect.ValueOf(s).Elem(), reflect.ValueOf(decoded).Elem()) {
		t.Fatalf("%+v\nis decoded to %+v", s, decoded)
	}
}

// checkHeader tests the header of s, if it has one. kinds holds the kinds so far.
func checkHeader(t *testing.T, s wire.Struct, kinds map[string]bool) {
	t.Helper()
	data, err := wire.Marshal(s.Fields)
	if err != nil {
		t.Fatal(err)
	}
	var header struct {
		Version int             `cbor:"1,keyasint"`
		Kind    string          `cbor:"2,keyasint"`
		Third   cbor.RawMessage `cbor:"3,keyasint"`
	}
	if cbor.Unmarshal(data, &header) != nil {
		return // its fields 1 and 2 are others
	}
	if header.Kind == "" {
		if header.Third != nil {
			t.Errorf("%T begins with field 3, without a header", s)
		}
		return
	}
	if kinds[header.Kind] {
		t.Errorf("two are of kind %q", header.Kind)
	}
	kinds[header.Kind] = true
	for name, other := range map[string][]byte{
		"version 0":    tamper.Header(data, 0, header.Kind),
		"version 2":    tamper.Header(data, 2, header.Kind),
		"another kind": tamper.Header(data, wire.Version, header.Kind+"x"),
		"no kind":      tamper.Header(data, wire.Version, ""),
	} {
		if err := wire.Unmarshal(other, len(other), fresh(s).Fields); wire.CodeOf(err) != wire.CodeInput {
			t.Errorf("with %s: %v", name, err)
		}
	}
}

// reencode returns what the oracle makes of an encoding, in the order of its own.
func reencode(data []byte) ([]byte, error) {
	encoder, err := cbor.EncOptions{Sort: cbor.SortCoreDeterministic}.EncMode()
	if err != nil {
		return nil, err
	}
	decoder, err := cbor.DecOptions{DupMapKey: cbor.DupMapKeyEnforcedAPF}.DecMode()
	if err != nil {
		return nil, err
	}
	var value any
	if err := decoder.Unmarshal(data, &value); err != nil {
		return nil, err
	}
	return encoder.Marshal(value)
}

// same is reflect.DeepEqual to which nil and empty are the same.
func same(a, b reflect.Value) bool {
	switch a.Kind() {
	case reflect.Struct:
		for i := range a.NumField() {
			if !same(a.Field(i), b.Field(i)) {
				return false
			}
		}
		return true
	case reflect.Slice, reflect.Map:
		if a.Len() == 0 && b.Len() == 0 {
			return true
		}
	}
	return reflect.DeepEqual(a.Interface(), b.Interface())
}

// fill gives each number in v another value, none of them zero, and every list and map two elements.
func fill(v reflect.Value, last *int) {
	*last = *last%100 + 1
	switch v.Kind() {
	case reflect.Int:
		v.SetInt(int64(*last))
	case reflect.Uint8, reflect.Uint32:
		v.SetUint(uint64(*last))
	case reflect.String:
		v.SetString(strings.Repeat("x", *last))
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), last)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fallthrough
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), last)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for _, key := range []int{200, 3} {
			value := reflect.New(v.Type().Elem()).Elem()
			fill(value, last)
			v.SetMapIndex(reflect.ValueOf(key), value)
		}
	default:
		panic("a field of type " + v.Type().String())
	}
}

// unwiped returns where in v a byte of a byte string is not zero, or "".
func unwiped(v reflect.Value) string {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if where := unwiped(v.Field(i)); where != "" {
				return "." + v.Type().Field(i).Name + where
			}
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			if v.Index(i).Kind() == reflect.Uint8 && !v.Index(i).IsZero() || unwiped(v.Index(i)) != "" {
				return fmt.Sprintf("[%d]", i)
			}
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			if where := unwiped(v.MapIndex(key)); where != "" {
				return fmt.Sprintf("[%v]%s", key, where)
			}
		}
	}
	return ""
}
