package file_test

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	"platform.internal/storekeeper/internal/store/file"
)

// TestAStartThatTheDiskRefusesAsksForNoBackup fails each operation of a first start
// and of a later one.
func TestAStartThatTheDiskRefusesAsksForNoBackup(t *testing.T) {
	t.Parallel()
	refusals := 0
	for _, again := range []bool{false, true} {
		for _, refusal := range []error{syscall.ENOSPC, syscall.EFBIG, syscall.EROFS, syscall.EACCES} {
			for at := range 12 {
				system := memory()
				if again {
					system = kept(t, true)
				}
				ops := 0
				system.Set(func(op, _ string) error {
					if op != "write" && op != "truncate" {
						return nil
					}
					if ops++; ops <= at {
						return nil
					}
					return refusal
				})
				config := onMemory(system)
				config.Key = keyOf("right")
				s, err := file.Open(t.Context(), config)
				if err == nil {
					system.Set(nil)
					must(t, s.Close())
					continue
				}
				refusals++
				if !errors.Is(err, refusal) || !strings.Contains(err.Error(), "and start again") || strings.Contains(err.Error(), "move both away") {
					t.Errorf("operation %d: %v", at, err)
				}
			}
		}
	}
	if refusals == 0 {
		t.Error("no start was refused")
	}
}
