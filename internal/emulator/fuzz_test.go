package emulator_test

import (
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/emulator"
)

// envelope has the fields of every answer.
type envelope struct {
	Success  *bool `json:"success"`
	Errors   []any `json:"errors"`
	Messages []any `json:"messages"`
}

// checkEnvelope fails when an answer is no envelope or blames the server.
func checkEnvelope(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	var got envelope
	d := json.NewDecoder(strings.NewReader(w.Body.String()))
	if err := d.Decode(&got); err != nil || d.More() {
		t.Fatalf("%v in %q", err, w.Body)
	}
	if got.Success == nil || got.Errors == nil || got.Messages == nil {
		t.Fatalf("no envelope: %s", w.Body)
	}
	if w.Code >= 500 || *got.Success != (w.Code < 400) || *got.Success == (len(got.Errors) > 0) {
		t.Fatalf("status %d, %s", w.Code, w.Body)
	}
}

// fuzzed makes an emulator with a store and a secret.
func fuzzed(t *testing.T) (e *emulator.Emulator, store, secret string) {
	t.Helper()
	e = emulator.New(noLimits())
	w := httptest.NewRecorder()
	e.ServeHTTP(w, request("POST", "stores", `{"name":"s"}`))
	store = "stores/" + reply{body: w.Body.String()}.id(t)
	w = httptest.NewRecorder()
	e.ServeHTTP(w, request("POST", store+"/secrets", `[{"name":"A","value":"v","scopes":["dex"]}]`))
	return e, store, store + "/secrets/" + reply{body: w.Body.String()}.id(t)
}

// FuzzBodies sends any body to every operation with a body.
func FuzzBodies(f *testing.F) {
	for _, seed := range []string{
		"", "{}", "[]", "null", `{"name":"x"}`, `[{"name":"x","value":"v","scopes":["dex"],"comment":null}]`,
		`{"value":"","scopes":[1,null,"moon"],"comment":{}}`, `{"ids":["x",2]}`, `[{"id":"x"},{"id":4},7]`,
		`{"name":"\ud800\u0000"}`, "{\"name\":\"\xff\"}", `1e999`, strings.Repeat("[", 20_000), `{"name":"a","name":"b"}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		e, store, secret := fuzzed(t)
		for _, target := range []string{
			"POST stores", "POST " + store + "/secrets", "PATCH " + secret, "POST " + secret + "/duplicate", "DELETE " + store + "/secrets",
		} {
			method, path, _ := strings.Cut(target, " ")
			w := httptest.NewRecorder()
			e.ServeHTTP(w, request(method, path, body))
			checkEnvelope(t, w)
		}
	})
}

// FuzzQueries sends any query to every operation with a query.
func FuzzQueries(f *testing.F) {
	for _, seed := range []string{
		"", "page=0&per_page=0", "page=-1", "page=x", "per_page=99999999999999999999", "order=name&direction=asc",
		"order=comment", "order=status", "search=%ff", "search=a+b", "scopes=a,b&scopes=,", "force=maybe", "%zz=1;2", "&&&=",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		e, store, _ := fuzzed(t)
		for _, target := range []string{
			"GET stores", "GET " + store + "/secrets", "GET /client/v4/accounts", "GET /client/v4/memberships", "DELETE " + store,
		} {
			method, path, _ := strings.Cut(target, " ")
			r := request(method, path, "")
			r.URL.RawQuery = query
			w := httptest.NewRecorder()
			e.ServeHTTP(w, r)
			checkEnvelope(t, w)
		}
	})
}

// FuzzPaths sends any path and credential.
func FuzzPaths(f *testing.F) {
	f.Add("GET", "/client/v4//accounts/x/secrets_store/stores", "Bearer x")
	f.Add("PATCH", "/client/v4/accounts/%ff/secrets_store/quota", "")
	f.Add("", "*", "Basic")
	f.Fuzz(func(t *testing.T, method, path, credential string) {
		r := request("GET", "stores", "")
		u, err := url.Parse(path)
		if err != nil {
			return
		}
		r.Method, r.URL = method, u
		r.Header.Set("Authorization", credential)
		w := httptest.NewRecorder()
		emulator.New(emulator.Config{ControlOff: true}).ServeHTTP(w, r)
		checkEnvelope(t, w)
	})
}

// FuzzFaults orders any fault, which is taken or refused and never believed
// in part.
func FuzzFaults(f *testing.F) {
	f.Add(`{"kind":"status","status":503,"times":1}`)
	f.Add(`[{"kind":"lag","lag_ms":1},{"kind":"cut","probability":1e-9}]`)
	f.Fuzz(func(t *testing.T, body string) {
		e := emulator.New(emulator.Config{})
		w := httptest.NewRecorder()
		e.ServeHTTP(w, request("POST", "/__emulator/faults", body))
		if !json.Valid(w.Body.Bytes()) || (w.Code == 200) != (len(e.Faults()) > 0) || w.Code != 200 && w.Code != 400 {
			t.Fatalf("status %d, %d faults, %s", w.Code, len(e.Faults()), w.Body)
		}
	})
}
