package audit_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"platform.internal/storekeeper/internal/audit"
)

// TestEveryCrashIsSurvived ends the process at every single operation on the
// files, with and without a fault shortly before, and starts again from each
// state that a disk can then be in.
func TestEveryCrashIsSurvived(t *testing.T) {
	// From a fault to the end of its repair there are fewer operations.
	const repair = 20
	p := path(t)
	for crash := 1; ; crash++ {
		ended := crashed(t, p, 0, crash)
		for fault := max(1, crash-repair); fault < crash; fault++ {
			// A fault early on ends the start, and so the run.
			ended = crashed(t, p, fault, crash) && ended
		}
		if ended {
			return
		}
	}
}

// crashed runs once and returns whether it came to its end without the crash.
func crashed(t *testing.T, p string, fault, crash int) bool {
	t.Helper()
	system := newFaultFS()
	system.set(func(op, _ string) error {
		switch n := system.count(); {
		case op == "write" && (n == fault || n == crash):
			return errHalf
		case n == fault || n >= crash:
			return syscall.EIO
		}
		return nil
	})
	clean(t, p)
	acked, ended := scenario(t, system, p)
	for _, state := range states(system, p) {
		clean(t, p)
		restart(t, fmt.Sprintf("fault at %d, crash at %d, %d bytes", fault, crash, len(state.file)), p, state, acked)
	}
	return ended
}

func clean(t *testing.T, p string) {
	t.Helper()
	names, _ := filepath.Glob(p + "*")
	for _, name := range names {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
}

// scenario returns which records were acknowledged, and whether it came to its
// end without the crash.
func scenario(t *testing.T, system *faultFS, p string) (acked []string, ended bool) {
	t.Helper()
	j, err := audit.OpenFile(t.Context(), audit.FileConfig{Path: p, FS: system})
	if err != nil {
		return nil, false
	}
	for i := range 3 {
		id := fmt.Sprint(i)
		if err := j.Append(t.Context(), intent(id)); err != nil {
			break
		}
		acked = append(acked, id)
	}
	mustClose(t, j)
	return acked, len(acked) == 3
}

// disk is what the two files hold after a crash. nil means that there is none.
type disk struct{ file, head []byte }

// states lists what a crash may leave: of the audit file what was synced and
// any part of what came after, of the head either version.
func states(system *faultFS, p string) []disk {
	file, head := content(p), content(p+".head")
	synced := min(len(system.durable[p]), len(file))
	lengths := []int{synced, min(synced+1, len(file)), (synced + len(file)) / 2, max(synced, len(file)-1), len(file)}
	var all []disk
	for _, n := range slices.Compact(lengths) {
		all = append(all, disk{file[:n:n], head})
		if old := system.durable[p+".head"]; string(old) != string(head) {
			all = append(all, disk{file[:n:n], old})
		}
	}
	return all
}

func content(p string) []byte {
	text, err := os.ReadFile(p)
	if err != nil {
		return nil
	}
	return text
}

func restart(t *testing.T, what, p string, state disk, acked []string) {
	t.Helper()
	if state.file != nil {
		write(t, p, state.file)
	}
	if state.head != nil {
		write(t, p+".head", state.head)
	}
	j, err := audit.OpenFile(t.Context(), audit.FileConfig{Path: p, FS: newFaultFS()})
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	mustAppend(t, j, intent("again"))
	mustClose(t, j)
	report, err := audit.Verify(t.Context(), p, nil)
	if err != nil || !report.OK() {
		t.Fatalf("%s: %v, %v", what, report.Problems, err)
	}
	found := map[string]bool{}
	for _, e := range entries(t, p) {
		found[e.ID] = true
	}
	for _, id := range acked {
		if !found[id] {
			t.Errorf("%s: the acknowledged record %s is missing", what, id)
		}
	}
}
