package emulator_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/emulator"
)

// inject orders faults that must be in order.
func (a *api) inject(faults ...emulator.Fault) {
	a.t.Helper()
	if err := a.e.Inject(faults...); err != nil {
		a.t.Fatal(err)
	}
}

// TestFaultsThatAnswer has the faults after which an answer arrives whole.
// Each strikes a store creation; made tells whether the store is there then.
func TestFaultsThatAnswer(t *testing.T) {
	const jsonKind = "application/json"
	unavailable := plainly(1000, "Service Unavailable")
	cases := []struct {
		name   string
		fault  emulator.Fault
		status int
		kind   string
		body   string // the start of the answer
		header map[string]string
		made   bool
	}{
		{"rate limit", emulator.Fault{Kind: emulator.KindRateLimit, RetryAfter: 2500 * time.Millisecond}, 429, jsonKind,
			plainly(971, "More than 1200 requests per 300 seconds reached. Please wait and consider throttling your request speed"),
			map[string]string{"Retry-After": "3", "Ratelimit": `"default";r=0;t=3`}, false},
		{"rate limit by default", emulator.Fault{Kind: emulator.KindRateLimit}, 429, jsonKind, "",
			map[string]string{"Retry-After": "300"}, false},
		{"rate limit after commit", emulator.Fault{Kind: emulator.KindRateLimit, AfterCommit: true}, 429, jsonKind, "", nil, true},
		{"503 in JSON", emulator.Fault{Kind: emulator.KindStatus, Status: 503, RetryAfter: time.Second}, 503, jsonKind,
			unavailable, map[string]string{"Retry-After": "1"}, false},
		{"503 after commit", emulator.Fault{Kind: emulator.KindStatus, Status: 503, AfterCommit: true}, 503, jsonKind, unavailable, nil, true},
		{"520 in JSON", emulator.Fault{Kind: emulator.KindStatus, Status: 520}, 520, jsonKind, plainly(1000, "Unknown error"), nil, false},
		{"522 in HTML", emulator.Fault{Kind: emulator.KindStatus, Status: 522, ContentType: "text/html; charset=UTF-8"}, 522,
			"text/html; charset=UTF-8", "<!DOCTYPE html>\n<html><head><title>api.cloudflare.com | 522</title>", nil, false},
		{"any body", emulator.Fault{Kind: emulator.KindStatus, Status: 400, ContentType: "text/plain", Body: "what?"}, 400, "text/plain", "what?", nil, false},
		{"a redirect", emulator.Fault{Kind: emulator.KindStatus, Status: 307, Location: "http://127.0.0.1:1/"}, 307, jsonKind, "",
			map[string]string{"Location": "http://127.0.0.1:1/"}, false},
		{"success false", emulator.Fault{Kind: emulator.KindSuccessFalse}, 200, jsonKind, plainly(1000, "internal_error"), nil, false},
		{"success false with a body", emulator.Fault{Kind: emulator.KindSuccessFalse, Body: `{"success":false}`, AfterCommit: true}, 200,
			jsonKind, `{"success":false}`, nil, true},
		{"the credential in the error", emulator.Fault{Kind: emulator.KindEchoCredential}, 403, jsonKind,
			plainly(9109, "Invalid access token: Bearer "+token), nil, false},
		{"the credential in an error of 500", emulator.Fault{Kind: emulator.KindEchoCredential, Status: 500}, 500, jsonKind,
			plainly(9109, "Invalid access token: Bearer "+token), nil, false},
		{"another media type", emulator.Fault{Kind: emulator.KindContentType}, 200, "text/html; charset=UTF-8", `{"result":{"id":`, nil, true},
		{"a media type of choice", emulator.Fault{Kind: emulator.KindContentType, ContentType: "text/plain"}, 200, "text/plain",
			`{"result":{"id":`, nil, true},
		{"delay", emulator.Fault{Kind: emulator.KindDelay, Delay: time.Millisecond}, 200, jsonKind, `{"result":{"id":`, nil, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a := start(t, noLimits())
			c.fault.Times = 1
			a.inject(c.fault)
			got, err := a.try("POST", "stores", `{"name":"s"}`)
			if err != nil {
				t.Fatal(err)
			}
			if got.status != c.status || got.header.Get("Content-Type") != c.kind || !strings.HasPrefix(got.body, c.body) {
				t.Errorf("status %d, type %s, %s", got.status, got.header.Get("Content-Type"), got.body)
			}
			for name, value := range c.header {
				if got.header.Get(name) != value {
					t.Errorf("%s: %q, want %q", name, got.header.Get(name), value)
				}
			}
			if got.header.Get("Cf-Ray") == "" || got.header.Get("Ratelimit-Policy") == "" {
				t.Errorf("no cf-ray or no rate limit in %v", got.header)
			}
			if stores, _ := a.e.Counts(accountID); (stores == 1) != c.made {
				t.Errorf("%d stores, made should be %t", stores, c.made)
			}
			if left := a.e.Faults(); len(left) != 0 {
				t.Errorf("the fault is not used up: %v", left)
			}
			a.must("POST", "stores", `{"name":"after"}`)
		})
	}
}

func TestTheOlderKeyIsEchoedToo(t *testing.T) {
	a := start(t, noLimits())
	a.header = http.Header{"X-Auth-Email": {"me@example.com"}, "X-Auth-Key": {"global"}}
	a.inject(emulator.Fault{Kind: emulator.KindEchoCredential})
	if got := a.do("GET", "quota", ""); got.words(t) != "Invalid access token: global" {
		t.Error(got.body)
	}
}

// TestFaultsOfTheConnection has the faults after which no whole answer arrives.
func TestFaultsOfTheConnection(t *testing.T) {
	cases := []struct {
		name  string
		fault emulator.Fault
		begun bool // whether the answer begins
		made  bool
	}{
		{"cut before", emulator.Fault{Kind: emulator.KindCut}, false, false},
		{"cut after commit", emulator.Fault{Kind: emulator.KindCut, AfterCommit: true}, false, true},
		{"cut in the middle", emulator.Fault{Kind: emulator.KindCutMidBody}, true, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a := start(t, noLimits())
			a.inject(c.fault)
			got, err := a.try("POST", "stores", `{"name":"s"}`)
			if err == nil || (got.status == 200) != c.begun {
				t.Errorf("%v, status %d, %s", err, got.status, got.body)
			}
			if c.begun && (!errors.Is(err, io.ErrUnexpectedEOF) || !strings.HasPrefix(got.body, `{"result":`)) {
				t.Errorf("%v, %s", err, got.body)
			}
			if stores, _ := a.e.Counts(accountID); (stores == 1) != c.made {
				t.Errorf("%d stores, made should be %t", stores, c.made)
			}
		})
	}
}

func TestACutOverHTTP2EndsTheAnswerTooEarly(t *testing.T) {
	e := emulator.New(noLimits())
	server := httptest.NewUnstartedServer(e)
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	if err := e.Inject(emulator.Fault{Kind: emulator.KindCut}); err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+expand("stores"), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := server.Client().Do(r)
	if err == nil {
		_, err = io.ReadAll(answer.Body)
		_ = answer.Body.Close()
	}
	if err == nil {
		t.Error("the answer came whole")
	}
}

func TestATruncatedBodyIsHalfOfTheJSON(t *testing.T) {
	a := start(t, noLimits())
	a.inject(emulator.Fault{Kind: emulator.KindTruncate, Times: 1})
	got, err := a.try("GET", "quota", "")
	if err != nil {
		t.Fatal(err)
	}
	whole := a.must("GET", "quota", "").body
	if got.status != 200 || got.body != whole[:len(whole)/2] || json.Valid([]byte(got.body)) {
		t.Errorf("status %d, %s", got.status, got.body)
	}
}

func TestAHugeBodyIsStillValid(t *testing.T) {
	a := start(t, noLimits())
	whole := a.must("GET", "quota", "").body
	for size, want := range map[int64]int{0: 64 << 20, 100_001: 100_001} {
		a.inject(emulator.Fault{Kind: emulator.KindHugeBody, Size: size, Times: 1})
		got, err := a.try("GET", "quota", "")
		if err != nil || len(got.body) != want+len(whole) || strings.Count(got.body[:want], " ") != want || got.body[want:] != whole {
			t.Errorf("%v, %d bytes, want %d more than %d", err, len(got.body), want, len(whole))
		}
	}
}

// TestADelayEndsWhenTheClientGoes needs no whole minute: the server's Close
// waits for requests under way.
func TestADelayEndsWhenTheClientGoes(t *testing.T) {
	for _, afterCommit := range []bool{false, true} {
		a := start(t, noLimits())
		a.inject(emulator.Fault{Kind: emulator.KindDelay, Delay: time.Minute, AfterCommit: afterCommit})
		ctx, cancel := context.WithCancel(t.Context())
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, a.url+expand("stores"), strings.NewReader(`{"name":"s"}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header = a.header.Clone()
		done := make(chan error)
		go func() {
			answer, err := http.DefaultTransport.RoundTrip(r)
			if err == nil {
				err = answer.Body.Close()
			}
			done <- err
		}()
		wanted := func() bool {
			stores, _ := a.e.Counts(accountID)
			return a.e.Calls("secrets-store-create") == 1 && (stores == 1 || !afterCommit)
		}
		eventually(t, wanted)
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("after commit %t: %v", afterCommit, err)
		}
		if stores, _ := a.e.Counts(accountID); (stores == 1) != afterCommit {
			t.Errorf("after commit %t: %d stores", afterCommit, stores)
		}
	}
}
