package cfjson_test

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	storekeeperv1 "platform.internal/storekeeper/gen/storekeeper/v1"
	"platform.internal/storekeeper/internal/cfjson"
	"platform.internal/storekeeper/internal/contract"
)

// readMapped reads a body into a message, and returns the mistakes as "path: text".
func readMapped(t *testing.T, body string, into proto.Message, inPath ...string) []string {
	t.Helper()
	found := &contract.Mistakes{}
	elsewhere := func(name string) bool { return slices.Contains(inPath, name) }
	if err := cfjson.ReadMessage(strings.NewReader(body), into, elsewhere, found); err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, f := range found.Fields {
		list = append(list, f.Path+": "+f.Text)
	}
	return list
}

func TestReadMessageReadsGooglesMapping(t *testing.T) {
	for _, tc := range []struct {
		name, body string
		want       proto.Message
	}{
		{"names of JSON", `{"pageSize":5,"pageToken":"x"}`, &storekeeperv1.ListPermissionsRequest{PageSize: 5, PageToken: "x"}},
		{"names of the proto file", `{"page_size":5,"page_token":"x"}`, &storekeeperv1.ListPermissionsRequest{PageSize: 5, PageToken: "x"}},
		{"a number as a string", `{"pageSize":"5"}`, &storekeeperv1.ListPermissionsRequest{PageSize: 5}},
		{"null is absent", `{"pageSize":null,"pageToken":null}`, &storekeeperv1.ListPermissionsRequest{}},
		{"messages in a list", ` { "checks" : [ {"action":"a","scopes":["x","y"]}, {} ] } `, &storekeeperv1.TestPermissionsRequest{
			Checks: []*storekeeperv1.PermissionCheck{{Action: "a", Scopes: []string{"x", "y"}}, {}}}},
		{"times, durations and numbers", `{"time":"2026-01-02T03:04:05Z","budgets":[{"window":"300s"}],"store":{"commit":"18446744073709551615"},"checks":[{"ok":true}]}`,
			mapped(t, &storekeeperv1.GetStatusResponse{}, `{"time":"2026-01-02T03:04:05Z","budgets":[{"window":"300s"}],"store":{"commit":"18446744073709551615"},"checks":[{"ok":true}]}`)},
		{"an escaped text", `{"pageToken":"\u00e9\n\ud83d\ude00"}`, &storekeeperv1.ListPermissionsRequest{PageToken: "é\n😀"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := tc.want.ProtoReflect().New().Interface()
			if wrong := readMapped(t, tc.body, got); len(wrong) > 0 || !proto.Equal(got, tc.want) {
				t.Errorf("got %v with %v", got, wrong)
			}
		})
	}
}

func mapped(t *testing.T, m proto.Message, text string) proto.Message {
	t.Helper()
	if err := protojson.Unmarshal([]byte(text), m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestReadMessageNamesEveryMistakeAndNoValue(t *testing.T) {
	const value = "a-value-that-nobody-repeats"
	for _, tc := range []struct {
		name, body string
		into       proto.Message
		want       []string
	}{
		{"an unknown name", `{"pageSizes":1,"x":"` + value + `"}`, &storekeeperv1.ListPermissionsRequest{},
			[]string{"pageSizes: unknown field; the known ones are page_size, page_token", "x: unknown field; the known ones are page_size, page_token"}},
		{"wrong types", `{"pageSize":"` + value + `","pageToken":7}`, &storekeeperv1.ListPermissionsRequest{}, []string{"page_size: must be a whole number", "page_token: must be a string"}},
		{"a list in place of a number", `{"pageSize":["` + value + `"],"pageToken":{"a":1}}`, &storekeeperv1.ListPermissionsRequest{}, []string{"page_size: must be a whole number", "page_token: must be a string"}},
		{"a number that is too large", `{"pageSize":4294967296}`, &storekeeperv1.ListPermissionsRequest{}, []string{"page_size: must be a whole number"}},
		{"deep inside", `{"checks":[{"scopes":["a",1,null]},{"action":[]},"` + value + `"]}`, &storekeeperv1.TestPermissionsRequest{},
			[]string{"checks[0].scopes[1]: must be a string", "checks[0].scopes[2]: must be a string", "checks[1].action: must be a string", "checks[2]: must be an object"}},
		{"no object", `["` + value + `"]`, &storekeeperv1.ListPermissionsRequest{}, []string{"body: must be an object"}},
		{"no JSON", `{"pageToken":"` + value, &storekeeperv1.ListPermissionsRequest{}, []string{"body: must be valid JSON"}},
		{"nothing", ``, &storekeeperv1.ListPermissionsRequest{}, []string{"body: must not be empty"}},
		{"a name twice", `{"pageSize":1,"page_size":2}`, &storekeeperv1.ListPermissionsRequest{}, []string{"body: must be valid JSON: a name stands twice in an object"}},
		{"a second value", `{} {}`, &storekeeperv1.ListPermissionsRequest{}, []string{"body: must be valid JSON"}},
		{"a time that is none", `{"time":"` + value + `"}`, &storekeeperv1.GetStatusResponse{}, []string{"time: must be a time such as 2026-01-31T15:04:05Z"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := readMapped(t, tc.body, tc.into)
			if strings.Join(got, "\n") != strings.Join(tc.want, "\n") {
				t.Errorf("got  %q\nwant %q", got, tc.want)
			}
			if strings.Contains(strings.Join(got, "\n"), value) {
				t.Error("a mistake repeats a value")
			}
		})
	}
}

func TestReadMessageRefusesWhatIsInThePath(t *testing.T) {
	got := readMapped(t, `{"account_id":"other","name":"n"}`, &secretsstorev1.CreateStoreRequest{}, "account_id")
	if len(got) != 1 || !strings.HasPrefix(got[0], "account_id: unknown field") {
		t.Errorf("got %v", got)
	}
}

// The reader tracks members in an array of fixed size.
func TestNoMessageHasMoreFieldsThanAreToldApart(t *testing.T) {
	seen := map[protoreflect.FullName]bool{}
	var visit func(md protoreflect.MessageDescriptor)
	visit = func(md protoreflect.MessageDescriptor) {
		if seen[md.FullName()] {
			return
		}
		seen[md.FullName()] = true
		if n := md.Fields().Len(); n > 32 {
			t.Errorf("%s has %d fields", md.FullName(), n)
		}
		for i := range md.Fields().Len() {
			if inner := md.Fields().Get(i).Message(); inner != nil {
				visit(inner)
			}
		}
	}
	for _, file := range []protoreflect.FileDescriptor{storekeeperv1.File_storekeeper_v1_self_proto, storekeeperv1.File_storekeeper_v1_operator_proto} {
		for i := range file.Messages().Len() {
			visit(file.Messages().Get(i))
		}
	}
	if len(seen) < 20 {
		t.Errorf("only %d messages", len(seen))
	}
}

func TestMessageGivesTheSameBytesEachTime(t *testing.T) {
	m := &storekeeperv1.GetUsageResponse{Tenant: "a <b> & c", Accounts: []*storekeeperv1.AccountUsage{{Account: "main"}}}
	const want = `{"tenant":"a <b> & c","accounts":[{"account":"main"}]}`
	for range 20 {
		if got, err := cfjson.Message(m); err != nil || string(got) != want {
			t.Fatalf("%s, %v", got, err)
		}
	}
}
