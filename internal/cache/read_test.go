package cache_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/scope"
	"platform.internal/storekeeper/internal/upstream"
)

func TestAThousandReadsCostOneListing(t *testing.T) {
	w := newWorld(t)
	store := w.store("s")
	made := secrets(t, w.direct, store, "A", "B", "C")
	client, _ := w.cache()
	reads := func() {
		for i := range 1000 {
			_, err := client.GetSecret(t.Context(), secret(store, made[i%3].ID))
			must(t, err)
			if got := names(t, client, store); got != "[C B A]" {
				t.Fatalf("got %s", got)
			}
		}
	}
	w.costs(getSecret, 0, func() {
		w.costs(listSecrets, 1, reads)
		w.clock.move(staleness)
		w.costs(listSecrets, 0, reads)
		w.clock.move(time.Nanosecond)
		w.costs(listSecrets, 1, reads)
	})
}

func TestReadsAtTheSameTimeShareAListing(t *testing.T) {
	w := newWorld(t)
	store := w.store("s")
	made := secrets(t, w.direct, store, "A")
	g, slow := viaGate(w)
	client, _ := w.cache(slow)
	arrived, release := g.held("ListSecrets")
	var wg sync.WaitGroup
	w.costs(listSecrets, 1, func() {
		for range 50 {
			wg.Go(func() {
				if _, err := client.GetSecret(t.Context(), secret(store, made[0].ID)); err != nil {
					t.Error(err)
				}
			})
		}
		<-arrived
		release()
		wg.Wait()
	})
}

func TestACallerWhoLeavesDoesNotEndTheListing(t *testing.T) {
	w := newWorld(t)
	store := w.store("s")
	g, slow := viaGate(w)
	client, _ := w.cache(slow)
	arrived, release := g.held("ListSecrets")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := client.ListSecrets(ctx, all(store))
		ended <- err
	}()
	<-arrived
	cancel()
	if err := <-ended; kindOf(err) != fault.Canceled {
		t.Errorf("the caller who left got %v", err)
	}
	release()
	w.costs(listSecrets, 0, func() {
		if got := names(t, client, store); got != "[]" {
			t.Errorf("got %s", got)
		}
	})
	if _, err := client.ListSecrets(ctx, all(store)); kindOf(err) != fault.Canceled {
		t.Errorf("a caller who left before got %v", err)
	}
}

func TestWhatAReadTellsOfItsAge(t *testing.T) {
	w := newWorld(t)
	store := w.store("s")
	made := secrets(t, w.direct, store, "A", "a")
	client, _ := w.cache()
	get := func(ctx context.Context) error {
		_, err := client.GetSecret(ctx, secret(store, made[0].ID))
		return err
	}
	list := func(ctx context.Context) error {
		_, err := client.ListSecrets(ctx, all(store))
		return err
	}
	unsure := func(ctx context.Context) error {
		p := all(store)
		p.Search = "a"
		_, err := client.ListSecrets(ctx, p)
		return err
	}
	steps := []struct {
		name string
		move time.Duration
		read func(context.Context) error
		want scope.Freshness
	}{
		{"the first asks", 0, get, scope.Freshness{}},
		{"the next does not", 7 * time.Second, get, scope.Freshness{Hit: true, Age: 7 * time.Second}},
		{"a list neither", time.Second, list, scope.Freshness{Hit: true, Age: 8 * time.Second}},
		{"one that is handed on does", 0, unsure, scope.Freshness{}},
		{"so does one that must", 0, func(ctx context.Context) error { return list(scope.WithFresh(ctx)) }, scope.Freshness{}},
		{"which makes all young", time.Second, list, scope.Freshness{Hit: true, Age: time.Second}},
	}
	for _, s := range steps {
		w.clock.move(s.move)
		got, err := freshness(t, s.read)
		must(t, err)
		if got != s.want {
			t.Errorf("%s: got %+v, want %+v", s.name, got, s.want)
		}
	}
}

func TestBypass(t *testing.T) {
	w := newWorld(t)
	store := w.store("s")
	made := secrets(t, w.direct, store, "A", "B")
	client, _ := w.cache()
	names(t, client, store)
	bypass := scope.WithFresh(t.Context())
	_, err := w.direct.DeleteSecret(t.Context(), secret(store, made[0].ID))
	must(t, err)
	if _, err := client.GetSecret(t.Context(), secret(store, made[0].ID)); err != nil {
		t.Errorf("a picture that is young does not hold: %v", err)
	}
	if _, err := client.GetSecret(bypass, secret(store, made[0].ID)); kindOf(err) != fault.NotFound {
		t.Errorf("got %v", err)
	}
	w.costs(listSecrets, 0, func() {
		if got := names(t, client, store); got != "[B]" {
			t.Errorf("what was learned is not shown: %s", got)
		}
	})
	secrets(t, w.direct, store, "C")
	a, err := client.ListSecrets(bypass, all(store))
	must(t, err)
	if len(a.Result) != 2 || names(t, client, store) != "[C B]" {
		t.Errorf("got %v, then %s", a.Result, names(t, client, store))
	}
	w.down()
	if _, err := client.ListSecrets(bypass, all(store)); kindOf(err) != fault.Unavailable {
		t.Errorf("got %v", err)
	}
}

func TestQuota(t *testing.T) {
	w := newWorld(t)
	store := w.store("s")
	client, _ := w.cache()
	quota := func(want int64) {
		t.Helper()
		a, err := client.Quota(t.Context(), account)
		must(t, err)
		if a.Result.Secrets.Usage != want {
			t.Errorf("got %d, want %d", a.Result.Secrets.Usage, want)
		}
	}
	w.costs(readQuota, 1, func() { quota(0); quota(0) })
	w.costs(readQuota, 1, func() { secrets(t, client, store, "A"); quota(1); quota(1) })
	secrets(t, w.direct, store, "B")
	w.costs(readQuota, 0, func() { quota(1) })
	w.clock.move(staleness + 1)
	w.costs(readQuota, 1, func() { quota(2) })
	w.clock.move(staleness + 1)
	w.down()
	got, err := freshness(t, func(ctx context.Context) error { _, err := client.Quota(ctx, accountID); return err })
	must(t, err)
	if want := (scope.Freshness{Hit: true, Stale: true, Age: staleness + 1}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if _, err := client.Quota(scope.WithFresh(t.Context()), account); kindOf(err) != fault.Unavailable {
		t.Errorf("got %v", err)
	}
}

func TestAWholeListingOfAnAge(t *testing.T) {
	w := newWorld(t)
	store := w.store("s")
	secrets(t, w.direct, store, "A")
	client, listings := w.cache()
	names(t, client, store)
	whole := func(notBefore time.Time, want int) {
		t.Helper()
		got, err := listings.Secrets(t.Context(), account, store, notBefore)
		must(t, err)
		if len(got) != want {
			t.Errorf("got %d, want %d", len(got), want)
		}
	}
	secrets(t, w.direct, store, "B")
	w.clock.move(time.Hour)
	w.costs(listSecrets, 0, func() { whole(time.Time{}, 1); whole(w.clock.Now().Add(-time.Hour), 1) })
	w.costs(listSecrets, 1, func() { whole(w.clock.Now(), 2); whole(w.clock.Now(), 2) })
	if got, err := listings.Stores(t.Context(), accountID, w.clock.Now()); err != nil || len(got) != 1 {
		t.Errorf("got %v %v", got, err)
	}
	w.clock.move(1)
	w.down()
	if _, err := listings.Secrets(t.Context(), account, store, w.clock.Now()); kindOf(err) != fault.Unavailable {
		t.Errorf("got %v", err)
	}
	if _, err := listings.Secrets(t.Context(), "nobody", store, time.Time{}); kindOf(err) != fault.Denied {
		t.Errorf("got %v", err)
	}
}

func TestAnAccountThatIsNotServed(t *testing.T) {
	w := newWorld(t)
	client, _ := w.cache()
	_, err := client.GetSecret(t.Context(), upstream.SecretParams{Account: "nobody", StoreID: noSuchID, SecretID: noSuchID})
	_, said := w.direct.Quota(t.Context(), "nobody")
	if !equalFaults(err, said) {
		t.Errorf("got %v, want %v", err, said)
	}
}

func TestAStoreThatIsNot(t *testing.T) {
	w := newWorld(t)
	client, _ := w.cache()
	for _, id := range []string{noSuchID, "no identifier"} {
		_, said := w.direct.ListSecrets(t.Context(), all(id))
		if _, err := client.ListSecrets(t.Context(), all(id)); !equalFaults(err, said) {
			t.Errorf("got %v, want %v", err, said)
		}
	}
}
