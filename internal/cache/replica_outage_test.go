package cache_test

import (
	"context"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/emulator"
	"platform.internal/storekeeper/internal/scope"
	"platform.internal/storekeeper/internal/upstream"
)

func TestALogThatWasLost(t *testing.T) {
	w := newWorld(t)
	store := w.store("s")
	log := &memory{}
	one, _ := w.cache(withLog(log))
	two, _ := w.cache(withLog(log))
	names(t, one, store)
	names(t, two, store)
	secrets(t, one, store, "A")
	log.lose()
	w.costs(listSecrets, 1, func() {
		if got := names(t, two, store); got != "[A]" {
			t.Errorf("got %s", got)
		}
	})
}

func TestALogThatIsAway(t *testing.T) {
	w := newWorld(t)
	store := w.store("s")
	log := &memory{}
	one, _ := w.cache(withLog(log))
	two, _ := w.cache(withLog(log))
	names(t, one, store)
	names(t, two, store)
	log.set(true)
	secrets(t, one, store, "A")
	if got := names(t, one, store); got != "[A]" {
		t.Errorf("the writer shows %s", got)
	}
	w.clock.move(staleness + 1)
	if got := names(t, two, store); got != "[A]" {
		t.Errorf("after the bound of ages the other shows %s", got)
	}
	secrets(t, one, store, "B")
	w.down()
	got, err := freshness(t, func(ctx context.Context) error { _, err := one.ListSecrets(ctx, all(store)); return err })
	if err != nil || !got.Stale {
		t.Errorf("without Cloudflare too: %+v %v", got, err)
	}
	w.ClearFaults()
	log.set(false)
	w.clock.move(2 * time.Second)
	// The outbox is flushed now.
	names(t, one, store)
	w.costs(listSecrets, 1, func() {
		for range 2 {
			if got := names(t, two, store); got != "[B A]" {
				t.Errorf("got %s", got)
			}
		}
	})
}

// TestReadsWithoutTheLogCostOneListingInTheBoundOfAges: a change of another replica may be missing
// in the snapshot, so the answer is marked as stale.
func TestReadsWithoutTheLogCostOneListingInTheBoundOfAges(t *testing.T) {
	w := newWorld(t)
	store := w.store("s")
	log := &memory{}
	made := secrets(t, w.direct, store, "A")[0]
	client, listings := w.cache(withLog(log))
	reads := map[string]func(context.Context) error{
		"a list":   func(ctx context.Context) error { _, err := client.ListSecrets(ctx, all(store)); return err },
		"a secret": func(ctx context.Context) error { _, err := client.GetSecret(ctx, secret(store, made.ID)); return err },
		"a store": func(ctx context.Context) error {
			_, err := client.GetStore(ctx, upstream.StoreParams{Account: account, StoreID: store})
			return err
		},
		"the quota": func(ctx context.Context) error { _, err := client.Quota(ctx, account); return err },
	}
	for _, read := range reads {
		must(t, read(t.Context()))
	}
	log.set(true)
	once := func(do func()) {
		w.costs(listStores, 1, func() { w.costs(listSecrets, 1, func() { w.costs(readQuota, 1, do) }) })
	}
	for range 3 {
		once(func() {
			w.clock.move(staleness + 1)
			for _, read := range reads {
				must(t, read(t.Context()))
			}
			w.clock.move(time.Second)
			for range 100 {
				for name, read := range reads {
					got, err := freshness(t, read)
					if want := (scope.Freshness{Hit: true, Stale: true, Age: time.Second}); err != nil || got != want {
						t.Fatalf("%s: got %+v %v, want %+v", name, got, err, want)
					}
				}
				_, err := listings.Finder().FindSecrets(t.Context(), account, store, nil, []string{made.ID})
				must(t, err)
			}
		})
	}
}

// TestReadsWithoutTheLogAndWithoutCallsEndAtAnAge: no newer listing can be read, and changes of
// other replicas may be missing for longer than MaxAge.
func TestReadsWithoutTheLogAndWithoutCallsEndAtAnAge(t *testing.T) {
	w := newWorld(t)
	store := w.store("s")
	log := &memory{}
	made := secrets(t, w.direct, store, "A")[0]
	client, _ := w.cache(withLog(log))
	reads := map[string]func(context.Context) error{
		"a list":    func(ctx context.Context) error { _, err := client.ListSecrets(ctx, all(store)); return err },
		"a secret":  func(ctx context.Context) error { _, err := client.GetSecret(ctx, secret(store, made.ID)); return err },
		"the quota": func(ctx context.Context) error { _, err := client.Quota(ctx, account); return err },
	}
	for _, read := range reads {
		must(t, read(t.Context()))
	}
	log.set(true)
	w.faults(emulator.Fault{Kind: emulator.KindStatus, Status: 503})
	w.clock.move(5 * time.Minute)
	for name, read := range reads {
		got, err := freshness(t, read)
		if err != nil || !got.Stale || got.Age != 5*time.Minute {
			t.Errorf("%s at the age: got %+v %v", name, got, err)
		}
	}
	w.clock.move(time.Second)
	for name, read := range reads {
		if got, err := freshness(t, read); err == nil {
			t.Errorf("%s beyond the age: got %+v", name, got)
		}
	}
}
