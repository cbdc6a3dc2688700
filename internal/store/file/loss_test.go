package file_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/store"
	"platform.internal/storekeeper/internal/store/file"
)

// longLog opens a store whose first segment was removed, and returns the names of the segments and
// of the snapshots. The newest snapshot continues the others.
func longLog(t *testing.T, c file.Config) (s *file.Store, segments, snapshots []string) {
	t.Helper()
	s = open(t, c)
	long := strings.Repeat("x", 8<<10)
	first := filepath.Join(c.Folder, "wal-0000000000000001")
	// Segments this small are full before the trail is synced, so commits wait.
	write := func(key, value string, expires time.Time) {
		t.Helper()
		eventually(t, "there is room", func() bool { return put(t, s, key, value, expires) == nil })
	}
	for i := range 40 {
		write(fmt.Sprint("unchanged ", i), long, time.Time{})
	}
	for i := 0; ; i++ {
		write(fmt.Sprint("key ", i%4), long, time.Time{})
		if _, err := os.Stat(first); err != nil {
			break
		}
	}
	// A record with an expiry keeps its segment.
	write("answer", "of long ago", time.Now().Add(time.Hour))
	for i := range 40 {
		write(fmt.Sprint("key ", i%4), long, time.Time{})
	}
	deadline := time.Now().Add(20 * time.Second)
	for before := ""; ; {
		names := strings.Join(namesIn(t, c.Folder), " ")
		segments, snapshots = nil, nil
		for _, name := range namesIn(t, c.Folder) {
			switch {
			case strings.HasPrefix(name, "wal-"):
				segments = append(segments, name)
			case strings.HasPrefix(name, "snapshot-"):
				snapshots = append(snapshots, name)
			}
		}
		newest := "snapshot-" + strings.TrimPrefix(segments[len(segments)-1], "wal-")
		if names == before && len(segments) > 1 && len(snapshots) > 1 && snapshots[len(snapshots)-1] == newest {
			return s, segments, snapshots
		}
		if time.Now().After(deadline) {
			t.Fatalf("the folder has %s", names)
		}
		before = names
		time.Sleep(1200 * time.Millisecond) // longer than between two looks of the maintainer
	}
}

func namesIn(t *testing.T, folder string) []string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	must(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	slices.Sort(names)
	return names
}

// The loss of a segment or snapshot that the next start needs fails commits, and the next start.
func TestTheLossOfAnOlderSegmentOrASnapshotIsNoticed(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	c := file.WithSegments(p.config(), 64<<10)
	s, segments, snapshots := longLog(t, c)
	// A commit that changes nothing, so that no further segment is begun.
	commit := func() error {
		return s.Commit(t.Context(), []string{"other"}, func(map[string]store.Record) (store.Changes, error) { return store.Changes{}, nil })
	}
	refused := func() bool {
		err := commit()
		return err != nil && fault.From(err).Reason == "STATE_UNAVAILABLE"
	}
	for _, name := range append(snapshots, segments[0]) {
		path := filepath.Join(c.Folder, name)
		must(t, os.Rename(path, path+".away"))
		if err := s.Healthy(t.Context()); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("without %s: %v", name, err)
		}
		eventually(t, "commits are refused without "+name, refused)
		want(t, s, "answer", "of long ago")
		must(t, os.Rename(path+".away", path))
		eventually(t, "commits go on with "+name, func() bool { return commit() == nil })
	}
	must(t, s.Close())
	// Without a newer snapshot a start goes on from an older one, since their segments are there.
	for _, name := range []string{segments[0], segments[len(segments)-1], snapshots[0]} {
		path := filepath.Join(c.Folder, name)
		must(t, os.Rename(path, filepath.Join(filepath.Dir(c.Folder), name)))
		if _, err := file.Open(t.Context(), c); err == nil || !strings.Contains(err.Error(), strings.TrimRight(name, "0123456789abcdef")) || !strings.Contains(err.Error(), "docs/state.md") {
			t.Errorf("without %s: %v", name, err)
		}
		must(t, os.Rename(filepath.Join(filepath.Dir(c.Folder), name), path))
	}
	s = open(t, c)
	want(t, s, "answer", "of long ago")
}

// A first start that fails after the creation of the identity file leaves a store that the next
// start uses.
func TestAStoreThatWasNeverBegunIsBegunLater(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	var asked []string
	c := p.config()
	c.Key = func(store string, fresh bool) ([]byte, error) {
		asked = append(asked, fmt.Sprint(store, " ", fresh))
		return []byte(strings.Repeat("k", 32)), nil
	}
	must(t, os.Mkdir(p.trail, 0o700)) // no place for a trail
	if _, err := file.Open(t.Context(), c); err == nil {
		t.Fatal("a folder is taken for the audit file")
	}
	must(t, os.Remove(p.trail))
	s := open(t, c)
	must(t, put(t, s, "a", "x", time.Time{}))
	must(t, s.Close())
	s = open(t, c)
	want(t, s, "a", "x")
	if len(asked) != 3 || asked[0] != asked[1] || !strings.HasSuffix(asked[1], " true") || asked[2] != strings.Replace(asked[1], " true", " false", 1) {
		t.Errorf("the key was asked for: %q", asked)
	}
}

// blocked is a stream whose reader pauses.
type blocked struct{ gate chan struct{} }

func (b *blocked) Write(text []byte) (int, error) {
	<-b.gate
	return len(text), nil
}

// While lines do not reach the trail, new changes are refused, and running changes can end.
func TestNothingIsBegunWhileTheTrailHangs(t *testing.T) {
	t.Parallel()
	p, out := newPlace(t), &blocked{gate: make(chan struct{})}
	go func() { out.gate <- struct{}{} }() // the start line
	c := file.Config{Folder: p.folder, Trail: file.TrailConfig{Writer: out}, MaxWait: 2 * time.Second}
	s := open(t, c)
	commit := func(kind audit.RecordKind) string {
		err := s.Commit(t.Context(), nil, func(map[string]store.Record) (store.Changes, error) {
			return store.Changes{Lines: []audit.Record{{Kind: kind, ID: "a"}}}, nil
		})
		if err == nil {
			return ""
		}
		return fault.From(err).Reason
	}
	eventually(t, "an intent is refused", func() bool { return commit(audit.KindIntent) == "STATE_UNAVAILABLE" })
	if got := commit(audit.KindDenial); got != "STATE_UNAVAILABLE" {
		t.Errorf("a denial: %q", got)
	}
	for _, kind := range []audit.RecordKind{audit.KindOutcome, audit.KindAlarm} {
		if got := commit(kind); got != "" {
			t.Errorf("%s: %s", kind, got)
		}
	}
	if s.Healthy(t.Context()) != nil || s.TrailHealthy() == nil {
		t.Errorf("healthy: %v, the trail: %v", s.Healthy(t.Context()), s.TrailHealthy())
	}
	close(out.gate)
	eventually(t, "an intent is taken", func() bool { return commit(audit.KindIntent) == "" })
	must(t, s.TrailHealthy())
}
