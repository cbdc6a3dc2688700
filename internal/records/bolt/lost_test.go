package bolt_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/records/bolt"
)

func TestAStoreThatLosesAFileRefusesChangesAndGoesOnReading(t *testing.T) {
	t.Parallel()
	for _, suffix := range all() {
		for name, c := range map[string]struct {
			lose, back func(t *testing.T, path string)
			says       string
		}{
			"removed": {
				func(t *testing.T, path string) { must(t, os.Rename(path, path+".away")) },
				func(t *testing.T, path string) { must(t, os.Rename(path+".away", path)) }, "not in its place",
			},
			"replaced": {
				func(t *testing.T, path string) { must(t, os.Rename(path, path+".away")); clone(t, path+".away", path) },
				func(t *testing.T, path string) { must(t, os.Rename(path+".away", path)) }, "another file",
			},
			"replaced by a folder": {
				func(t *testing.T, path string) {
					must(t, os.Rename(path, path+".away"))
					must(t, os.Mkdir(path, 0o700))
				},
				func(t *testing.T, path string) { must(t, os.Remove(path)); must(t, os.Rename(path+".away", path)) }, "another file",
			},
			"cut": {func(t *testing.T, path string) { must(t, os.Truncate(path, 10)) }, nil, "was cut"},
		} {
			t.Run("records"+suffix+" "+name, func(t *testing.T) {
				t.Parallel()
				file := filepath.Join(t.TempDir(), "records")
				s, err := bolt.Open(bolt.Config{File: file})
				must(t, err)
				set(t, s, "before", answer, time.Time{})
				must(t, s.Healthy())
				c.lose(t, file+suffix)
				if err := s.Change(t.Context(), []string{"during"}, put("during", answer, time.Time{})); fault.From(err).Reason != "STATE_UNAVAILABLE" {
					t.Errorf("a change: %v", err)
				}
				if err := s.Healthy(); err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), file+suffix) {
					t.Errorf("healthy: %v", err)
				}
				want(t, s, "before", answer)
				if c.back != nil {
					c.back(t, file+suffix)
					must(t, s.Healthy())
					set(t, s, "after", answer, time.Time{})
					must(t, s.Close())
					want(t, open(t, file), "after", answer)
					return
				}
				if err := s.Close(); suffix != "" {
					// Everything was in memory, and is in the records file now.
					must(t, err)
					want(t, open(t, file), "before", answer)
					return
				}
				refuses(t, file)
			})
		}
	}
}
