package emulator_test

import (
	"encoding/json"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/emulator"
)

// control sends a request to the control API, without a credential.
func (a *api) control(method, path, body string) reply {
	a.t.Helper()
	with := *a
	with.header = http.Header{}
	got, err := with.try(method, "/__emulator/"+path, body)
	if err != nil {
		a.t.Fatal(err)
	}
	if kind := got.header.Get("Content-Type"); kind != "application/json" || !json.Valid([]byte(got.body)) {
		a.t.Errorf("%s %s: type %s, %s", method, path, kind, got.body)
	}
	got.body = strings.TrimSuffix(got.body, "\n")
	return got
}

func TestFaultsOverHTTP(t *testing.T) {
	const every = `{"kind":"status","method":"POST","path":"/client/v4/*","operation":"user-details","times":2,"probability":0.5,` +
		`"delay_ms":20,"after_commit":true,"status":520,"retry_after_s":3,"content_type":"text/plain","body":"<b>","location":"/x"}`
	a := start(t, noLimits())
	if got := a.control("POST", "faults", every); got.status != 200 || got.body != `{"faults":[`+every+`]}` {
		t.Errorf("status %d, %s", got.status, got.body)
	}
	want := emulator.Fault{
		Kind: emulator.KindStatus, Method: "POST", Path: "/client/v4/*", Operation: "user-details", Times: 2,
		Probability: 0.5, Delay: 20 * time.Millisecond, AfterCommit: true, Status: 520, RetryAfter: 3 * time.Second,
		ContentType: "text/plain", Body: "<b>", Location: "/x",
	}
	if got := a.e.Faults(); len(got) != 1 || got[0] != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	a.control("DELETE", "faults", "")
	a.control("POST", "faults", ` [{"kind":"lag","lag_ms":800},{"kind":"huge_body","size":7}]`)
	if got := a.control("GET", "faults", ""); got.body != `{"faults":[{"kind":"lag","lag_ms":800},{"kind":"huge_body","size":7}]}` {
		t.Error(got.body)
	}
	if got := a.control("DELETE", "faults", ""); got.status != 200 || got.body != `{"faults":[]}` {
		t.Errorf("status %d, %s", got.status, got.body)
	}
}

func TestEveryKindCanBeOrdered(t *testing.T) {
	a := start(t, noLimits())
	for kind, needs := range map[string]string{
		"delay": `,"delay_ms":1`, "lag": `,"lag_ms":1`, "era_a": "", "rate_limit": "", "status": `,"status":500`,
		"success_false": "", "echo_credential": "", "cut": "", "truncate": "", "cut_mid_body": "", "content_type": "", "huge_body": "",
	} {
		if got := a.control("POST", "faults", `{"kind":"`+kind+`"`+needs+`}`); got.status != 200 {
			t.Errorf("%s: status %d, %s", kind, got.status, got.body)
		}
	}
}

func TestBadFaultsAreRefusedClearly(t *testing.T) {
	cases := []struct{ name, body, want string }{
		{"no body", "", "the body is not a fault: EOF"},
		{"no JSON", "{", "the body is not a fault: unexpected EOF"},
		{"two texts", "{}{}", "the body is not a fault: something follows after its end"},
		{"no fault", "[]", "the body must hold a fault or an array of at least one"},
		{"an unknown key", `{"kind":"cut","often":true}`, `the body is not a fault: unknown field "often"`},
		{"a wrong type", `{"kind":"cut","times":"2"}`, "the body is not a fault: cannot unmarshal string"},
		{"no kind", `{}`, `fault 0: kind "" must be one of content_type, cut, cut_mid_body, delay, echo_credential, era_a, ` +
			"huge_body, lag, rate_limit, remarks, status, success_false, truncate"},
		{"the second of two", `[{"kind":"cut"},{"kind":"boom"}]`, `fault 1: kind "boom"`},
		{"a key of another kind", `{"kind":"cut","status":500,"lag_ms":1}`,
			"fault 0: lag_ms means nothing in the kind \"cut\"\nstatus means nothing in the kind \"cut\""},
		{"no status", `{"kind":"status"}`, `status must be set in the kind "status"`},
		{"no lag", `{"kind":"lag"}`, `lag_ms must be set in the kind "lag"`},
		{"no delay", `{"kind":"delay"}`, `delay_ms must be set in the kind "delay"`},
		{"a status that is none", `{"kind":"status","status":600}`, "status must be from 300 to 599"},
		{"a lag too long", `{"kind":"lag","lag_ms":60001}`, "lag_ms must be from 1 to 60000"},
		{"a delay too long", `{"kind":"cut","delay_ms":9223372036854775807}`, "delay_ms must be from 0 to 300000"},
		{"a delay before now", `{"kind":"cut","delay_ms":-9223372036854775808}`, "delay_ms must be from 0 to 300000"},
		{"a wait before now", `{"kind":"rate_limit","retry_after_s":-1}`, "retry_after_s must be at least 0"},
		{"fewer than no times", `{"kind":"cut","times":-1}`, "times must be at least 0"},
		{"more than certain", `{"kind":"cut","probability":1.1}`, "probability must be from 0 to 1"},
		{"too huge", `{"kind":"huge_body","size":1073741825}`, "size must be from 0 to 1073741824"},
		{"a method of no name", `{"kind":"cut","method":"get"}`, `method "get" must be one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS`},
		{"an unknown operation", `{"kind":"cut","operation":"list"}`, `operation "list" must be one of secrets-store-quota, secrets-store-list`},
		{"a bad pattern", `{"kind":"cut","path":"/["}`, `path "/[" must be a pattern`},
		{"a path without its slash", `{"kind":"cut","path":"client"}`, `path "client" must be a pattern that begins with a slash`},
		{"a header of two lines", `{"kind":"content_type","content_type":"a\nb"}`, "content_type and location must be one line"},
		{"too much", `{"kind":"` + strings.Repeat("x", 4<<20) + `"}`, "the body must be at most 4194304 bytes"},
	}
	a := start(t, noLimits())
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := a.control("POST", "faults", c.body)
			var trouble struct {
				Error string `json:"error"`
			}
			if err := json.Unmarshal([]byte(got.body), &trouble); err != nil {
				t.Fatal(err)
			}
			if got.status != 400 || !strings.Contains(trouble.Error, c.want) {
				t.Errorf("status %d, %q, want in it %q", got.status, trouble.Error, c.want)
			}
		})
	}
	if left := a.e.Faults(); len(left) != 0 {
		t.Errorf("a refused fault waits: %v", left)
	}
	if err := a.e.Inject(emulator.Fault{Kind: emulator.KindCut, Probability: math.NaN()}); err == nil {
		t.Error("a probability that is no number was taken")
	}
}

func TestFaultsAreBounded(t *testing.T) {
	e := emulator.New(emulator.Config{})
	many := make([]emulator.Fault, 10_001)
	for i := range many {
		many[i].Kind = emulator.KindCut
	}
	if err := e.Inject(many...); err == nil || err.Error() != "at most 10000 faults can wait" {
		t.Error(err)
	}
}

func TestTheControlAPISaysWhatItHas(t *testing.T) {
	a := start(t, noLimits())
	cases := []struct {
		method, path string
		status       int
		want         string
	}{
		{"GET", "", 404, `{"error":"there is only faults, requests, state"}`},
		{"GET", "fault", 404, `{"error":"there is only faults, requests, state"}`},
		{"PUT", "faults", 405, `{"error":"the method must be one of DELETE, GET, POST"}`},
		{"GET", "state", 405, `{"error":"the method must be one of DELETE"}`},
	}
	for _, c := range cases {
		if got := a.control(c.method, c.path, ""); got.status != c.status || got.body != c.want {
			t.Errorf("%s %s: status %d, %s", c.method, c.path, got.status, got.body)
		}
	}
}

func TestResetStartsAfresh(t *testing.T) {
	c := noLimits()
	c.RequestLogLimit = 10
	c.RateLimit = &emulator.RateLimit{Requests: 2}
	a := start(t, c)
	a.secret(a.store("s"), "A")
	if got := a.do("GET", "quota", ""); got.status != 429 {
		t.Fatalf("status %d, want 429", got.status)
	}
	a.inject(emulator.Fault{Kind: emulator.KindCut})
	if got := a.control("DELETE", "state", ""); got.status != 200 || got.body != "{}" {
		t.Errorf("status %d, %s", got.status, got.body)
	}
	if n := len(a.e.Requests()) + len(a.e.Faults()) + a.e.Calls("secrets-store-create"); n != 0 {
		t.Errorf("%d things are left", n)
	}
	if got := a.must("GET", "stores", "").names(t); got != "" {
		t.Errorf("stores %q are left", got)
	}
}
