package mirror_test

import (
	"testing"

	"platform.internal/storekeeper/internal/upstream"
)

func BenchmarkHits(b *testing.B) {
	w := newWorld(b)
	store, made := crowd(b, w, 100)
	client, _ := w.mirror()
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
