package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/emulator"
)

// lists counts the listings of secrets that Cloudflare was asked for.
func (p *program) lists() int {
	n := 0
	for _, r := range p.cf.Requests() {
		if r.Method == http.MethodGet && strings.HasSuffix(r.Path, "/secrets") {
			n++
		}
	}
	return n
}

// A block leaves all running changes open. Calls are scarce afterwards, and
// these changes can share a listing.
func TestChangesThatABlockLeftOpenShareAListing(t *testing.T) {
	t.Parallel()
	const many = 30
	var arrived sync.WaitGroup
	arrived.Add(many)
	p := start(t, setup{sets: []string{"budget.max_wait=100ms", manyCalls, anyPace}, wrap: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPatch {
				arrived.Done()
				arrived.Wait()
			}
			next.ServeHTTP(w, r)
		})
	}})
	w := p.given("store")
	var items []string
	for i := range many {
		items = append(items, fmt.Sprintf(`{"name":"S%d","value":"v","scopes":["dex"]}`, i))
	}
	made := p.must("POST", "stores/"+w.store+"/secrets", "["+strings.Join(items, ",")+"]")
	p.learn(w)
	// Longer than the wait until a lookup of the changes counts as proof.
	p.inject(emulator.Fault{Kind: emulator.KindRateLimit, Method: http.MethodPatch, Times: many, RetryAfter: 4 * time.Second, AfterCommit: true})
	before := p.lists()
	var all sync.WaitGroup
	for i, id := range identifier.FindAllStringSubmatch(made.body, -1) {
		all.Go(func() {
			got, err := p.try(context.Background(), http.MethodPatch, "stores/"+w.store+"/secrets/"+id[1], strings.NewReader(`{"comment":"c"}`), fmt.Sprintf("Idempotency-Key: k%d", i))
			if err != nil || got.status != http.StatusTooManyRequests {
				t.Errorf("%d %s %v", got.status, got.body, err)
			}
		})
	}
	all.Wait()
	p.settled()
	if n := p.lists() - before; n > 2 {
		t.Errorf("%d changes cost %d listings", many, n)
	}
}
