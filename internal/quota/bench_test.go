package quota_test

import (
	"fmt"
	"testing"

	"platform.internal/storekeeper/internal/upstream"
)

// What a create costs does not grow with what a tenant has.
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
