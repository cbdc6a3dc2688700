package emulator_test

import (
	"strings"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/emulator"
)

// noLimits is room for many stores and secrets.
func noLimits() emulator.Config {
	return emulator.Config{
		Accounts:  []emulator.Account{{ID: accountID, Name: "main", StoreLimit: 1000, SecretLimit: 10_000}},
		RateLimit: &emulator.RateLimit{},
	}
}

const ok = `,"success":true,"errors":[],"messages":[]`

// TestWholeLifeOfAStore reads every byte of every answer.
func TestWholeLifeOfAStore(t *testing.T) {
	a := start(t, emulator.Config{})
	ids := strings.NewReplacer()
	store := `{"id":"*","name":"my <store> & co","created":"2026-03-04T05:06:07.000000Z",` +
		`"modified":"2026-03-04T05:06:07.000000Z","account_id":"` + accountID + `"}`
	first := `{"id":"*","store_id":"*","name":"A","comment":null,"scopes":["dex","workers"],` +
		`"created":"2026-03-04T05:06:07.000001Z","modified":"2026-03-04T05:06:07.000001Z","status":"pending"}`
	second := `{"id":"*","store_id":"*","name":"B","comment":"","scopes":["access"],` +
		`"created":"2026-03-04T05:06:07.000002Z","modified":"2026-03-04T05:06:07.000002Z","status":"pending"}`
	changed := `{"id":"*","store_id":"*","name":"A","comment":"x\n\"\u0001<é>","scopes":["dex","workers"],` +
		`"created":"2026-03-04T05:06:07.000001Z","modified":"2026-03-04T05:06:07.000003Z","status":"pending"}`
	copied := `{"id":"*","store_id":"*","name":"C","comment":"c","scopes":["workers"],` +
		`"created":"2026-03-04T05:06:07.000004Z","modified":"2026-03-04T05:06:07.000004Z","status":"pending"}`
	steps := []struct {
		name, method, path, body string
		status                   int
		want                     string
		keep                     string // a name for the identifier in the answer
	}{
		{"no store at first", "GET", "stores", "", 200, `{"result":[]` + ok +
			`,"result_info":{"count":0,"page":1,"per_page":20,"total_count":0,"total_pages":0}}`, ""},
		{"a store is made", "POST", "stores", `{"name":"my <store> & co"}`, 200, `{"result":` + store + ok + `}`, "STORE"},
		{"it is shown", "GET", "stores/STORE", "", 200, `{"result":` + store + ok + `}`, ""},
		{"it is listed", "GET", "stores", "", 200, `{"result":[` + store + `]` + ok +
			`,"result_info":{"count":1,"page":1,"per_page":20,"total_count":1,"total_pages":1}}`, ""},
		{"secrets are made in the order of the request", "POST", "stores/STORE/secrets",
			`[{"name":"A","value":"one","scopes":["workers","dex","workers"]},{"name":"B","value":"two","scopes":["access"],"comment":""}]`,
			200, `{"result":[` + first + `,` + second + `]` + ok + `}`, "A"},
		{"the newest is listed first", "GET", "stores/STORE/secrets", "", 200, `{"result":[` + second + `,` + first + `]` + ok +
			`,"result_info":{"count":2,"page":1,"per_page":20,"total_count":2,"total_pages":1}}`, ""},
		{"one is shown", "GET", "stores/STORE/secrets/A", "", 200, `{"result":` + first + ok + `}`, ""},
		{"one is changed", "PATCH", "stores/STORE/secrets/A", `{"value":"three","comment":"x\n\"\u0001<\u00e9>"}`, 200,
			`{"result":` + changed + ok + `}`, ""},
		{"one is copied", "POST", "stores/STORE/secrets/A/duplicate", `{"name":"C","scopes":["workers"],"comment":"c"}`, 200,
			`{"result":` + copied + ok + `}`, "C"},
		{"the quota counts them", "GET", "quota", "", 200, `{"result":{"secrets":{"quota":100,"usage":3}}` + ok + `}`, ""},
		{"one is deleted", "DELETE", "stores/STORE/secrets/A", "", 202, `{"result":null` + ok + `}`, ""},
		{"others are deleted together", "DELETE", "stores/STORE/secrets", `{"ids":["C"]}`, 202, `{"result":null` + ok + `}`, ""},
		{"a store that is not empty stays", "DELETE", "stores/STORE", "", 409,
			`{"result":null,"success":false,"errors":[{"code":1003,"message":"store_not_empty"}],"messages":[]}`, ""},
		{"force deletes it with its secrets", "DELETE", "stores/STORE?force=true", "", 200, `{"result":null` + ok + `}`, ""},
		{"nothing is left", "GET", "quota", "", 200, `{"result":{"secrets":{"quota":100,"usage":0}}` + ok + `}`, ""},
	}
	known := []string{}
	for _, s := range steps {
		t.Run(s.name, func(t *testing.T) {
			got := a.do(s.method, fill(ids, s.path), fillBody(ids, s.body))
			if got.status != s.status || got.plain() != s.want {
				t.Fatalf("status %d, want %d\n got %s\nwant %s", got.status, s.status, got.plain(), s.want)
			}
			if s.keep != "" {
				known = append(known, "/"+s.keep, "/"+got.id(t), `"`+s.keep+`"]`, `"`+got.id(t)+`"]`)
				ids = strings.NewReplacer(known...)
			}
		})
	}
	if stores, secrets := a.e.Counts(accountID); stores != 0 || secrets != 0 {
		t.Errorf("%d stores and %d secrets are left", stores, secrets)
	}
}

func fill(ids *strings.Replacer, path string) string { return ids.Replace(path) }

// fillBody inserts identifiers only at the end of a list of identifiers.
func fillBody(ids *strings.Replacer, body string) string {
	if strings.HasPrefix(body, `{"ids"`) {
		return ids.Replace(body)
	}
	return body
}

func TestASecretIsPendingForAWhile(t *testing.T) {
	a := start(t, emulator.Config{ActivateAfter: time.Second})
	path := a.secret(a.store("s"), "A")
	for _, step := range []struct {
		wait time.Duration
		want string
	}{{0, "pending"}, {999 * time.Millisecond, "pending"}, {2 * time.Millisecond, "active"}} {
		a.clock.move(step.wait)
		if got := a.must("GET", path, ""); !strings.Contains(got.body, `"status":"`+step.want+`"`) {
			t.Errorf("want status %s: %s", step.want, got.body)
		}
	}
	if got := a.must("PATCH", path, `{"value":"n"}`); !strings.Contains(got.body, `"status":"active"`) {
		t.Errorf("a change took the status back: %s", got.body)
	}
}

func TestANegativeDelayMakesSecretsActiveAtOnce(t *testing.T) {
	a := start(t, emulator.Config{ActivateAfter: -1})
	if got := a.must("GET", a.secret(a.store("s"), "A"), ""); !strings.Contains(got.body, `"status":"active"`) {
		t.Error(got.body)
	}
}

func TestPatchKeepsWhatIsAbsent(t *testing.T) {
	cases := []struct{ name, body, want, value string }{
		{"comment kept", `{"value":"new"}`, `"comment":"old","scopes":["workers"]`, "new"},
		{"comment cleared by null", `{"comment":null}`, `"comment":null,"scopes":["workers"]`, "v"},
		{"comment emptied", `{"comment":""}`, `"comment":"","scopes":["workers"]`, "v"},
		{"scopes sorted, each once", `{"scopes":["workers","access","workers"]}`, `"comment":"old","scopes":["access","workers"]`, "v"},
		{"name ignored", `{"name":7,"comment":"c"}`, `"name":"A","comment":"c"`, "v"},
		{"unknown keys ignored", `{"VALUE":"x","expires":1,"comment":"c"}`, `"comment":"c"`, "v"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a := start(t, noLimits())
			store := a.store("s")
			made := a.must("POST", "stores/"+store+"/secrets", `[{"name":"A","value":"v","scopes":["workers"],"comment":"old"}]`)
			path := "stores/" + store + "/secrets/" + made.id(t)
			got := a.must("PATCH", path, c.body)
			if !strings.Contains(got.body, c.want) {
				t.Errorf("got %s, want in it %s", got.body, c.want)
			}
			if again := a.must("GET", path, ""); again.body != got.body {
				t.Errorf("the change is not what is shown: %s", again.body)
			}
			if value, found := a.e.Value(accountID, store, "A"); !found || value != c.value {
				t.Errorf("value %q, %t; want %q", value, found, c.value)
			}
		})
	}
}

func TestDuplicateKeepsTheValueThatNobodySees(t *testing.T) {
	a := start(t, noLimits())
	store := a.store("s")
	path := a.secret(store, "A")
	a.must("POST", path+"/duplicate", `{"name":"B","scopes":["dex"],"value":"ignored"}`)
	if value, found := a.e.Value(accountID, store, "B"); !found || value != "v" {
		t.Errorf("value %q, %t", value, found)
	}
	if _, found := a.e.Value(accountID, store, "none"); found {
		t.Error("a value of a secret that does not exist")
	}
	if _, found := a.e.Value(noSuchID, store, "A"); found {
		t.Error("a value in an account that does not exist")
	}
}

func TestNoAnswerHoldsAValue(t *testing.T) {
	const sentinel = "sentinel-value-5d1c"
	a := start(t, noLimits())
	store := a.store("s")
	secrets := "stores/" + store + "/secrets"
	made := a.must("POST", secrets, `[{"name":"A","value":"`+sentinel+`","scopes":["workers"]}]`)
	one := secrets + "/" + made.id(t)
	for _, r := range []reply{
		made,
		a.do("GET", one, ""),
		a.do("GET", secrets+"?search="+sentinel, ""),
		a.do("PATCH", one, `{"value":"`+sentinel+`"}`),
		a.do("PATCH", one, `{"value":["`+sentinel+`"]}`),
		a.do("PATCH", one, `{"value":"`+strings.Repeat(sentinel, 5000)+`"}`),
		a.do("POST", secrets, `[{"name":"A","value":"`+sentinel+`","scopes":["workers"]}]`),
		a.do("POST", one+"/duplicate", `{"name":"B","scopes":["workers"]}`),
	} {
		if strings.Contains(r.body, sentinel) {
			t.Errorf("a value in %.200s", r.body)
		}
	}
}

func TestBodiesOfAnyContentTypeAreRead(t *testing.T) {
	a := start(t, noLimits())
	for i, kind := range []string{"", "text/plain;charset=UTF-8", "application/json", "application/octet-stream"} {
		a.header.Set("Content-Type", kind)
		a.must("POST", "stores", `{"name":"s`+string(rune('0'+i))+`"}`)
	}
}

func TestOnlyWhatMustBeIsEscaped(t *testing.T) {
	a := start(t, noLimits())
	name := `\b\f\n\r\t\u0000\u001F\u007f\u2028\"\\\/<>&\u00e9\ud83d\ude00`
	const want = `"name":"\b\f\n\r\t\u0000\u001f` + "\x7f\u2028" + `\"\\/<>&` + "é\U0001F600\""
	if got := a.must("POST", "stores", `{"name":"`+name+`"}`); !strings.Contains(got.body, want) {
		t.Errorf("got %q, want in it %q", got.body, want)
	}
}

func TestBulkDeleteTakesBothForms(t *testing.T) {
	for name, form := range map[string]string{
		"ids":             `{"ids":["%"]}`,
		"older":           `[{"id":"%"}]`,
		"twice the same":  `{"ids":["%","%"]}`,
		"with other keys": `{"ids":["%"],"all":true}`,
	} {
		t.Run(name, func(t *testing.T) {
			a := start(t, noLimits())
			store := a.store("s")
			one := a.secret(store, "A")
			a.secret(store, "B")
			a.must("DELETE", "stores/"+store+"/secrets", strings.ReplaceAll(form, "%", one[strings.LastIndex(one, "/")+1:]))
			if left := a.must("GET", "stores/"+store+"/secrets", "").names(t); left != "B" {
				t.Errorf("left are %q, want B", left)
			}
		})
	}
}

func TestEraAStoreCreation(t *testing.T) {
	a := start(t, noLimits())
	if err := a.e.Inject(emulator.Fault{Kind: emulator.KindEraA}); err != nil {
		t.Fatal(err)
	}
	got, err := a.try("POST", "stores", `[{"name":"s"}]`)
	if err != nil || got.status != 200 || !strings.HasPrefix(got.body, `{"result":[{"id":`) {
		t.Errorf("%v, status %d, %s", err, got.status, got.body)
	}
	for body, want := range map[string]string{
		`{"name":"t"}`:  "body: must be an array",
		`[]`:            "body: must have at least 1 item",
		`["t"]`:         "[0]: must be an object",
		`[{"name":""}]`: "[0].name: must not be empty",
	} {
		if got := a.do("POST", "stores", body); got.status != 400 || !strings.Contains(got.body, want) {
			t.Errorf("%s: status %d, %s", body, got.status, got.body)
		}
	}
}
