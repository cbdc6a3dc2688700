package audit_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/audit"
)

// fields lists every field of a record that could hold a text.
func fields(t *testing.T, of reflect.Type, at string) []string {
	t.Helper()
	switch of.Kind() {
	case reflect.String:
		return []string{at}
	case reflect.Slice, reflect.Array, reflect.Pointer:
		if of.Elem().Kind() == reflect.Uint8 {
			return []string{at}
		}
		return fields(t, of.Elem(), at)
	case reflect.Struct:
		if of == reflect.TypeFor[time.Time]() {
			return nil
		}
		var all []string
		for f := range of.Fields() {
			all = append(all, fields(t, f.Type, at+"."+f.Name)...)
		}
		return all
	case reflect.Bool, reflect.Int:
		return nil
	default:
		// Maps, interfaces and functions have no place in a record.
		return []string{at + " of kind " + of.Kind().String()}
	}
}

// inventory reads testdata/inventory.txt: the class of each field.
func inventory(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("testdata/inventory.txt")
	if err != nil {
		t.Fatal(err)
	}
	classes := map[string]string{}
	for l := range strings.Lines(string(text)) {
		if w := strings.Fields(l); len(w) >= 2 && w[0] != "#" {
			classes[w[0]] = w[1]
		}
	}
	return classes
}

func TestEveryFieldThatCouldHoldATextIsClassified(t *testing.T) {
	want := slices.Sorted(maps.Keys(inventory(t)))
	got := fields(t, reflect.TypeFor[audit.Record](), "Record")
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("the fields of a record are\n%s\nand testdata/inventory.txt has\n%s\n"+
			"Decide for each new field that it cannot hold the value of a secret, and which class bounds it.",
			strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// fill puts the text into every field, and three items into every list.
func fill(v reflect.Value, text string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 300, 300))
		for i := range v.Len() {
			fill(v.Index(i), text)
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for _, field := range v.Fields() {
			fill(field, text)
		}
	}
}

// written returns a record as encoded in the trail.
func written(t *testing.T, r audit.Record) []byte {
	t.Helper()
	p := path(t)
	begin(t, p, nil).append(t, r)
	if report := verified(t, nil, p); report.Records != 2 {
		t.Fatalf("%d records", report.Records)
	}
	return bytes.Split(content(p), []byte("\n"))[1]
}

func TestARecordOfTheStoreIsNoRecordOfACall(t *testing.T) {
	for _, kind := range []audit.RecordKind{"", "other", audit.KindStart, audit.KindRecovered} {
		chain := audit.NewChain(nil, audit.NewOrigin(nil), audit.Place{})
		if line, err := chain.Append(nil, audit.Record{Kind: kind}, time.Now()); err == nil || line != nil || chain.At() != (audit.Place{}) {
			t.Errorf("a record of the kind %q is written as %s", kind, line)
		}
	}
}

func TestATextIsHeldToItsClass(t *testing.T) {
	limits := map[string]int{"word": 64, "id": 128, "name": 512, "store_name": 1024, "fingerprint": 32, "outcome": 9, "kind": 7}
	hostile := []string{
		strings.Repeat("x", 5000), strings.Repeat("\u00e9", 5000), strings.Repeat("\x00", 5000), "\xff\xfe half \xe2\x82",
		"the value was \"hunter2\"\\", "a\nb\r\n\t", "\u202etxt.exe\u2066", "\U0001f511 key", "{\"hash\":\"\"}",
	}
	for _, text := range hostile {
		r := audit.Record{}
		fill(reflect.ValueOf(&r).Elem(), text)
		r.Kind = audit.KindOutcome
		got := written(t, r)
		if len(got) > 128<<10 {
			t.Errorf("a line of %d bytes", len(got))
		}
		var read map[string]any
		if err := json.Unmarshal(got, &read); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		for class, n := range longest(t, read) {
			if n > limits[class] {
				t.Errorf("%.20q: a %s of %d bytes", text, class, n)
			}
		}
		if strings.Contains(text, "hunter2") && (strings.Contains(read["reason"].(string), "hunter2") || strings.Contains(read["code"].(string), "hunter2")) {
			t.Error("the text of an error stands in a word")
		}
	}
}

// longest returns the length of the longest text of each class.
func longest(t *testing.T, read map[string]any) map[string]int {
	t.Helper()
	key := map[string]string{
		"Record.ID": "id", "Record.TenantID": "tenant_id", "Record.RequestID": "request_id", "Record.TraceID": "trace_id", "Record.Store.ID": "store_id", "Record.Store.Name": "store_name",
		"Record.RunID": "run_id", "Record.Rays": "rays", "Record.Decision.Rule": "decision", "Record.Decision.ID": "decision",
		"Record.Secrets.ID": "secrets", "Record.Secrets.Name": "secrets", "Record.Secrets.Fingerprint": "secrets",
	}
	lengths := map[string]int{}
	for field, class := range inventory(t) {
		name := field[strings.LastIndexByte(field, '.')+1:]
		outer, nested := key[field]
		if !nested {
			outer = strings.ToLower(name)
		}
		value, ok := read[outer]
		if !ok {
			t.Errorf("%s is not written as %s", field, outer)
		}
		lengths[class] = max(lengths[class], length(value, strings.ToLower(name)))
	}
	return lengths
}

func length(v any, name string) int {
	switch v := v.(type) {
	case string:
		return len(v)
	case []any:
		return length(v[0], name)
	case map[string]any:
		return length(v[name], name)
	}
	return 0
}

func TestALineHasOneForm(t *testing.T) {
	r := audit.Record{
		Issuer: "https://issuer", Subject: "repo:a/b:ref:main", JTI: "j-1", RunID: "77", Changed: []string{"value", "comment"}, Policy: "sha256:ab",
		Kind: audit.KindIntent, Time: time.Date(2026, 3, 4, 5, 6, 7, 891_234_567, time.FixedZone("", 3600)), ID: "call-1",
		Caller: "team \"a\"", Tenant: "pay\u00adments\u200b", Credential: audit.CredentialJWT,
		Method: "/secretsstore.v1.SecretsStoreService/CreateSecrets", Action: "secrets.create", Account: "main",
		Store:   audit.Store{ID: "0123456789abcdef0123456789abcdef", Name: "prod"},
		Secrets: []audit.Secret{{Name: "PAYMENTS_KEY", Fingerprint: audit.Fingerprint([]byte("k"), []byte("v"))}, {ID: "abc"}},
		Decision: audit.Decision{
			Allowed: true, Rule: "payments", ID: "d-1",
		},
		Outcome: audit.Failed, RequestID: "req-1", TraceID: "0af7651916cd43dd8448eb211c80319c", Protocol: "rest", Peer: "[::1]:4711", Rays: []string{"8f-AMS"},
	}
	want := `{"seq":2,"time":"2026-03-04T04:06:07.891234Z","kind":"intent","id":"call-1","caller":"team \"a\"",` +
		"\"tenant\":\"pay\u00adments\\u200b\"" + `,"credential":"jwt","issuer":"https://issuer","subject":"repo:a/b:ref:main","jti":"j-1","run_id":"77","method":"/secretsstore.v1.SecretsStoreService/CreateSecrets",` +
		`"action":"secrets.create","account":"main","store_id":"0123456789abcdef0123456789abcdef","store_name":"prod",` +
		`"secrets":[{"id":"","name":"PAYMENTS_KEY","fingerprint":"` + audit.Fingerprint([]byte("k"), []byte("v")) + `"},{"id":"abc"}],"secret_count":2,"changed":["value","comment"],` +
		`"decision":{"allowed":true,"rule":"payments","id":"d-1"},"policy":"sha256:ab","request_id":"req-1","trace_id":"0af7651916cd43dd8448eb211c80319c","rays":["8f-AMS"],"protocol":"rest","peer":"[::1]:4711",` +
		`"prev":"`
	if got := string(written(t, r)); !strings.HasPrefix(got, want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestAReloadNamesTheFileAndBothDigests(t *testing.T) {
	r := audit.Record{
		Kind: audit.KindReload, Time: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC), ID: "r-1", Tenant: "billing", TenantID: "payments",
		Action: "callers", Before: "sha256:ab", After: "sha256:cd", Outcome: audit.Failed, Reason: "RELOAD_REFUSED",
	}
	want := `{"seq":2,"time":"2026-03-04T05:06:07.000000Z","kind":"reload","id":"r-1","tenant":"billing","tenant_id":"payments",` +
		`"action":"callers","before":"sha256:ab","after":"sha256:cd","outcome":"failed","reason":"RELOAD_REFUSED","prev":"`
	if got := string(written(t, r)); !strings.HasPrefix(got, want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestAnOutcomeThatIsNoWordIsUnknown(t *testing.T) {
	for given, want := range map[audit.Outcome]string{
		audit.Succeeded: "succeeded", audit.Failed: "failed", audit.NotSent: "not_sent", audit.Unknown: "unknown", "": "unknown", "maybe": "unknown",
	} {
		got := written(t, audit.Record{Kind: audit.KindOutcome, Outcome: given})
		if !bytes.Contains(got, []byte(`"outcome":"`+want+`"`)) {
			t.Errorf("%q is written as %s", given, got)
		}
	}
}

func TestAFingerprintTellsEqualValuesAndNothingElse(t *testing.T) {
	a := audit.Fingerprint([]byte("key"), []byte("value"))
	switch {
	case len(a) != 32 || strings.Trim(a, "0123456789abcdef") != "":
		t.Errorf("its form is %q", a)
	case a != audit.Fingerprint([]byte("key"), []byte("value")):
		t.Error("the same value has another fingerprint")
	case a == audit.Fingerprint([]byte("key"), []byte("value2")):
		t.Error("another value has the same fingerprint")
	case a == audit.Fingerprint([]byte("other"), []byte("value")):
		t.Error("it does not depend on the key")
	case audit.Fingerprint(nil, []byte("value")) != "":
		t.Error("there is one without a key")
	}
}
