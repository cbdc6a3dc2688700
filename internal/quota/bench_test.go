package quota_test

import (
	"fmt"
	"testing"

	"platform.internal/storekeeper/internal/upstream"
)

// BenchmarkCreateStoreOfATenantThatHas: the cost of a create does not grow with the objects of a tenant.
func BenchmarkCreateStoreOfATenantThatHas(b *testing.B) {
	for _, n := range []int{0, 1000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			c := client(newCloudflare(1), newMemory(), rules(1<<30, 1<<30))
			create := func() {
				if _, err := c.CreateStore(as("a"), upstream.CreateStoreParams{Account: account}); err != nil {
					b.Fatal(err)
				}
			}
			for range n {
				create()
			}
			b.ReportAllocs()
			for b.Loop() {
				create()
			}
		})
	}
}
