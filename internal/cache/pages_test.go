package cache_test

import (
	"fmt"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/cache"
	"platform.internal/storekeeper/internal/upstream"
)

// crowd makes a store with many secrets, the last of which is the newest.
func crowd(t testing.TB, w *world, n int) (store string, made []upstream.Secret) {
	t.Helper()
	store = w.store(fmt.Sprintf("crowd-%d", n))
	for len(made) < n {
		var batch []string
		for range min(100, n-len(made)) {
			batch = append(batch, fmt.Sprintf("S%d", len(made)+len(batch)))
		}
		made = append(made, secrets(t, w.direct, store, batch...)...)
	}
	return store, made
}

func TestManyPages(t *testing.T) {
	cases := []struct {
		name  string
		count int
		calls int
	}{
		{"none", 0, 1}, {"almost one page", 99, 1}, {"one full page", 100, 1}, {"one more", 101, 2}, {"three", 250, 3},
	}
	w := newWorld(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w.t = t
			store, made := crowd(t, w, c.count)
			_, listings := w.cache()
			w.costs(listSecrets, c.calls, func() {
				got, err := listings.Secrets(t.Context(), account, store, time.Time{})
				must(t, err)
				if len(got) != c.count || c.count > 0 && got[0].ID != made[c.count-1].ID {
					t.Errorf("got %d", len(got))
				}
			})
		})
	}
}

// TestItemsThatMoveBetweenPages changes a list without the cache, between the reads of two pages.
func TestItemsThatMoveBetweenPages(t *testing.T) {
	w := newWorld(t)
	cases := []struct {
		name   string
		change func(t *testing.T, store string, made []upstream.Secret)
		calls  int
	}{
		{"new ones push others back", func(t *testing.T, store string, _ []upstream.Secret) {
			secrets(t, w.direct, store, "NEW1", "NEW2")
		}, 2},
		{"others take the place of one that went", func(t *testing.T, store string, made []upstream.Secret) {
			_, err := w.direct.DeleteSecret(t.Context(), secret(store, made[len(made)-1].ID))
			must(t, err)
		}, 4},
	}
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w.t = t
			store, made := crowd(t, w, 150+i)
			g, slow := viaGate(w)
			_, listings := w.cache(slow)
			g.once("ListSecrets", func() { c.change(t, store, made) })
			w.costs(listSecrets, c.calls, func() {
				got, err := listings.Secrets(t.Context(), account, store, time.Time{})
				must(t, err)
				seen := map[string]bool{}
				for _, s := range got {
					seen[s.ID] = true
				}
				for _, s := range made[:len(made)-1] {
					if !seen[s.ID] {
						t.Errorf("%s is missing", s.Name)
					}
				}
			})
		})
	}
}

// TestAListThatNeverStandsStill deletes in every try.
func TestAListThatNeverStandsStill(t *testing.T) {
	w := newWorld(t)
	store, made := crowd(t, w, 220)
	g, slow := viaGate(w)
	_, listings := w.cache(slow)
	last := len(made)
	var churn func()
	churn = func() {
		last--
		_, err := w.direct.DeleteSecret(t.Context(), secret(store, made[last].ID))
		must(t, err)
		g.once("ListSecrets", churn)
	}
	g.once("ListSecrets", churn)
	got, err := listings.Secrets(t.Context(), account, store, time.Time{})
	must(t, err)
	seen := map[string]bool{}
	for _, s := range got {
		if seen[s.ID] {
			t.Errorf("%s is there twice", s.Name)
		}
		seen[s.ID] = true
	}
	for _, s := range made[:last] {
		if !seen[s.ID] {
			t.Errorf("%s is missing", s.Name)
		}
	}
}

func TestAListThatIsTooLongIsHandedOn(t *testing.T) {
	w := newWorld(t)
	store, made := crowd(t, w, 151)
	client, listings := w.cache(func(c *cache.Config) { c.MostItems = 150 })
	w.costs(getSecret, 2, func() {
		w.costs(listSecrets, 3, func() {
			for range 2 {
				_, err := client.GetSecret(t.Context(), secret(store, made[0].ID))
				must(t, err)
				_, err = client.ListSecrets(t.Context(), all(store))
				must(t, err)
			}
		})
	})
	got, err := listings.Secrets(t.Context(), account, store, w.clock.Now())
	must(t, err)
	if len(got) != 151 {
		t.Errorf("got %d", len(got))
	}
}

func TestStoresThatAreNotReadAreForgotten(t *testing.T) {
	w := newWorld(t)
	client, _ := w.cache(func(c *cache.Config) { c.MostStores = 2 })
	var stores []string
	for i := range 3 {
		stores = append(stores, w.store(fmt.Sprint(i)))
		names(t, client, stores[i])
	}
	w.costs(listSecrets, 0, func() { names(t, client, stores[2]); names(t, client, stores[1]) })
	w.costs(listSecrets, 1, func() { names(t, client, stores[0]) })
	for range 10 {
		_, _ = client.ListSecrets(t.Context(), all(noSuchID[:30]+"11"))
	}
	w.costs(listSecrets, 0, func() { names(t, client, stores[0]) })
}
