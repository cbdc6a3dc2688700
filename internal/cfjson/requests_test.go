package cfjson_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	"platform.internal/storekeeper/internal/cfjson"
	"platform.internal/storekeeper/internal/contract"
	"platform.internal/storekeeper/internal/fault"
)

func mask(paths ...string) *fieldmaskpb.FieldMask { return &fieldmaskpb.FieldMask{Paths: paths} }

func TestReadRequestReadsWhatClientsSend(t *testing.T) {
	cases := []struct {
		name, body string
		into, want proto.Message
	}{
		{"a store", `{"name":"x"}`, &secretsstorev1.CreateStoreRequest{}, &secretsstorev1.CreateStoreRequest{Name: "x"}},
		{"escapes", `{"name":"v\u003c\u003e\ud83d\ude00"}`, &secretsstorev1.CreateStoreRequest{}, &secretsstorev1.CreateStoreRequest{Name: "v<>😀"}},
		{"a null name is an absent one", `{"name":null}`, &secretsstorev1.CreateStoreRequest{}, &secretsstorev1.CreateStoreRequest{}},
		{"space around", " \n{\t} ", &secretsstorev1.CreateStoreRequest{}, &secretsstorev1.CreateStoreRequest{}},
		{"a new value", `{"value":"n"}`, &secretsstorev1.UpdateSecretRequest{}, &secretsstorev1.UpdateSecretRequest{Value: proto.String("n"), UpdateMask: mask("value")}},
		{"a comment set to nothing", `{"comment":""}`, &secretsstorev1.UpdateSecretRequest{}, &secretsstorev1.UpdateSecretRequest{Comment: proto.String(""), UpdateMask: mask("comment")}},
		{"a comment removed", `{"comment":null}`, &secretsstorev1.UpdateSecretRequest{}, &secretsstorev1.UpdateSecretRequest{UpdateMask: mask("comment")}},
		{"scopes", `{"scopes":["workers","dex"]}`, &secretsstorev1.UpdateSecretRequest{}, &secretsstorev1.UpdateSecretRequest{Scopes: []string{"workers", "dex"}, UpdateMask: mask("scopes")}},
		{"scopes null", `{"scopes":null}`, &secretsstorev1.UpdateSecretRequest{}, &secretsstorev1.UpdateSecretRequest{UpdateMask: mask("scopes")}},
		{"a name repeated by an older client", `{"name":"A","value":"v","scopes":["dex"]}`, &secretsstorev1.UpdateSecretRequest{},
			&secretsstorev1.UpdateSecretRequest{Name: proto.String("A"), Value: proto.String("v"), Scopes: []string{"dex"}, UpdateMask: mask("value", "scopes")}},
		{"nothing to change", `{}`, &secretsstorev1.UpdateSecretRequest{}, &secretsstorev1.UpdateSecretRequest{UpdateMask: mask()}},
		{"identifiers to delete", `{"ids":["a","b"]}`, &secretsstorev1.DeleteSecretsRequest{}, &secretsstorev1.DeleteSecretsRequest{Ids: []string{"a", "b"}}},
		{"the older form of it", `[{"id":"a"},{"id":"b"}]`, &secretsstorev1.DeleteSecretsRequest{}, &secretsstorev1.DeleteSecretsRequest{Ids: []string{"a", "b"}}},
		{"a copy", `{"name":"N","scopes":["workers"],"comment":""}`, &secretsstorev1.DuplicateSecretRequest{}, &secretsstorev1.DuplicateSecretRequest{Name: "N", Scopes: []string{"workers"}, Comment: proto.String("")}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			found := &contract.Mistakes{}
			if err := cfjson.ReadRequest(strings.NewReader(c.body), c.into, found); err != nil {
				t.Fatal(err)
			}
			if found.Fault != nil || len(found.Fields) > 0 {
				t.Fatalf("mistakes: %+v", found)
			}
			if !proto.Equal(c.into, c.want) {
				t.Errorf("got  %v\nwant %v", c.into, c.want)
			}
		})
	}
}

func TestReadRequestReadsABatch(t *testing.T) {
	var got []*secretsstorev1.NewSecret
	found := &contract.Mistakes{}
	body := `[{"name":"A","value":"1","scopes":["workers"]},{"name":"B","value":"2","scopes":["dex","access"],"comment":"c"}]`
	if err := cfjson.ReadRequest(strings.NewReader(body), &got, found); err != nil || len(found.Fields) > 0 {
		t.Fatal(err, found)
	}
	want := []*secretsstorev1.NewSecret{
		{Name: "A", Value: "1", Scopes: []string{"workers"}},
		{Name: "B", Value: "2", Scopes: []string{"dex", "access"}, Comment: proto.String("c")},
	}
	if len(got) != 2 || !proto.Equal(got[0], want[0]) || !proto.Equal(got[1], want[1]) {
		t.Errorf("got %v", got)
	}
}

func TestReadRequestNamesWhatItCannotRead(t *testing.T) {
	batch := func() any { return &[]*secretsstorev1.NewSecret{} }
	store := func() any { return &secretsstorev1.CreateStoreRequest{} }
	change := func() any { return &secretsstorev1.UpdateSecretRequest{} }
	remove := func() any { return &secretsstorev1.DeleteSecretsRequest{} }
	cases := []struct {
		name, body string
		into       func() any
		want       []string
	}{
		{"nothing", "", store, []string{"body: must not be empty"}},
		{"only space", " \n", store, []string{"body: must not be empty"}},
		{"no JSON", "name=x", store, []string{"body: must be valid JSON"}},
		{"a cut body", `{"name":"x`, store, []string{"body: must be valid JSON"}},
		{"a cut batch", `[{"name":"x"},`, batch, []string{"body: must be valid JSON"}},
		{"two values", `{"name":"x"}{"name":"y"}`, store, []string{"body: must be valid JSON"}},
		{"a name twice", `{"name":"x","name":"y"}`, store, []string{"body: must be valid JSON: a name stands twice in an object"}},
		{"bytes that are not UTF-8", "{\"name\":\"\xff\"}", store, []string{"body: must be valid JSON"}},
		{"an array for an object", `[{"name":"x"}]`, store, []string{"body: must be an object"}},
		{"an object for an array", `{"name":"x"}`, batch, []string{"body: must be an array"}},
		{"null", `null`, batch, []string{"body: must be an array"}},
		{"an item of another kind", `[1,{"name":2}]`, batch, []string{"secrets[0]: must be an object", "secrets[1].name: must be a string"}},
		{"unknown names", `[{"name":"A","valeu":"x","key":{"deep":[1]}}]`, batch, []string{
			"secrets[0].valeu: unknown field; the known ones are name, value, scopes, comment",
			"secrets[0].key: unknown field; the known ones are name, value, scopes, comment"}},
		{"a path parameter in the body", `{"name":"x","account_id":"y"}`, store, []string{"account_id: unknown field; the known ones are name"}},
		{"a mask in the body", `{"update_mask":"value"}`, change, []string{"update_mask: unknown field; the known ones are value, scopes, comment, name"}},
		{"types all wrong", `{"value":1,"scopes":"workers","comment":[]}`, change, []string{"value: must be a string", "scopes: must be an array", "comment: must be a string"}},
		{"a scope of another kind", `{"scopes":["a",1,null]}`, change, []string{"scopes[1]: must be a string", "scopes[2]: must be a string"}},
		{"identifiers of another kind", `{"ids":"all"}`, remove, []string{"ids: must be an array"}},
		{"the older form with other names", `[{"key":"a"}]`, remove, []string{"[0].key: unknown field; the known ones are id"}},
		{"the older form without an identifier", `[{},{"id":null},{"id":1},"x"]`, remove, []string{
			"[0].id: must not be empty", "[1].id: must not be empty", "[2].id: must be a string", "[3]: must be an object"}},
		{"the older form without items", `[]`, remove, []string{"body: must have at least 1 item"}},
		{"mistakes before the text turns out to be no JSON", `[{"key":1},`, remove, []string{"body: must be valid JSON"}},
		{"an empty name", `{"":1}`, store, []string{"\"\": unknown field; the known ones are name"}},
		{"a very long name", `{"` + strings.Repeat("a", 100) + `":1}`, store, []string{strings.Repeat("a", 64) + ": unknown field; the known ones are name"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			found := &contract.Mistakes{}
			if err := cfjson.ReadRequest(strings.NewReader(c.body), c.into(), found); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range found.Fields {
				got = append(got, f.Path+": "+f.Text)
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestReadRequestRefusesMoreThanIsRead(t *testing.T) {
	found := &contract.Mistakes{}
	body := http.MaxBytesReader(httptest.NewRecorder(), io.NopCloser(strings.NewReader(`{"name":"`+strings.Repeat("x", 100)+`"}`)), 50)
	if err := cfjson.ReadRequest(body, &secretsstorev1.CreateStoreRequest{}, found); err != nil {
		t.Fatal(err)
	}
	if found.Fault == nil || found.Fault.Kind != fault.TooLarge || !strings.Contains(found.Fault.Public, "50 bytes") {
		t.Errorf("got %+v", found)
	}
}

func TestReadRequestRefusesAMessageWithoutABody(t *testing.T) {
	if err := cfjson.ReadRequest(strings.NewReader("{}"), &secretsstorev1.GetStoreRequest{}, &contract.Mistakes{}); err == nil {
		t.Error("a GET has a body")
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) {
	return 0, errors.New("connection reset, value=hunter2")
}

func TestReadRequestKeepsTheReadersErrorToItself(t *testing.T) {
	found := &contract.Mistakes{}
	if err := cfjson.ReadRequest(brokenReader{}, &secretsstorev1.CreateStoreRequest{}, found); err != nil {
		t.Fatal(err)
	}
	if len(found.Fields) != 1 || strings.Contains(found.Fields[0].Text, "hunter2") {
		t.Errorf("got %+v", found)
	}
}

// TestEveryFieldOfABodyIsRead: a field that is added to a message must also be added to its reader, or REST
// callers cannot use the field.
func TestEveryFieldOfABodyIsRead(t *testing.T) {
	notInBody := map[protoreflect.Name]bool{
		"account_id": true, "store_id": true, "secret_id": true, "update_mask": true, "secrets": true,
		// A header.
		"request_id": true,
	}
	batch := []*secretsstorev1.NewSecret{}
	for target, message := range map[any]proto.Message{
		&secretsstorev1.CreateStoreRequest{}: &secretsstorev1.CreateStoreRequest{}, &batch: &secretsstorev1.NewSecret{}, &secretsstorev1.UpdateSecretRequest{}: &secretsstorev1.UpdateSecretRequest{},
		&secretsstorev1.DeleteSecretsRequest{}: &secretsstorev1.DeleteSecretsRequest{}, &secretsstorev1.DuplicateSecretRequest{}: &secretsstorev1.DuplicateSecretRequest{},
	} {
		fields := message.ProtoReflect().Descriptor().Fields()
		body := `{"unknown":1}`
		if target == any(&batch) {
			body = "[" + body + "]"
		}
		found := &contract.Mistakes{}
		if err := cfjson.ReadRequest(strings.NewReader(body), target, found); err != nil {
			t.Fatal(err)
		}
		for i := range fields.Len() {
			if name := fields.Get(i).Name(); !notInBody[name] && !strings.Contains(found.Fields[0].Text, string(name)) {
				t.Errorf("%s is not read", fields.Get(i).FullName())
			}
		}
	}
}

func FuzzReadRequest(f *testing.F) {
	for _, seed := range []string{
		"", "{}", "[]", "null", `{"name":"x"}`, `[{"name":"A","value":"v","scopes":["workers"],"comment":null}]`,
		`{"ids":["a"]}`, `[{"id":"a"}]`, `{"value":null,"scopes":[],"comment":""}`, `{"name":`, "[[[[", "{\"a\":{\"b\":[1,2,{}]}}", "\xff",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		targets := []any{&secretsstorev1.CreateStoreRequest{}, &[]*secretsstorev1.NewSecret{}, &secretsstorev1.UpdateSecretRequest{}, &secretsstorev1.DeleteSecretsRequest{}, &secretsstorev1.DuplicateSecretRequest{}}
		for _, target := range targets {
			found := &contract.Mistakes{}
			if err := cfjson.ReadRequest(strings.NewReader(body), target, found); err != nil {
				t.Fatalf("%T: %v", target, err)
			}
			for _, m := range found.Fields {
				if m.Path == "" || m.Reason == "" || m.Text == "" {
					t.Fatalf("%T: a mistake that says nothing: %+v", target, m)
				}
			}
		}
	})
}
