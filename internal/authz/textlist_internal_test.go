package authz

import (
	"fmt"
	"reflect"
	"testing"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// TestAListOfTextsIsThatOfCEL compares each operation with the list of CEL.
func TestAListOfTextsIsThatOfCEL(t *testing.T) {
	for _, texts := range [][]string{nil, {"a"}, {"a", "b", ""}} {
		ours, cels := &textList{texts}, types.NewStringList(types.DefaultTypeAdapter, texts)
		for _, value := range []ref.Val{
			types.String("a"), types.String("c"), types.String(""), types.Int(0), types.Int(7), types.True, types.NullValue, types.Bytes("a"),
			types.NewErr("an error"), types.NewUnknown(1, nil), types.NewStringList(types.DefaultTypeAdapter, []string{"a"}), ours,
		} {
			for name, got := range map[string][2]ref.Val{
				"in": {ours.Contains(value), cels.Contains(value)}, "add": {ours.Add(value), cels.Add(value)},
				"equal": {ours.Equal(value), cels.Equal(value)}, "reversed": {value.Equal(ours), value.Equal(cels)},
				"get": {ours.Get(value), cels.Get(value)},
			} {
				if !alike(got[0], got[1]) {
					t.Errorf("%s of %q and %v: %v, CEL has %v", name, texts, value, got[0], got[1])
				}
			}
		}
		if !alike(ours.Size(), cels.Size()) || ours.Type() != cels.Type() || !reflect.DeepEqual(ours.Value(), cels.Value()) ||
			!alike(ours.ConvertToType(types.ListType), cels.ConvertToType(types.ListType)) || !alike(ours.ConvertToType(types.IntType), cels.ConvertToType(types.IntType)) {
			t.Errorf("%q is another list than that of CEL", texts)
		}
		for _, kind := range []reflect.Type{reflect.TypeFor[[]string](), reflect.TypeFor[[]any](), reflect.TypeFor[int]()} {
			got, err := ours.ConvertToNative(kind)
			want, wrong := cels.ConvertToNative(kind)
			if !reflect.DeepEqual(got, want) || (err == nil) != (wrong == nil) {
				t.Errorf("%q as %v is %v, %v, and CEL has %v, %v", texts, kind, got, err, want, wrong)
			}
		}
		i, j := ours.Iterator(), cels.Iterator()
		for j.HasNext() == types.True {
			if i.HasNext() != types.True || !alike(i.Next(), j.Next()) {
				t.Errorf("%q is visited as another list", texts)
			}
		}
	}
}

// alike reports whether two values have the same type and content.
func alike(a, b ref.Val) bool {
	if types.IsError(a) || types.IsError(b) {
		return types.IsError(a) && types.IsError(b) && fmt.Sprint(a) == fmt.Sprint(b)
	}
	return a.Type() == b.Type() && (types.IsUnknown(a) || a.Equal(b) == types.True)
}
