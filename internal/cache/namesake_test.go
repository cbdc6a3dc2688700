package cache_test

import (
	"context"
	"testing"

	"platform.internal/storekeeper/internal/cache"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/upstream"
)

// TestANameStandsInAListOnce: an object that was deleted and made again past
// Storekeeper has another identifier and the same name.
func TestANameStandsInAListOnce(t *testing.T) {
	ways := map[string]func(t *testing.T, by *client, store string, again upstream.Secret){
		"a read of the new one": func(t *testing.T, by *client, store string, again upstream.Secret) {
			_, err := by.GetSecret(t.Context(), secret(store, again.ID))
			must(t, err)
		},
		"a change of the new one": func(t *testing.T, by *client, store string, again upstream.Secret) {
			text := "changed"
			_, err := by.UpdateSecret(t.Context(), upstream.UpdateSecretParams{
				Account: account, StoreID: store, SecretID: again.ID, Comment: upstream.CommentChange{Change: true, Text: &text},
			})
			must(t, err)
		},
		"a page that is handed on": func(t *testing.T, by *client, store string, _ upstream.Secret) {
			p := all(store)
			p.Search = "a"
			_, err := by.ListSecrets(t.Context(), p)
			must(t, err)
		},
	}
	for name, show := range ways {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			store := w.store("s")
			old := secrets(t, w.direct, store, "A", "B")[0]
			log := &memory{}
			one, _ := w.cache(withLog(log))
			two, _ := w.cache(withLog(log))
			for range 2 {
				names(t, one, store)
				names(t, two, store)
			}
			_, err := w.direct.DeleteSecret(t.Context(), secret(store, old.ID))
			must(t, err)
			w.clock.move(1000)
			again := secrets(t, w.direct, store, "A")[0]
			show(t, one, store, again)
			for _, by := range []*client{one, two} {
				if got := names(t, by, store); got != "[A B]" {
					t.Errorf("got %s", got)
				}
				a, err := by.GetSecret(t.Context(), secret(store, again.ID))
				must(t, err)
				if a.Result.ID != again.ID {
					t.Errorf("got %s", a.Result.ID)
				}
				if _, err := by.GetSecret(t.Context(), secret(store, old.ID)); kindOf(err) != fault.NotFound {
					t.Errorf("of the old one: %v", err)
				}
			}
		})
	}
}

func TestAStoreThatWasMadeAgainStandsInAListOnce(t *testing.T) {
	w := newWorld(t)
	old := w.store("s")
	client, _ := w.cache()
	list := func() []upstream.Store {
		a, err := client.ListStores(t.Context(), upstream.ListStoresParams{Account: account})
		must(t, err)
		return a.Result
	}
	list()
	_, err := w.direct.DeleteStore(t.Context(), upstream.DeleteStoreParams{Account: account, StoreID: old})
	must(t, err)
	w.clock.move(1000)
	again := w.store("s")
	_, err = client.GetStore(t.Context(), upstream.StoreParams{Account: account, StoreID: again})
	must(t, err)
	if got := list(); len(got) != 1 || got[0].ID != again {
		t.Errorf("got %v", got)
	}
}

// TestAListThatNeverStandsStillHasANameOnce: an object is made again between the
// tries to read the list.
func TestAListThatNeverStandsStillHasANameOnce(t *testing.T) {
	w := newWorld(t)
	store := w.store("s")
	old := secrets(t, w.direct, store, "A", "B")[0]
	restless := &restless{Client: w.direct}
	restless.after = func(try int) {
		if try != 1 {
			return
		}
		_, err := w.direct.DeleteSecret(t.Context(), secret(store, old.ID))
		must(t, err)
		w.clock.move(1000)
		secrets(t, w.direct, store, "A")
	}
	client, _ := w.cache(func(c *cache.Config) { c.Reader = restless })
	if got := names(t, client, store); got != "[A B]" {
		t.Errorf("got %s", got)
	}
}

// restless returns lists whose total never equals the number of items.
type restless struct {
	*upstream.Client
	tries int
	after func(try int)
}

func (r *restless) ListSecrets(ctx context.Context, p upstream.ListSecretsParams) (upstream.Answer[[]upstream.Secret], error) {
	a, err := r.Client.ListSecrets(ctx, p)
	if a.Info != nil {
		a.Info.TotalCount++
	}
	r.tries++
	r.after(r.tries)
	return a, err
}
