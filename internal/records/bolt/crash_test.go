//go:build unix

package bolt_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/records"
	"platform.internal/storekeeper/internal/records/bolt"
)

// The test runs itself again as the process that crashes or whose disk is full.
// childFile names the file for it and childTask what to do.
const (
	childFile = "RECORDS_BOLT_TEST_FILE"
	childTask = "RECORDS_BOLT_TEST_TASK"
	workers   = 8
)

// TestChild is the other process of the tests of crashes and of a full disk. In
// the process of the tests it has nothing to do.
func TestChild(t *testing.T) {
	file := os.Getenv(childFile)
	switch os.Getenv(childTask) {
	case "count":
		countForever(open(t, file))
	case "full":
		fillDisk(t, file)
	}
}

func child(t *testing.T, task, file string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestChild$", "-test.v")
	cmd.Env = append(os.Environ(), childFile+"="+file, childTask+"="+task)
	return cmd
}

// countForever counts in each worker's two records and prints what was
// acknowledged: "ack WORKER NUMBER".
func countForever(s *bolt.Store) {
	var group sync.WaitGroup
	for worker := range workers {
		one, two := fmt.Sprint("one/", worker), fmt.Sprint("two/", worker)
		group.Go(func() {
			for n := 1; ; n++ {
				err := s.Change(context.Background(), []string{one, two}, func(map[string]records.Entry) (map[string]*records.Entry, error) {
					value := []byte(strconv.Itoa(n))
					return map[string]*records.Entry{one: {Value: value}, two: {Value: value, Expires: time.Now().Add(time.Hour)}}, nil
				})
				if err == nil {
					_, _ = fmt.Fprintf(os.Stdout, "ack %d %d\n", worker, n)
				}
			}
		})
	}
	group.Wait()
}

func TestAcknowledgedChangesOutliveAKill(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "records")
	for round := range 3 {
		acked := countUntilKilled(t, file, 400+100*round)
		s := open(t, file)
		for worker, last := range acked {
			one, two := fmt.Sprint("one/", worker), fmt.Sprint("two/", worker)
			found, err := s.Get(t.Context(), one, two)
			if err != nil {
				t.Fatal(err)
			}
			got, err := strconv.Atoi(string(found[one].Value))
			if err != nil || got < last {
				t.Errorf("worker %d: %d is there (%v), but %d was acknowledged", worker, got, err, last)
			}
			if string(found[two].Value) != string(found[one].Value) {
				t.Errorf("worker %d: half a change is there: %q and %q", worker, found[one].Value, found[two].Value)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// countUntilKilled lets another process count and kills it after some
// acknowledgements, which it returns by worker.
func countUntilKilled(t *testing.T, file string, acks int) map[int]int {
	t.Helper()
	cmd := child(t, "count", file)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	acked := make(map[int]int)
	lines := bufio.NewScanner(out)
	for n := 0; lines.Scan(); {
		var worker, number int
		if _, err := fmt.Sscanf(lines.Text(), "ack %d %d", &worker, &number); err != nil {
			continue
		}
		acked[worker] = number
		if n++; n == acks {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); err == nil || len(acked) == 0 {
		t.Fatalf("the other process ended by itself: %v, %d workers", err, len(acked))
	}
	return acked
}

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

// fillDisk lowers how large a file of this process may be, which writes meet as
// they meet a full disk.
func fillDisk(t *testing.T, file string) {
	signal.Ignore(syscall.SIGXFSZ)
	s := open(t, file)
	set(t, s, "before", "1", time.Time{})
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	full := limit
	full.Cur = uint64(info.Size())
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &full); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		err := s.Change(t.Context(), []string{"large"}, put("large", string(make([]byte, 1<<20)), time.Time{}))
		if f, ok := errors.AsType[*fault.Error](err); !ok || f.Reason != "STATE_UNAVAILABLE" {
			t.Fatalf("got %v on a full disk", err)
		}
		want(t, s, "before", "1")
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	set(t, s, "large", string(make([]byte, 1<<20)), time.Time{})
	set(t, s, "after", "2", time.Time{})
	_, _ = io.WriteString(os.Stdout, "the disk was full and is not\n")
}
