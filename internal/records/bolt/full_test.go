//go:build unix

package bolt_test

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/records/journal"
)

func TestFullDiskFailsTheChangeAndNotTheStore(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "records")
	if out, err := child(t, "full", file).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	s := open(t, file)
	want(t, s, "before", "1")
	want(t, s, "after", "2")
}

// limit lowers how large a file of this process may be, which writes meet as
// they meet a full disk.
func limit(t *testing.T, size int64) (lift func()) {
	t.Helper()
	signal.Ignore(syscall.SIGXFSZ)
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	full := before
	full.Cur = uint64(size)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &full); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
			t.Fatal(err)
		}
	}
}

func sizeOf(t *testing.T, file string) int64 {
	t.Helper()
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

func wantFull(t *testing.T, err error) {
	t.Helper()
	if f, ok := errors.AsType[*fault.Error](err); !ok || f.Reason != "STATE_UNAVAILABLE" {
		t.Fatalf("got %v on a full disk", err)
	}
}

// fillDisk leaves no room to the journal.
func fillDisk(t *testing.T, file string) {
	s := open(t, file)
	set(t, s, "before", "1", time.Time{})
	// Less than a change below takes. The file is longer than it has content.
	lift := limit(t, 64<<10)
	for range 3 {
		wantFull(t, s.Change(t.Context(), []string{"large"}, put("large", string(make([]byte, 1<<20)), time.Time{})))
		want(t, s, "before", "1")
	}
	lift()
	set(t, s, "large", string(make([]byte, 1<<20)), time.Time{})
	set(t, s, "after", "2", time.Time{})
}

// The file is larger than the journal may become, so that a limit can leave
// room to the journal alone.
const (
	ballast = 36 << 20
	piece   = 1 << 20
	pieces  = 100
)

func TestWhatDoesNotFitIntoTheFileStaysInTheJournal(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "records")
	if out, err := child(t, "full file", file).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want(t, open(t, file), "after", "1")
}

// fillFile writes until the file and what may wait for it are full.
func fillFile(t *testing.T, file string) {
	s := open(t, file)
	set(t, s, "ballast", strings.Repeat("x", ballast), time.Time{})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, file)
	size := sizeOf(t, file)
	lift := limit(t, size)
	taken := 0
	var err error
	for err == nil && taken < pieces {
		key := fmt.Sprint("piece/", taken)
		if err = s.Change(t.Context(), []string{key}, put(key, strings.Repeat("x", piece), time.Time{})); err == nil {
			taken++
		}
	}
	wantFull(t, err)
	if taken < 32 || sizeOf(t, file) != size {
		t.Errorf("only %d pieces were taken, or the file grew from %d to %d bytes", taken, size, sizeOf(t, file))
	}
	// What waits is bounded by less than the limit of the test.
	for _, suffix := range journal.Suffixes() {
		if waits := sizeOf(t, file+suffix); waits > 34<<20 {
			t.Errorf("%d bytes wait in %s", waits, suffix)
		}
	}
	for i := range taken {
		want(t, s, fmt.Sprint("piece/", i), strings.Repeat("x", piece))
	}
	lift()
	set(t, s, "after", "1", time.Time{})
	for i := range taken {
		want(t, s, fmt.Sprint("piece/", i), strings.Repeat("x", piece))
	}
}
