package file_test

import (
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"platform.internal/storekeeper/internal/store"
	"platform.internal/storekeeper/internal/store/file"
	"platform.internal/storekeeper/internal/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTheFileStoreKeepsTheContract(t *testing.T) {
	t.Parallel()
	storetest.Contract(t, func(t *testing.T) store.Store {
		t.Helper()
		folder := t.TempDir()
		s, err := file.Open(t.Context(), file.Config{
			Folder: filepath.Join(folder, "state"), Trail: file.TrailConfig{Path: filepath.Join(folder, "audit.log")},
			MaxWait: patient,
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		return s
	})
}
