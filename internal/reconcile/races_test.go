package reconcile_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/emulator"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/reconcile"
	"platform.internal/storekeeper/internal/upstream"
)

// makers are the changes that create an object under a name. other creates the same name first.
func makers() map[string]struct {
	change trial
	other  func(*world) string
} {
	secret := func(name string) func(*world) string {
		return func(w *world) string { return w.newSecret(name).ID }
	}
	all := changes()
	return map[string]struct {
		change trial
		other  func(*world) string
	}{
		"CreateStore":           {all[0], func(w *world) string { return w.newStore("fresh") }},
		"CreateSecrets of one":  {all[2], secret("ONE")},
		"CreateSecrets of many": {all[3], secret("TWO")},
		"DuplicateSecret":       {all[7], secret("COPY")},
	}
}

// TestWhatWasThereBeforeIsNeverAdopted has another maker of the name, before
// the change began. The answer is lost before the change is refused and after.
func TestWhatWasThereBeforeIsNeverAdopted(t *testing.T) {
	for name, m := range makers() {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/after %t", name, after), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, nil)
				m.other(w)
				secrets, stores := w.secrets(), w.stores()
				_, err := m.change.make(w, &change.Attempt{Held: w.striking(
					emulator.Fault{Kind: emulator.KindCut, Method: http.MethodPost, Times: 2, AfterCommit: after})})
				if err == nil || fault.From(err).Kind != fault.NameTaken {
					t.Errorf("got %v", err)
				}
				if events := w.seen(); len(events) != 1 || events[0].Outcome != reconcile.Refused || events[0].Looks != 2 || events[0].Sends != 3 {
					t.Errorf("events %+v", events)
				}
				if got := w.secrets(); len(got)-len(secrets) > 1 || len(w.stores()) != len(stores) || w.changed(secrets, got) {
					t.Errorf("there are %v, and were %v", got, secrets)
				}
			})
		}
	}
}

// changed reports whether a secret of before differs now.
func (w *world) changed(before, now map[string]string) bool {
	for name, text := range before {
		if now[name] != text {
			return true
		}
	}
	return false
}

// TestWhatIsOlderThanTheChangeIsNeverAdopted has a baseline that did not know
// of the other maker.
func TestWhatIsOlderThanTheChangeIsNeverAdopted(t *testing.T) {
	w := newWorld(t, nil)
	before := w.newSecret("ONE")
	o := &change.Attempt{Baseline: change.Baseline{Since: before.Created.Add(6 * time.Second)}}
	w.strike(emulator.Fault{Kind: emulator.KindCut, Method: http.MethodPost, Times: 1})
	_, err := w.settler.CreateSecrets(change.With(t.Context(), o), upstream.CreateSecretsParams{
		Account: accountID, StoreID: w.store, Secrets: []upstream.NewSecret{item("ONE")},
	})
	if err == nil || fault.From(err).Kind != fault.NameTaken {
		t.Errorf("got %v", err)
	}
}

// TestClocksThatDiffer tests with Cloudflare's clock an hour behind.
func TestClocksThatDiffer(t *testing.T) {
	behind := func(c *reconcile.Config) {
		c.Clock = func() time.Time { return time.Now().Add(time.Hour) }
		c.Ahead = func(string) time.Duration { return -time.Hour }
	}
	w := newWorld(t, nil, behind)
	told, err := createSecrets(w, &change.Attempt{Held: w.striking(
		emulator.Fault{Kind: emulator.KindCut, AfterCommit: true, Method: http.MethodPost, Times: 1})}, "ONE")
	if err != nil {
		t.Errorf("got %s, %v", told, err)
	}
}

// TestOneOfManyWinsAName lets callers fight for few names while answers get
// lost at random.
func TestOneOfManyWinsAName(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, func(c *reconcile.Config) { c.Attempt = 20 * time.Second })
	w.strike(
		emulator.Fault{Kind: emulator.KindCut, Method: http.MethodPost, Probability: 0.15},
		emulator.Fault{Kind: emulator.KindCut, Method: http.MethodPost, Probability: 0.25, AfterCommit: true},
	)
	const names, each = 16, 4
	var winners [names]atomic.Int64
	var value [names]atomic.Value
	var callers sync.WaitGroup
	for i := range names * each {
		callers.Go(func() {
			wanted := item(fmt.Sprint("NAME", i%names))
			wanted.Value = upstream.Value(fmt.Sprint("value of caller ", i))
			_, err := w.settler.CreateSecrets(t.Context(), upstream.CreateSecretsParams{
				Account: accountID, StoreID: w.store, Secrets: []upstream.NewSecret{wanted},
			})
			switch {
			case err == nil:
				winners[i%names].Add(1)
				value[i%names].Store(string(wanted.Value))
			case fault.From(err).Kind != fault.NameTaken:
				t.Error(err)
			}
		})
	}
	callers.Wait()
	w.ClearFaults()
	for i := range names {
		got, _ := w.Value(accountID, w.store, fmt.Sprint("NAME", i))
		if winners[i].Load() != 1 || got != value[i].Load() {
			t.Errorf("name %d has %d winners, value %q, want %q", i, winners[i].Load(), got, value[i].Load())
		}
	}
	if _, secrets := w.Counts(accountID); secrets != names {
		t.Errorf("%d secrets", secrets)
	}
}

// late holds the first change until another change has passed, while the client of the first gives up.
type late struct {
	next   http.Handler
	method string
	landed chan struct{}

	mu   sync.Mutex
	held *http.Request
	on   bool
	// before says that the first lands just before the second, else just after.
	before bool
}

// ServeHTTP holds the first change and forwards the first with the second.
func (l *late) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	on, held := l.on && r.Method == l.method, l.held
	if on && held == nil {
		body, _ := io.ReadAll(r.Body)
		l.held = r.Clone(r.Context())
		l.held.Body = io.NopCloser(strings.NewReader(string(body)))
		l.mu.Unlock()
		<-r.Context().Done()
		return
	}
	land := on && l.landed != nil
	if land {
		defer close(l.landed)
		l.landed = nil
	}
	l.mu.Unlock()
	if land && l.before {
		l.land(held)
	}
	l.next.ServeHTTP(w, r)
	if land && !l.before {
		l.land(held)
	}
}

func (l *late) land(r *http.Request) {
	l.next.ServeHTTP(httptest.NewRecorder(), r.WithContext(context.WithoutCancel(r.Context())))
}

// TestARequestThatLandsLate has the first request arrive after its client has given up and sent another.
func TestARequestThatLandsLate(t *testing.T) {
	for _, c := range changes() {
		for _, before := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/before the second %t", c.name, before), func(t *testing.T) {
				t.Parallel()
				l := &late{method: c.method, landed: make(chan struct{}), before: before}
				w := newWorld(t, func(next http.Handler) http.Handler {
					l.next = next
					return l
				}, func(c *reconcile.Config) { c.Attempt = attempt })
				plain := newWorld(t, nil)
				want, err := c.make(plain, &change.Attempt{})
				if err != nil {
					t.Fatal(err)
				}
				got, err := c.make(w, &change.Attempt{Held: func() bool {
					l.mu.Lock()
					defer l.mu.Unlock()
					l.on = true
					return true
				}})
				if err != nil || got != want {
					t.Errorf("got %s, %v, want %s", got, err, want)
				}
				if got, want := fmt.Sprint(w.secrets(), w.stores()), fmt.Sprint(plain.secrets(), plain.stores()); got != want {
					t.Errorf("there are %s, want %s", got, want)
				}
			})
		}
	}
}

// TestListingsThatLag delays the appearance of a change in the listings.
func TestListingsThatLag(t *testing.T) {
	for name, m := range makers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			compare(t, m.change,
				emulator.Fault{Kind: emulator.KindCut, AfterCommit: true, Method: http.MethodPost, Times: 1},
				emulator.Fault{Kind: emulator.KindLag, Lag: 150 * time.Millisecond, Operation: "secrets-store-list", Times: 2},
				emulator.Fault{Kind: emulator.KindLag, Lag: 150 * time.Millisecond, Operation: "secrets-store-secrets-list", Times: 2},
			)
		})
	}
}
