package byname

import (
	"errors"
	"slices"
	"testing"

	"platform.internal/storekeeper/internal/fault"
)

func TestFieldsAreNamedAsInTheRequestOfTheCaller(t *testing.T) {
	for _, c := range []struct {
		name, from, to string
		paths, want    []string
	}{
		{"a create alone", "secrets[0]", "", []string{"secrets[0].scopes[1]", "account_id"}, []string{"scopes[1]", "account_id"}},
		{"the whole secret of a create alone", "secrets[0]", "", []string{"secrets[0]", "secrets[0].value"}, []string{"", "value"}},
		{"a tenth secret is not the first", "secrets[1]", "secrets[7]", []string{"secrets[10].value", "secrets[1].value"}, []string{"secrets[10].value", "secrets[7].value"}},
		{"an update in a batch", "", "secrets[2]", []string{"scopes[0]"}, []string{"secrets[2].scopes[0]"}},
		{"an update in a batch, without a field", "", "secrets[2]", []string{""}, []string{"secrets[2]"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := fault.New(fault.BadInput, "INVALID", "x")
			for _, path := range c.paths {
				f.Fields = append(f.Fields, fault.Field{Path: path, Text: "is wrong"})
			}
			got, _ := errors.AsType[*fault.Error](inRequest(f, c.from, c.to))
			var paths []string
			for _, field := range got.Fields {
				paths = append(paths, field.Path)
			}
			if !slices.Equal(paths, c.want) {
				t.Errorf("got %q, want %q", paths, c.want)
			}
			if f.Fields[0].Path != c.paths[0] {
				t.Error("the fault itself was changed")
			}
		})
	}
}

func TestTextsAreAboutTheOneSecret(t *testing.T) {
	f := fault.New(fault.BadInput, "INVALID", "x")
	f.Errors = []fault.Notice{
		{Text: "[0].value is wrong", Pointer: "/0/value"}, {Text: "[1].value is wrong", Pointer: "/1/value"},
		{Text: "is wrong", Pointer: "/0"}, {Text: "is wrong too", Pointer: "/10"}, {Text: "about all"},
	}
	got, _ := errors.AsType[*fault.Error](ofPut(f))
	want := []fault.Notice{{Text: "value is wrong", Pointer: "/value"}, {Text: "is wrong"}, {Text: "about all"}}
	if !slices.Equal(got.Errors, want) {
		t.Errorf("got %+v", got.Errors)
	}
}
