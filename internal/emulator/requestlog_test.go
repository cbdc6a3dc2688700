package emulator_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/emulator"
)

func TestTheJournalIsOffByDefault(t *testing.T) {
	a := start(t, noLimits())
	a.must("GET", "stores", "")
	if n := len(a.e.Requests()); n != 0 {
		t.Errorf("%d requests are remembered", n)
	}
	if got := a.control("GET", "requests", ""); got.body != `{"limit":0,"requests":[]}` {
		t.Error(got.body)
	}
	if n := a.e.Calls("secrets-store-list"); n != 1 {
		t.Errorf("%d calls, want 1", n)
	}
}

func TestTheJournalHoldsWhatCame(t *testing.T) {
	c := noLimits()
	c.RequestLogLimit = 3
	a := start(t, c)
	a.do("GET", "stores", "")
	a.header.Set("X-Team", "payments")
	a.header.Set("X-Auth-Key", "k")
	a.do("POST", "stores?x=%20y", `{"name":"s"}`)
	a.do("GET", "/client/v4/a%2fb", "")
	a.do("POST", "stores", "\xff")
	kept := a.e.Requests()
	var got []string
	for _, r := range kept {
		got = append(got, fmt.Sprintf("%s %s?%s %q %s %d", r.Method, r.Path, r.Query, r.Operation, r.Body, r.Size))
	}
	want := []string{
		"POST " + expand("stores") + `?x=%20y "secrets-store-create" {"name":"s"} 12`,
		`GET /client/v4/a%2fb? ""  0`,
		"POST " + expand("stores") + "? \"secrets-store-create\" \xff 1",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	h := kept[0].Header
	if h.Get("Authorization") != "Bearer "+token || h.Get("X-Auth-Key") != "k" || h.Get("X-Team") != "payments" {
		t.Errorf("headers %v", h)
	}
	shown := a.control("GET", "requests", "").body
	for _, part := range []string{
		`"limit":3`, `"method":"POST"`, `"query":"x=%20y"`, `"operation":"secrets-store-create"`, `"body":"{\"name\":\"s\"}"`,
		`"Authorization":["Bearer ` + token + `"]`, `"body_base64":"/w=="`, `"size":12`, `"time":"2026-03-04T05:06:07Z"`,
	} {
		if !strings.Contains(shown, part) {
			t.Errorf("no %s in %s", part, shown)
		}
	}
}

func TestTheJournalKeepsAPartOfALargeBody(t *testing.T) {
	c := noLimits()
	c.RequestLogLimit = 1
	a := start(t, c)
	a.do("POST", "stores", strings.Repeat(" ", 1<<20+1))
	if r := a.e.Requests()[0]; len(r.Body) != 1<<20 || r.Size != 1<<20+1 {
		t.Errorf("%d bytes of %d", len(r.Body), r.Size)
	}
}

func TestStruckRequestsAreInTheJournal(t *testing.T) {
	c := noLimits()
	c.RequestLogLimit = 5
	a := start(t, c)
	a.inject(emulator.Fault{Kind: emulator.KindCut})
	if _, err := a.try(http.MethodGet, "quota", ""); err == nil {
		t.Fatal("no fault")
	}
	if r := a.e.Requests(); len(r) != 1 || r[0].Operation != "secrets-store-quota" {
		t.Errorf("%v", r)
	}
}
