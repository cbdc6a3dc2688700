package cache_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/cache"
	"platform.internal/storekeeper/internal/emulator"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/scope"
	"platform.internal/storekeeper/internal/upstream"
)

func TestReadsGoOnWithoutCloudflare(t *testing.T) {
	outages := []struct {
		name  string
		fault emulator.Fault
		want  []fault.Kind
	}{
		{"in trouble", emulator.Fault{Kind: emulator.KindStatus, Status: 503}, []fault.Kind{fault.Unavailable}},
		{"cut off", emulator.Fault{Kind: emulator.KindCut}, []fault.Kind{fault.Unavailable}},
		{"out of budget", emulator.Fault{Kind: emulator.KindRateLimit}, []fault.Kind{fault.Throttled}},
		{"the credential is refused", emulator.Fault{Kind: emulator.KindStatus, Status: 401}, []fault.Kind{fault.Upstream}},
		{"nonsense", emulator.Fault{Kind: emulator.KindTruncate}, []fault.Kind{fault.Upstream, fault.Unavailable}},
	}
	for _, o := range outages {
		t.Run(o.name, func(t *testing.T) {
			w := newWorld(t)
			store := w.store("s")
			client, _ := w.cache()
			made := secrets(t, client, store, "A")[0]
			names(t, client, store)
			w.clock.move(time.Hour)
			w.faults(o.fault)
			get := func(ctx context.Context) error { _, err := client.GetSecret(ctx, secret(store, made.ID)); return err }
			list := func(ctx context.Context) error { _, err := client.ListSecrets(ctx, all(store)); return err }
			stale := scope.Freshness{Hit: true, Stale: true, Age: time.Hour}
			before := w.Calls(listSecrets)
			for range 100 {
				for _, read := range []func(context.Context) error{get, list} {
					if got, err := freshness(t, read); err != nil || got != stale {
						t.Fatalf("got %+v %v, want %+v", got, err, stale)
					}
				}
			}
			// The client and its transport retry requests that are cut off.
			if tries := w.Calls(listSecrets) - before; tries < 1 || tries > 3 {
				t.Errorf("Cloudflare was tried %d times", tries)
			}
			if _, err := client.GetSecret(t.Context(), secret(store, noSuchID)); !slices.Contains(o.want, kindOf(err)) {
				t.Errorf("of what is not known: %v", err)
			}
			if _, err := client.ListStores(t.Context(), upstream.ListStoresParams{Account: account}); !slices.Contains(o.want, kindOf(err)) {
				t.Errorf("of what was never read: %v", err)
			}
			w.ClearFaults()
			w.clock.move(2 * time.Second)
			if got, err := freshness(t, list); err != nil || got != (scope.Freshness{}) {
				t.Errorf("afterwards: got %+v %v", got, err)
			}
		})
	}
}

func TestAPictureInAnOutageHasOwnChanges(t *testing.T) {
	w := newWorld(t)
	store := w.store("s")
	client, _ := w.cache()
	names(t, client, store)
	w.clock.move(time.Hour)
	w.faults(emulator.Fault{Kind: emulator.KindStatus, Status: 503, Method: "GET"})
	names(t, client, store)
	secrets(t, client, store, "A")
	if got := names(t, client, store); got != "[A]" {
		t.Errorf("got %s", got)
	}
}

func TestASilentCloudflareCostsAReaderPartOfItsTime(t *testing.T) {
	// A quarter of a short time is too short for an answer of a busy machine. Longer times than 5 s are
	// no test: a read waits 5 s at most.
	for d := 400 * time.Millisecond; ; d *= 2 {
		got, err, over := readOfASilentCloudflare(t, d)
		if err == nil && over == nil && got.Stale {
			return
		}
		if d > 3*time.Second {
			t.Fatalf("got %+v %v, context %v", got, err, over)
		}
	}
}

// readOfASilentCloudflare reads a listing within d. over is the error of the context after the read.
func readOfASilentCloudflare(t *testing.T, d time.Duration) (got scope.Freshness, err, over error) {
	t.Helper()
	w := newWorld(t)
	store := w.store("s")
	g, slow := viaGate(w)
	client, _ := w.cache(slow)
	names(t, client, store)
	w.clock.move(time.Hour)
	_, release := g.held("ListSecrets")
	defer release()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	answer := &scope.FreshnessRecorder{}
	_, err = client.ListSecrets(scope.WithCall(ctx, "", answer, false), all(store))
	return answer.Freshness(), err, ctx.Err()
}

func TestAListThatIsHandedOnInAnOutage(t *testing.T) {
	w := newWorld(t)
	store := w.store("s")
	client, _ := w.cache()
	secrets(t, client, store, "B", "a")
	names(t, client, store)
	w.down()
	p := all(store)
	p.Order, p.Direction = "name", "asc"
	got, err := freshness(t, func(ctx context.Context) error { _, err := client.ListSecrets(ctx, p); return err })
	if err != nil || !got.Stale {
		t.Errorf("of which only the order is open: %+v %v", got, err)
	}
	p.Search = "b"
	if _, err := client.ListSecrets(t.Context(), p); kindOf(err) != fault.Unavailable {
		t.Errorf("of which the items are open: %v", err)
	}
}

func TestClosedLibrary(t *testing.T) {
	w := newWorld(t)
	store := w.store("s")
	client, listings := w.cache()
	listings.Close()
	if _, err := client.ListSecrets(t.Context(), all(store)); err == nil {
		t.Error("a listings that is closed reads")
	}
	listings.Close()
	if _, err := cache.New(cache.Config{}); err == nil {
		t.Error("a listings without a reader")
	}
}
