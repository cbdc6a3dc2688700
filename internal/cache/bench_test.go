package cache_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/cache"
	"platform.internal/storekeeper/internal/upstream"
)

func BenchmarkHits(b *testing.B) {
	w := newWorld(b)
	store, made := crowd(b, w, 100)
	client, _ := w.cache()
	list := func(b *testing.B, p upstream.ListSecretsParams) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := client.ListSecrets(b.Context(), p); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("GetSecret", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := client.GetSecret(b.Context(), secret(store, made[50].ID)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("GetSecret, many at once", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := client.GetSecret(b.Context(), secret(store, made[50].ID)); err != nil {
					b.Error(err)
				}
			}
		})
	})
	b.Run("ListSecrets", func(b *testing.B) {
		list(b, upstream.ListSecretsParams{Account: account, StoreID: store})
	})
	b.Run("ListSecrets, searched and sorted", func(b *testing.B) {
		p := upstream.ListSecretsParams{Account: account, StoreID: store, Search: "S1"}
		p.Order, p.Direction = "name", "asc"
		list(b, p)
	})
}

// The cost of a change and of the following reads must not grow with the list.
func BenchmarkGrowth(b *testing.B) {
	for _, n := range []int{10, 1000, 10_000} {
		w := newWorld(b)
		store, made := crowd(b, w, n)
		client, listings := w.cache(func(c *cache.Config) { c.MostItems = 1 << 30 })
		at := upstream.Secret{StoreID: store, Scopes: []string{"workers"}, Created: w.clock.Now(), Modified: w.clock.Now()}
		next := 0
		changes := newClient(listings, fake{cloud: w.direct, create: func() upstream.Secret {
			next++
			at.ID, at.Name = fmt.Sprintf("%032x", next), fmt.Sprintf("new-%d", next)
			at.Created = at.Created.Add(time.Microsecond)
			return at
		}})
		change := func(b *testing.B) {
			a, err := changes.CreateSecrets(b.Context(), upstream.CreateSecretsParams{Account: account, StoreID: store, Secrets: make([]upstream.NewSecret, 1)})
			if err != nil {
				b.Fatal(err)
			}
			if _, err := changes.DeleteSecret(b.Context(), secret(store, a.Result[0].ID)); err != nil {
				b.Fatal(err)
			}
		}
		read := func(b *testing.B) {
			if _, err := client.ListSecrets(b.Context(), upstream.ListSecretsParams{Account: account, StoreID: store}); err != nil {
				b.Fatal(err)
			}
		}
		read(b)
		for _, tc := range []struct {
			name string
			do   func(*testing.B)
		}{
			{"get", func(b *testing.B) {
				if _, err := client.GetSecret(b.Context(), secret(store, made[n/2].ID)); err != nil {
					b.Fatal(err)
				}
			}},
			{"list", read},
			{"find", func(b *testing.B) {
				if _, err := listings.FindSecrets(b.Context(), account, store, []string{"S1"}, nil); err != nil {
					b.Fatal(err)
				}
			}},
			{"create and delete", change},
			{"create, delete and list", func(b *testing.B) { change(b); read(b) }},
		} {
			b.Run(fmt.Sprintf("%s, %d", tc.name, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					tc.do(b)
				}
			})
		}
	}
}

// fake is a Cloudflare that succeeds with every change.
type fake struct {
	cloud

	create func() upstream.Secret
}

func (f fake) CreateSecrets(context.Context, upstream.CreateSecretsParams) (upstream.Answer[[]upstream.Secret], error) {
	return upstream.Answer[[]upstream.Secret]{Result: []upstream.Secret{f.create()}}, nil
}

func (f fake) DeleteSecret(context.Context, upstream.SecretParams) (upstream.Answer[upstream.None], error) {
	return upstream.Answer[upstream.None]{}, nil
}
