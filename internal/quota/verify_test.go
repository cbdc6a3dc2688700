package quota_test

import (
	"testing"
	"testing/synctest"
	"time"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/upstream"
)

func TestTenantIsNotRefusedForWhatIsGone(t *testing.T) {
	for name, test := range map[string]struct {
		change func(f *cloudflare, ids []string)
		later  time.Duration
		free   int
	}{
		"nothing is gone":        {func(*cloudflare, []string) {}, time.Hour, 0},
		"one was deleted":        {func(f *cloudflare, ids []string) { delete(f.secrets, ids[1]) }, time.Hour, 1},
		"the store was deleted":  {func(f *cloudflare, _ []string) { delete(f.stores, store) }, time.Hour, 3},
		"the listing is too new": {func(f *cloudflare, ids []string) { delete(f.secrets, ids[1]) }, time.Minute, 0},
		"nobody can look": {func(f *cloudflare, ids []string) {
			delete(f.secrets, ids[1])
			f.unreadable = fault.New(fault.Unavailable, "UPSTREAM_UNAVAILABLE", "Away.")
		}, time.Hour, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, kept := newCloudflare(100), newMemory()
				conf := config(f, kept, rules(1, 3))
				conf.Listings = f
				c := with(f, conf)
				ids := must(t, c, "a", 3)
				test.change(f, ids)
				time.Sleep(test.later)
				if test.free > 0 {
					must(t, c, "a", test.free)
				}
				f.stores[store] = true
				refused(t, c, "a", 1)
				if owners := len(kept.entries) - 2; owners != 3 {
					t.Errorf("%d owners are kept, want 3", owners)
				}
			})
		})
	}
}

func TestStoresThatAreGoneDoNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newCloudflare(100)
		conf := config(f, newMemory(), rules(1, 3))
		conf.Listings = f
		c := with(f, conf)
		answer, err := c.CreateStore(as("a"), upstream.CreateStoreParams{Account: account})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if _, err := c.CreateStore(as("a"), upstream.CreateStoreParams{Account: account}); want(err, fault.LimitReached) != nil {
			t.Fatal(err)
		}
		delete(f.stores, answer.Result.ID)
		// The objects were verified a moment ago.
		if _, err := c.CreateStore(as("a"), upstream.CreateStoreParams{Account: account}); want(err, fault.LimitReached) != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if _, err := c.CreateStore(as("a"), upstream.CreateStoreParams{Account: account}); err != nil {
			t.Error(err)
		}
	})
}
