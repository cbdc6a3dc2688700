package main

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
)

const deleted = `{"result":null,"success":true,"errors":[],"messages":[]}`

func TestFact05SecretsGoInAndComeOutAsArrays(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	got := p.must("POST", "stores", `{"name":"s"}`)
	if _, object := got.Result.(map[string]any); !object {
		t.Errorf("a store comes out as %s", got.body)
	}
	secrets := "stores/" + got.id() + "/secrets"
	got = p.must("POST", secrets, `[{"name":"A","value":"v","scopes":["dex"]}]`)
	if list, array := got.Result.([]any); !array || len(list) != 1 || got.ResultInfo != nil {
		t.Errorf("one secret comes out as %s", got.body)
	}
	for _, tc := range []struct{ path, body, message string }{
		{"stores", `[{"name":"s"}]`, "body: must be an object"},
		{secrets, `{"name":"A","value":"v","scopes":["dex"]}`, "body: must be an array"},
		{secrets, `{"secrets":[{"name":"A","value":"v","scopes":["dex"]}]}`, "body: must be an array"},
	} {
		got := p.do("POST", tc.path, tc.body)
		if got.status != http.StatusBadRequest || !slices.Equal(got.errors(), []string{"1001 invalid_json_body"}) || got.messages()[0] != tc.message {
			t.Errorf("%s: %d %s", tc.body, got.status, got.body)
		}
	}
}

func TestFact06DeletionsSayNull(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	store := p.store()
	one, two := p.secret(store, "A"), p.secret(store, "B")
	for _, tc := range []struct {
		path, body string
		status     int
	}{
		{one, "", http.StatusAccepted},
		{store + "/secrets", `{"ids":["` + two[len(two)-32:] + `"]}`, http.StatusAccepted},
		{store, "", http.StatusOK},
	} {
		if got := p.do("DELETE", tc.path, tc.body); got.status != tc.status || got.body != deleted {
			t.Errorf("%s: %d %s", tc.path, got.status, got.body)
		}
	}
}

func TestFact07TheBytesAreCloudflares(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	id, moment := `"[0-9a-f]{32}"`, `"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"`
	store := fmt.Sprintf(`\{"id":%s,"name":"s<&>é","created":%s,"modified":%s,"account_id":%s\}`, id, moment, moment, id)
	secret := func(name, comment string) string {
		return fmt.Sprintf(`\{"id":%s,"store_id":%s,"name":"%s","comment":%s,"scopes":\["dex","workers"\],"created":%s,"modified":%s,"status":"active"\}`,
			id, id, name, comment, moment, moment)
	}
	rest := `,"success":true,"errors":\[\],"messages":\[\]`
	is := func(got reply, pattern string) {
		t.Helper()
		if !regexp.MustCompile(`^\{"result":` + pattern + `\}$`).MatchString(got.body) {
			t.Errorf("%s\nis not of the form\n%s", got.body, pattern)
		}
	}
	is(p.must("GET", "stores", ""), `\[\]`+rest+`,"result_info":\{"count":0,"page":1,"per_page":20,"total_count":0,"total_pages":0\}`)
	made := p.must("POST", "stores", `{"name":"s<&>\u00e9"}`)
	is(made, store+rest)
	secrets := "stores/" + made.id() + "/secrets"
	is(p.must("POST", secrets, `[{"name":"A","value":"v","scopes":["workers","dex"],"comment":"a\"b\\c\n\u2028\u0001 <&>"}]`),
		`\[`+secret("A", `"a\\"b\\\\c\\n`+"\u2028"+`\\u0001 <&>"`)+`\]`+rest)
	is(p.must("GET", secrets+"?per_page=3&search=a", ""),
		`\[`+secret("A", `".*"`)+`\]`+rest+`,"result_info":\{"count":1,"page":1,"per_page":3,"total_count":1,"total_pages":1\}`)
	is(p.must("GET", "quota", ""), `\{"secrets":\{"quota":100,"usage":1\}\}`+rest)
}

func TestFact08CommentsAreAbsentNullOrEmpty(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	secrets := p.store() + "/secrets"
	for i, tc := range []struct{ created, changed, then, sent string }{
		{"", `{"value":"n"}`, "null", `{"value":"n"}`},
		{`,"comment":null`, `{"comment":""}`, `""`, `{"comment":""}`},
		{`,"comment":""`, `{"value":"n"}`, `""`, `{"value":"n"}`},
		{`,"comment":""`, `{"comment":null}`, "null", `{"comment":null}`},
		{`,"comment":"c"`, `{"comment":null}`, "null", `{"comment":null}`},
		{`,"comment":"c"`, `{"comment":null,"scopes":["dex"]}`, "null", `{"scopes":["dex"],"comment":null}`},
		{`,"comment":"c"`, `{"comment":"d"}`, `"d"`, `{"comment":"d"}`},
		{`,"comment":"c"`, `{"scopes":["dex"]}`, `"c"`, `{"scopes":["dex"]}`},
	} {
		t.Run(tc.created+" and "+tc.changed, func(t *testing.T) {
			p := p.in(t)
			secret := secrets + "/" + p.must("POST", secrets, fmt.Sprintf(`[{"name":"S%d","value":"v","scopes":["dex"]%s}]`, i, tc.created)).id()
			p.must("PATCH", secret, tc.changed)
			asked := p.cf.Requests()
			same(t, "sent", string(asked[len(asked)-1].Body), tc.sent)
			if got := p.must("GET", secret, ""); !strings.Contains(got.body, `"comment":`+tc.then+`,`) {
				t.Errorf("the comment became %s, want %s", got.body, tc.then)
			}
		})
	}
}

// answering replaces texts in Cloudflare's answers, given as pairs of old and
// new text.
func answering(oldNew ...string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(&rewriter{ResponseWriter: w, texts: strings.NewReplacer(oldNew...)}, r)
		})
	}
}

// rewriter replaces texts in an answer.
type rewriter struct {
	http.ResponseWriter

	texts *strings.Replacer
}

func (w *rewriter) WriteHeader(status int) {
	w.Header().Del("Content-Length")
	w.ResponseWriter.WriteHeader(status)
}

func (w *rewriter) Write(b []byte) (int, error) {
	_, err := w.texts.WriteString(w.ResponseWriter, string(b))
	return len(b), err
}

func TestFact09ScopesAndStatusesOfTomorrowPassUnchanged(t *testing.T) {
	t.Parallel()
	p := start(t, setup{wrap: answering(`["dex"]`, `["quantum"]`, `"active"`, `"frozen"`)})
	secret := p.store()
	// Cloudflare's contract of today does not know these words.
	p.http = newClient(p.http.Transport.(*checkedTransport).base)
	made := p.must("POST", secret+"/secrets", `[{"name":"A","value":"v","scopes":["dex"]}]`)
	if !strings.Contains(made.body, `"scopes":["quantum"]`) || !strings.Contains(made.body, `"status":"frozen"`) {
		t.Errorf("got %s", made.body)
	}
	got := p.call(context.Background(), "GetSecret", fmt.Sprintf(`{"account_id":"main","store_id":%q,"secret_id":%q}`, secret[7:], made.id()))
	if s := got.answer.(*secretsstorev1.GetSecretResponse).GetSecret(); !slices.Equal(s.GetScopes(), []string{"quantum"}) || s.GetStatus() != "frozen" {
		t.Errorf("got %v", s)
	}
}

func TestFact10ScopesAreAlwaysThereAndSorted(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ old, replaced, want string }{
		"in any order":  {`["access","dex","workers"]`, `["workers","access","dex"]`, `"scopes":["access","dex","workers"]`},
		"not said":      {`"scopes":["access","dex","workers"],`, ``, `"scopes":[]`},
		"said as null":  {`"scopes":["access","dex","workers"],`, `"scopes":null,`, `"scopes":[]`},
		"said as empty": {`"scopes":["access","dex","workers"],`, `"scopes":[],`, `"scopes":[]`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t, setup{wrap: answering(tc.old, tc.replaced)})
			secrets := p.store() + "/secrets"
			made := p.must("POST", secrets, `[{"name":"A","value":"v","scopes":["workers","access","dex"]}]`)
			for _, got := range []reply{made, p.must("GET", secrets, ""), p.must("GET", secrets+"/"+made.id(), "")} {
				if !strings.Contains(got.body, tc.want) {
					t.Errorf("got %s, want %s", got.body, tc.want)
				}
			}
		})
	}
}

func TestFact11BulkDeletionDeletesWhatIsNamedAndNothingElse(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	for name, body := range map[string]string{"ids": `{"ids":["$a","$b"]}`, "as before 2026": `[{"id":"$a"},{"id":"$b"}]`, "the same twice": `{"ids":["$a","$b","$a"]}`} {
		t.Run(name, func(t *testing.T) {
			p := p.in(t)
			w := p.given("full")
			more := p.must("GET", "stores/"+w.store+"/secrets?search=more-1", "").id()
			p.must("DELETE", "stores/"+w.store+"/secrets", strings.NewReplacer("$a", w.secret, "$b", more).Replace(body))
			if _, left := p.cf.Counts(accountID); left != 1 {
				t.Errorf("%d secrets are left", left)
			}
		})
	}
	for _, tc := range []struct{ body, message string }{
		{"", "body: must not be empty"},
		{" \n", "body: must not be empty"},
		{"{}", "ids: must have at least 1 item"},
		{`{"ids":[]}`, "ids: must have at least 1 item"},
		{`{"ids":null}`, "ids: must have at least 1 item"},
		{"[]", "body: must have at least 1 item"},
		{"null", "body: must be an object"},
		{`"*"`, "body: must be an object"},
		{`{"ids":"$a"}`, "ids: must be an array"},
		{`{"ids":[1]}`, "ids[0]: must be a string"},
		{`{"id":["$a"]}`, "ids: must have at least 1 item"},
		{`["$a"]`, "[0]: must be an object"},
		{`[{}]`, "[0].id: must not be empty"},
		{`[{"id":1}]`, "[0].id: must be a string"},
		{`{"ids":["$a"]`, "body: must be valid JSON"},
		{`{"ids":["$a"]}{"ids":["$a"]}`, "body: must be valid JSON"},
	} {
		t.Run(tc.body, func(t *testing.T) {
			p := p.in(t)
			w := p.given("full")
			got := p.do("DELETE", "stores/"+w.store+"/secrets", w.fill(strings.ReplaceAll(tc.body, "$a", w.secret)))
			if got.status != http.StatusBadRequest || !strings.HasPrefix(got.errors()[0], "1001 invalid_json_body") || !slices.Contains(got.messages(), tc.message) {
				t.Errorf("%d %s", got.status, got.body)
			}
			if _, left := p.cf.Counts(accountID); left != 3 {
				t.Errorf("%d secrets are left", left)
			}
		})
	}
}

func TestFact12PagersComeToAnEnd(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	w := p.given("full")
	// As the SDKs read: on and on until a page is empty.
	var seen []string
	page := 1
	for ; page < 10; page++ {
		got := p.must("GET", fmt.Sprintf("stores/%s/secrets?per_page=2&page=%d", w.store, page), "")
		if len(namesOf(got)) == 0 {
			break
		}
		seen = append(seen, namesOf(got)...)
	}
	if page != 3 || strings.Join(seen, " ") != "more-2 more-1 taken" {
		t.Errorf("%v on %d pages", seen, page)
	}
	for query, want := range map[string]float64{"?per_page=100": 100, "?per_page=101": 100, "?per_page=0": 20, "?page=0": 20} {
		info := p.must("GET", "stores/"+w.store+"/secrets"+query, "").ResultInfo.(map[string]any)
		if info["per_page"] != want || info["page"] != 1.0 {
			t.Errorf("%s: %v", query, info)
		}
	}
}

func TestUnknownFieldsAreRefusedByName(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	w := p.given("secret")
	secrets := "stores/" + w.store + "/secrets"
	for _, tc := range []struct{ method, path, body, want string }{
		{"POST", "stores", `{"name":"x","account_id":"y"}`, "account_id: unknown field; the known ones are name"},
		{"POST", secrets, `[{"name":"A","valeu":"v","scopes":["dex"]}]`, "[0].valeu: unknown field; the known ones are name, value, scopes, comment"},
		{"PATCH", secrets + "/" + w.secret, `{"Value":"v"}`, "Value: unknown field; the known ones are value, scopes, comment, name"},
		{"POST", secrets + "/" + w.secret + "/duplicate", `{"name":"B","scopes":["dex"],"value":"v"}`, "value: unknown field; the known ones are name, scopes, comment"},
		{"DELETE", secrets, `{"ids":["` + w.secret + `"],"force":true}`, "force: unknown field; the known ones are ids"},
	} {
		got := p.do(tc.method, tc.path, tc.body)
		if got.status != http.StatusBadRequest || !slices.Contains(got.messages(), tc.want) {
			t.Errorf("%s: %d %s", tc.body, got.status, got.body)
		}
	}
}

func TestBodiesThatAreNotJSONAreNamed(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	for body, want := range map[string]string{
		"":                           "body: must not be empty",
		"not json":                   "body: must be valid JSON",
		`{"name":"x"`:                "body: must be valid JSON",
		`{"name":"x"},`:              "body: must be valid JSON",
		"{\"name\":\"\xff\"}":        "body: must be valid JSON",
		`{"name":"\ud800"}`:          "body: must be valid JSON",
		`{"name":"x","name":"y"}`:    "body: must be valid JSON: a name stands twice in an object",
		"\x1f\x8b\x08\x00":           "body: must be valid JSON",
		"name=x":                     "body: must be valid JSON",
		"true":                       "body: must be an object",
		strings.Repeat("[", 100_000): "body: must not be nested more than 32 levels deep",
	} {
		got := p.do("POST", "stores", body)
		if got.status != http.StatusBadRequest || got.errors()[0] != "1001 invalid_json_body" || got.messages()[0] != want {
			t.Errorf("%.40q: %d %s", body, got.status, got.body)
		}
	}
}
