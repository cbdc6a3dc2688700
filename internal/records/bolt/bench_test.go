package bolt_test

import (
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"

	"platform.internal/storekeeper/internal/records"
)

// BenchmarkChange has 64 callers for each processor, each with a record of its
// own.
func BenchmarkChange(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "records"))
	value := make([]byte, 256)
	var callers atomic.Int64
	b.ReportAllocs()
	b.SetParallelism(64)
	b.RunParallel(func(pb *testing.PB) {
		key := fmt.Sprint("caller/", callers.Add(1))
		for pb.Next() {
			err := s.Change(b.Context(), []string{key}, func(map[string]records.Entry) (map[string]*records.Entry, error) {
				return map[string]*records.Entry{key: {Value: value}}, nil
			})
			if err != nil {
				b.Error(err)
				return
			}
		}
	})
}
