package main

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
)

// endless answers listings of secrets with full pages for ever.
type endless struct {
	next  http.Handler
	info  func(page int) string
	first func(page int) int
	calls atomic.Int64
}

func (e *endless) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, "/secrets") {
		e.next.ServeHTTP(w, r)
		return
	}
	e.calls.Add(1)
	page, _ := strconv.Atoi(r.URL.Query().Get("page"))
	page = max(page, 1)
	size, _ := strconv.Atoi(r.URL.Query().Get("per_page"))
	if size == 0 {
		size = 20
	}
	steps := strings.Split(r.URL.Path, "/")
	items := make([]string, size)
	for i := range items {
		n := e.first(page)*size + i
		items[i] = fmt.Sprintf(`{"id":"%032x","store_id":"%s","name":"S%d","comment":null,"scopes":["dex"],"status":"active",`+
			`"created":"2023-09-21T18:56:32Z","modified":"2023-09-21T18:56:32Z"}`, n, steps[len(steps)-2], n)
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"success":true,"errors":[],"messages":[],"result":[%s]%s}`, strings.Join(items, ","), e.info(page))
}

func TestAListThatDoesNotEndIsRefused(t *testing.T) {
	t.Parallel()
	numbers := func(total func(page int) int) func(int) string {
		return func(page int) string {
			return fmt.Sprintf(`,"result_info":{"count":100,"page":%d,"per_page":100,"total_count":%d}`, page, total(page))
		}
	}
	onward := func(page int) int { return page }
	for name, e := range map[string]*endless{
		"without numbers":         {info: func(int) string { return "" }, first: onward},
		"with a total that grows": {info: numbers(func(page int) int { return 100*page + 100 }), first: onward},
		"with a huge total":       {info: numbers(func(int) int { return 1e9 }), first: onward},
		"of the same items":       {info: func(int) string { return "" }, first: func(int) int { return 1 }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t, setup{
				sets:   []string{manyCalls, anyPace},
				policy: `rules: [{id: stores, actions: ["store.*", "quota.get", "account.get"], when: "true"}, {id: some, actions: ["secret.*"], when: "secret.startsWith(\"S1\")"}]`,
				wrap:   func(next http.Handler) http.Handler { e.next = next; return e },
			})
			w := p.given("store")
			before := e.calls.Load()
			got := p.do("GET", "stores/"+w.store+"/secrets", "")
			if got.status != http.StatusBadGateway || !strings.Contains(got.body, "upstream_list_endless") {
				t.Errorf("got %d %s", got.status, got.body)
			}
			if calls := e.calls.Load() - before; calls > 300 {
				t.Errorf("it took %d calls", calls)
			}
		})
	}
}
