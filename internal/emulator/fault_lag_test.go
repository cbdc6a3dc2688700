package emulator_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/emulator"
)

func TestLaggingReads(t *testing.T) {
	a := start(t, noLimits())
	store := a.store("s")
	a.clock.move(time.Second)
	list := "stores/" + store + "/secrets"
	path := a.secret(store, "A")
	gone := a.secret(store, "GONE")
	a.clock.move(time.Second)
	a.must("PATCH", path, `{"comment":"new"}`)
	a.must("DELETE", gone, "")
	see := func(lag time.Duration, path string) reply {
		t.Helper()
		a.inject(emulator.Fault{Kind: emulator.KindLag, Lag: lag, Times: 1})
		return a.do("GET", path, "")
	}
	if got := see(time.Millisecond, list).names(t); got != "GONE A" {
		t.Errorf("before the deletion: %q", got)
	}
	if got := see(time.Millisecond, path); !strings.Contains(got.body, `"comment":null`) {
		t.Errorf("before the change: %s", got.body)
	}
	if got := see(1500*time.Millisecond, list); got.names(t) != "" || got.status != 200 {
		t.Errorf("before the creation: %s", got.body)
	}
	if got := see(1500*time.Millisecond, path); got.words(t) != "secret_not_found" {
		t.Errorf("before the creation: %s", got.body)
	}
	if got := see(1500*time.Millisecond, "quota"); !strings.Contains(got.body, `"usage":0`) {
		t.Errorf("before the creation: %s", got.body)
	}
	for _, path := range []string{list, "stores/" + store} {
		if got := see(3*time.Second, path); got.words(t) != "store_not_found" {
			t.Errorf("before the store: %s", got.body)
		}
	}
	if got := see(3*time.Second, "stores").names(t); got != "" {
		t.Errorf("before the store: %q", got)
	}
	if got := a.must("GET", list, "").names(t); got != "A" {
		t.Errorf("without a lag: %q", got)
	}
	a.clock.move(time.Second)
	a.must("DELETE", "stores/"+store+"?force=true", "")
	if got := see(time.Millisecond, list).names(t); got != "A" {
		t.Errorf("before the store went: %q", got)
	}
}

func TestWritesDoNotLag(t *testing.T) {
	a := start(t, noLimits())
	a.inject(emulator.Fault{Kind: emulator.KindLag, Lag: time.Minute})
	a.must("PATCH", a.secret(a.store("s"), "A"), `{"value":"w"}`)
	if left := a.e.Faults(); len(left) != 1 {
		t.Errorf("faults %v", left)
	}
}

// TestLagDoesNotRememberForEver makes more changes than are remembered.
func TestLagDoesNotRememberForEver(t *testing.T) {
	a := start(t, noLimits())
	path := a.secret(a.store("s"), "A")
	for range 10_010 {
		w := httptest.NewRecorder()
		a.e.ServeHTTP(w, request("PATCH", path, `{"value":"w"}`))
		if w.Code != 200 {
			t.Fatalf("status %d, %s", w.Code, w.Body)
		}
	}
	a.inject(emulator.Fault{Kind: emulator.KindLag, Lag: time.Minute})
	if got := a.do("GET", path, ""); got.status != 200 {
		t.Errorf("status %d: the creation should be forgotten", got.status)
	}
}
