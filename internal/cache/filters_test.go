package cache_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"

	"platform.internal/storekeeper/internal/cache"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/scope"
	"platform.internal/storekeeper/internal/upstream"
)

// payments records the tenants that pay for list calls, and which calls are urgent.
type payments struct {
	*upstream.Client
	mu     sync.Mutex
	paid   map[string]int
	urgent int
}

func paying(w *world) (*payments, func(*cache.Config)) {
	p := &payments{Client: w.direct, paid: map[string]int{}}
	return p, func(c *cache.Config) { c.Reader = p }
}

func (p *payments) ListSecrets(ctx context.Context, q upstream.ListSecretsParams) (upstream.Answer[[]upstream.Secret], error) {
	p.mu.Lock()
	p.paid[scope.Tenant(ctx)]++
	if !scope.Fresh(ctx) {
		p.urgent++
	}
	p.mu.Unlock()
	return p.Client.ListSecrets(ctx, q)
}

func (p *payments) of(name string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.paid[name]
}

func TestRandomQueriesOfOneTenantCauseNoReadOfAWholeList(t *testing.T) {
	w := newWorld(t)
	r := rand.New(rand.NewPCG(3, 4))
	p, through := paying(w)
	client, _ := w.cache(through)
	stores := []string{w.store("one"), w.store("Two"), w.store("t_3"), w.store("t-4")}
	fill(t, w, r, stores)
	t1, t2 := scope.WithTenant(t.Context(), "t1"), scope.WithTenant(t.Context(), "t2")
	read := func() {
		for _, store := range stores {
			_, err := client.ListSecrets(t1, all(store))
			must(t, err)
		}
	}
	read()
	before, urgent := p.of("t1"), p.urgent
	for range 2000 {
		// Invalid words are refused by Cloudflare.
		_, _ = client.ListSecrets(t2, randomList(r, stores))
		read()
	}
	if got := p.of("t1") - before; got != 0 {
		t.Errorf("t1 paid for %d pages after queries of t2", got)
	}
	if p.urgent != urgent {
		t.Errorf("%d calls for t2 alone were urgent", p.urgent-urgent)
	}
}

func TestWhoFindsAListWrongPaysForReadingItAnew(t *testing.T) {
	cases := []struct {
		name string
		find func(ctx context.Context, t *testing.T, w *world, client *client, store string)
	}{
		{"by a page that shows another item", func(ctx context.Context, t *testing.T, w *world, client *client, store string) {
			secrets(t, w.direct, store, "a2")
			q := all(store)
			q.Search = "a"
			_, err := client.ListSecrets(ctx, q)
			must(t, err)
		}},
		{"by a name that is taken", func(ctx context.Context, t *testing.T, w *world, client *client, store string) {
			secrets(t, w.direct, store, "B")
			_, err := client.CreateSecrets(ctx, create(store, "B"))
			if kindOf(err) != fault.NameTaken {
				t.Fatalf("got %v", err)
			}
		}},
		{"by a batch that is refused", func(ctx context.Context, t *testing.T, _ *world, client *client, store string) {
			_, err := client.CreateSecrets(ctx, create(store, "A", "C"))
			if kindOf(err) != fault.NameTaken {
				t.Fatalf("got %v", err)
			}
		}},
		{"by a change of what is gone", func(ctx context.Context, t *testing.T, w *world, client *client, store string) {
			listed, err := client.ListSecrets(ctx, all(store))
			must(t, err)
			gone := secret(store, listed.Result[0].ID)
			_, err = w.direct.DeleteSecret(ctx, gone)
			must(t, err)
			if _, err = client.DeleteSecret(ctx, gone); kindOf(err) != fault.NotFound {
				t.Fatalf("got %v", err)
			}
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			store := w.store("s")
			secrets(t, w.direct, store, "A")
			p, through := paying(w)
			log := &memory{}
			one, _ := w.cache(through, withLog(log))
			two, _ := w.cache(through, withLog(log))
			t1, t2 := scope.WithTenant(t.Context(), "t1"), scope.WithTenant(t.Context(), "t2")
			for range 2 {
				for _, by := range []*client{one, two} {
					_, err := by.ListSecrets(t1, all(store))
					must(t, err)
				}
			}
			before := p.of("t1")
			c.find(t2, t, w, one, store)
			for _, by := range []*client{one, two, one, two} {
				_, err := by.ListSecrets(t1, all(store))
				must(t, err)
			}
			if got := p.of("t1") - before; got != 0 {
				t.Errorf("t1 paid for %d pages", got)
			}
		})
	}
}

func create(store string, names ...string) upstream.CreateSecretsParams {
	p := upstream.CreateSecretsParams{Account: account, StoreID: store}
	for _, name := range names {
		p.Secrets = append(p.Secrets, upstream.NewSecret{Name: name, Value: "v", Scopes: []string{"workers"}})
	}
	return p
}
