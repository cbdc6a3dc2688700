package bolt_test

import (
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"platform.internal/storekeeper/internal/records"
	"platform.internal/storekeeper/internal/records/bolt"
	"platform.internal/storekeeper/internal/records/recordstest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

func open(t testing.TB, file string) *bolt.Store {
	t.Helper()
	s, err := bolt.Open(bolt.Config{File: file})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestStoreKeepsTheContract(t *testing.T) {
	t.Parallel()
	recordstest.Contract(t, func(t *testing.T) records.Store {
		return open(t, filepath.Join(t.TempDir(), "records"))
	})
}
