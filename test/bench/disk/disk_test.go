package disk_test

import (
	"os"
	"testing"
	"time"

	"platform.internal/storekeeper/test/bench/disk"
)

func TestSyncsArePaced(t *testing.T) {
	folder := t.TempDir()
	began := time.Now()
	took, err := disk.Paced(t.Context(), folder, 200, 5)
	if err != nil || len(took) != 5 {
		t.Fatalf("%d of 5: %v", len(took), err)
	}
	if passed := time.Since(began); passed < 20*time.Millisecond {
		t.Errorf("five of 200 a second were done after %s", passed)
	}
	if took, err = disk.Appended(folder, 3); err != nil || len(took) != 3 {
		t.Errorf("%d of 3: %v", len(took), err)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("%d files are left: %v", len(left), err)
	}
}
