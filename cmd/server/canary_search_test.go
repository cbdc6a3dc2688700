package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"platform.internal/storekeeper/internal/emulator"
)

func (a *aviary) search(t *testing.T, where, text string) {
	t.Helper()
	if what := a.birds.in(text); what != "" {
		t.Errorf("%s: holds %s", where, what)
	}
}

// searchPages looks at all that the admin listener shows.
func (a *aviary) searchPages(t *testing.T) {
	t.Helper()
	pages := []string{"/metrics", "/readyz", "/livez", "/nope", "/debug/pprof/", "/debug/pprof/cmdline", "/debug/pprof/symbol", "/debug/pprof/trace?seconds=0.05"}
	for _, profile := range []string{"goroutine", "heap", "allocs", "block", "mutex", "threadcreate"} {
		for debug := range 3 {
			pages = append(pages, "/debug/pprof/"+profile+"?debug="+strconv.Itoa(debug))
		}
	}
	for _, page := range pages {
		_, body := a.page(page)
		a.search(t, page, unzipped(body))
	}
}

// whileCallsWait does something while calls with canaries wait for Cloudflare.
func (a *aviary) whileCallsWait(t *testing.T, do func()) {
	t.Helper()
	held := make(chan struct{})
	a.parrot.held.Store(&held)
	before := a.parrot.count()
	var calls sync.WaitGroup
	for range 4 {
		one := attempt{method: "POST", path: "stores/" + a.door.store + "/secrets", body: a.batch(3)}
		calls.Go(func() {
			got, err := a.overREST(t, bearer(doorKey), one, "canary-waits")
			a.search(t, "a call that waited", fmt.Sprint(got.body, got.header, err))
		})
	}
	a.await("the calls arrive", func() bool { return a.parrot.count() == before+12 })
	do()
	a.parrot.held.Store(nil)
	close(held)
	calls.Wait()
}

// searchTheRest looks at what is written down, and at what an operator's
// command says of a Cloudflare that repeats the token.
func (a *aviary) searchTheRest(t *testing.T) {
	t.Helper()
	a.search(t, "the log", a.out.String())
	a.search(t, "standard error", a.err.String())
	a.search(t, "the trail", a.trailText())
	a.searchSpans(t)
	for _, name := range stateFiles(t, a.folder) {
		state, err := os.ReadFile(filepath.Join(a.folder, name))
		must(t, err)
		a.search(t, "the state in "+name, string(state))
	}
	if calls, records := len(a.out.lines("call")), len(a.trail(t)); calls < 100 || records < 100 {
		t.Errorf("only %d calls in the log and %d records in the trail", calls, records)
	}
	a.in(t).inject(emulator.Fault{Kind: emulator.KindEchoCredential, Status: http.StatusForbidden})
	var out, problems transcript
	args := a.args(filepath.Join(a.folder, "config.yaml"), a.setup)
	args[0] = "doctor"
	run(t.Context(), args, terminal{out: &out, err: &problems})
	a.cf.ClearFaults()
	a.search(t, "what doctor says", out.String()+problems.String())
	if !strings.Contains(out.String(), "FAIL") {
		t.Errorf("doctor did not ask: %s%s", &out, &problems)
	}
}
