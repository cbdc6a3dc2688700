package postgres_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/store"
	"platform.internal/storekeeper/internal/store/postgres"
	"platform.internal/storekeeper/internal/store/postgrestest"
)

// calendar is a clock that is some days in the past. The lines of a store get times near that
// clock, because they are never far ahead of the process's clock.
type calendar struct{ back atomic.Int64 }

func newCalendar(daysAgo int64) *calendar {
	c := &calendar{}
	c.back.Store(daysAgo)
	return c
}

func (c *calendar) now() time.Time { return time.Now().AddDate(0, 0, -int(c.back.Load())) }

// next goes to the next day.
func (c *calendar) next() { c.back.Add(-1) }

// after is the clock of a replica that is ahead by d.
func (c *calendar) after(d time.Duration) func() time.Time {
	return func() time.Time { return c.now().Add(d) }
}

// partitioned is a store in a schema with a trail over six partitions.
func partitioned(t *testing.T, server *postgrestest.Server, schema string) (*postgres.Store, postgres.Config, *calendar) {
	t.Helper()
	c, days := config(server, postgrestest.Superuser), newCalendar(10)
	c.Schema = schema
	c.TrailPeriod, c.Now, c.AuditKey = postgres.Day, days.now, []byte("a key that is made up for this test")
	s := open(t, c)
	for i := range 12 {
		mustPut(t, s, fmt.Sprint(i), "x")
		if i%2 == 1 && i < 11 {
			days.next()
		}
	}
	many := make([]audit.Record, 25)
	for i := range many {
		many[i] = audit.Record{Kind: audit.KindDenial, ID: "many"}
	}
	err := s.Commit(t.Context(), nil, func(map[string]store.Record) (store.Changes, error) {
		return store.Changes{Lines: many}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return s, c, days
}

func verified(t *testing.T, s *postgres.Store, after audit.Mark) audit.Report {
	t.Helper()
	report, err := s.Verify(t.Context(), after)
	if err != nil || !report.Complete() {
		t.Fatalf("the trail is not what was written: %v %v (%v)", report.Problems, report.Missing, err)
	}
	return report
}

func TestTrailIsArchivedAndVerifiedByPartition(t *testing.T) {
	t.Parallel()
	s, c, _ := partitioned(t, postgrestest.Start(t, "fsync=off"), "storekeeper")
	whole := verified(t, s, audit.Mark{})
	all, err := s.Partitions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	var after audit.Mark
	var files []string
	for _, p := range all {
		if !p.Full {
			if err := s.Archive(t.Context(), p.Name); err == nil {
				t.Errorf("%s is not full and was archived", p.Name)
			}
			continue
		}
		if err := s.Drop(t.Context(), p.Name); err == nil {
			t.Errorf("%s belongs to the trail and was dropped", p.Name)
		}
		if err := s.Archive(t.Context(), p.Name); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(folder, p.Name+".jsonl")
		files = append(files, file)
		export(t, s, p.Name, file)
		// Each archive can be verified by itself, and all of them together.
		report, err := audit.VerifyAfter(t.Context(), after, []string{file}, c.AuditKey)
		if err != nil || !report.Complete() || report.Last.Seq != p.Last {
			t.Fatalf("%s: %+v (%v)", p.Name, report, err)
		}
		after = report.Last
		mustPut(t, s, "meanwhile", "x")
		verified(t, s, after)
		if err := s.Drop(t.Context(), p.Name); err != nil {
			t.Fatal(err)
		}
	}
	report, err := audit.VerifyAfter(t.Context(), audit.Mark{}, files, c.AuditKey)
	if err != nil || !report.Complete() || len(files) < 4 || report.Chain != whole.Chain {
		t.Fatalf("%d archives: %+v (%v)", len(files), report, err)
	}
	// Without the end of the archive, the archived lines count as missing.
	report, err = s.Verify(t.Context(), audit.Mark{})
	if err != nil || !report.OK() || report.Complete() {
		t.Errorf("got %+v (%v)", report, err)
	}
}

func export(t *testing.T, s *postgres.Store, name, file string) {
	t.Helper()
	var text bytes.Buffer
	head, err := s.Export(t.Context(), name, &text)
	if err != nil {
		t.Fatal(err)
	}
	for path, content := range map[string][]byte{file: text.Bytes(), audit.HeadPath(file): head} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestVerifyFindsWhatWasDoneToTheTrail(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t, "fsync=off")
	for name, statement := range map[string]string{
		"a line that was changed":  `update trail set line = replace(line, '"id":"3"', '"id":"4"') where line like '%"id":"3"%'`,
		"a line that was deleted":  "delete from trail where seq = 5",
		"an end that was deleted":  "delete from trail where seq = (select max(seq) from trail)",
		"an end that was made up":  "update receipts set hash = decode(repeat('00', 32), 'hex')",
		"a number that was raised": "update receipts set seq = seq + 1",
	} {
		t.Run(name, func(t *testing.T) {
			schema := strings.ReplaceAll(name, " ", "_")
			s, _, _ := partitioned(t, server, schema)
			verified(t, s, audit.Mark{})
			server.Exec(postgrestest.Superuser, "set search_path = "+schema, statement)
			if report, err := s.Verify(t.Context(), audit.Mark{}); err != nil || report.OK() {
				t.Errorf("it is not found: %+v (%v)", report, err)
			}
		})
	}
}

// lockedBuffer is a stream that several replicas write to.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) lines() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.SplitAfter(b.text.String(), "\n")
}

func TestStreamHasEachLineOnceOverAllReplicas(t *testing.T) {
	t.Parallel()
	s, c, _ := partitioned(t, postgrestest.Start(t, "fsync=off"), "storekeeper")
	other := open(t, c)
	var out lockedBuffer
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for _, s := range []*postgres.Store{s, other, s} {
		group.Go(func() {
			if err := s.Stream(ctx, "test", &out); err != nil {
				t.Error(err)
			}
		})
	}
	mustPut(t, s, "streamed", "x")
	want := int(verified(t, s, audit.Mark{}).Last.Seq)
	for begun := time.Now(); len(out.lines()) <= want && time.Since(begun) < 30*time.Second; <-time.After(10 * time.Millisecond) {
	}
	cancel()
	group.Wait()
	report, err := audit.VerifyLines(t.Context(), audit.Lines{Name: "stream", Reader: strings.NewReader(strings.Join(out.lines(), ""))}, c.AuditKey)
	if err != nil || !report.Complete() || int(report.Records) != want {
		t.Errorf("want %d lines, got %+v (%v)", want, report, err)
	}
}

func TestStreamEndsWithItsWriter(t *testing.T) {
	t.Parallel()
	s, _, _ := partitioned(t, postgrestest.Start(t, "fsync=off"), "storekeeper")
	file, err := os.Create(filepath.Join(t.TempDir(), "closed"))
	if err != nil {
		t.Fatal(err)
	}
	file.Close()
	if err := s.Stream(t.Context(), "test", file); err == nil {
		t.Error("the error of the writer is not told")
	}
}
