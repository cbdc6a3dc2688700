//go:build unix

package bolt_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

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
		countForever(open(t, file), 0)
	case "count large":
		countForever(open(t, file), 32<<10)
	case "full":
		fillDisk(t, file)
	case "full file":
		fillFile(t, file)
	}
}

func child(t *testing.T, task, file string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestChild$", "-test.v")
	cmd.Env = append(os.Environ(), childFile+"="+file, childTask+"="+task)
	return cmd
}

// countForever counts in each worker's two records, one of which is padded, and
// prints what was acknowledged: "ack WORKER NUMBER".
func countForever(s *bolt.Store, padding int) {
	var group sync.WaitGroup
	for worker := range workers {
		one, two := fmt.Sprint("one/", worker), fmt.Sprint("two/", worker)
		group.Go(func() {
			for n := 1; ; n++ {
				err := s.Change(context.Background(), []string{one, two}, func(map[string]records.Entry) (map[string]*records.Entry, error) {
					value := []byte(strconv.Itoa(n))
					padded := append(bytes.Repeat([]byte("0"), padding), value...)
					return map[string]*records.Entry{one: {Value: value}, two: {Value: padded, Expires: time.Now().Add(time.Hour)}}, nil
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
	for name, task := range map[string]string{
		"while the journal is written": "count",
		"while the file is written":    "count large",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			outliveKills(t, task)
		})
	}
}

func outliveKills(t *testing.T, task string) {
	file := filepath.Join(t.TempDir(), "records")
	for round := range 3 {
		acked := countUntilKilled(t, task, file, 400+100*round)
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
			if other, err := strconv.Atoi(string(found[two].Value)); err != nil || other != got {
				t.Errorf("worker %d: half a change is there: %d and %d (%v)", worker, got, other, err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// countUntilKilled lets another process count and kills it after some
// acknowledgements, which it returns by worker.
func countUntilKilled(t *testing.T, task, file string, acks int) map[int]int {
	t.Helper()
	cmd := child(t, task, file)
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
