package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/store"
	"platform.internal/storekeeper/internal/store/postgres"
	"platform.internal/storekeeper/internal/store/postgrestest"
)

// pastPartitions makes a store with a trail of three days, each with ten records.
func pastPartitions(t *testing.T, server *postgrestest.Server) {
	t.Helper()
	back := 20
	s, err := postgres.Open(t.Context(), postgres.Config{
		Hosts: []string{server.Address()}, Database: postgrestest.Superuser, User: postgrestest.Superuser, Plaintext: true, Timeout: 10 * time.Second,
		TrailPeriod: postgres.Day, Now: func() time.Time { return time.Now().AddDate(0, 0, -back) },
	})
	must(t, err)
	for ; back > 17; back-- {
		records := make([]audit.Record, 9)
		for i := range records {
			records[i] = audit.Record{Kind: audit.KindIntent, ID: fmt.Sprint(back, i), Caller: "old", Store: audit.Store{Name: "shop"}, Secrets: []audit.Secret{{Name: "OLD"}}}
		}
		must(t, s.Commit(t.Context(), nil, func(map[string]store.Record) (store.Changes, error) { return store.Changes{Lines: records}, nil }))
	}
	must(t, s.Close())
}

func TestTheTrailIsStreamedAndArchived(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t, "fsync=off")
	pastPartitions(t, server)
	shipped := filepath.Join(t.TempDir(), "shipped.jsonl")
	p := start(t, setup{sets: append(sharedSets(t, server), "audit.stream=file", "audit.stream_file="+shipped)})
	secrets := "stores/" + p.must("POST", "stores", `{"name":"shop"}`).id() + "/secrets"
	for _, name := range []string{"A", "B"} {
		p.must("POST", secrets, `[{"name":"`+name+`","value":"v","scopes":["workers"]}]`)
	}
	lines := func() string { return runToEnd(p.withConfig("audit", "export")...).out }
	p.await("the lines are shipped", func() bool { return content(t, shipped) == lines() })
	// A file that was renamed is made again.
	must(t, os.Rename(shipped, shipped+".1"))
	p.must("POST", secrets, `[{"name":"M","value":"v","scopes":["workers"]}]`)
	p.await("the rest is shipped", func() bool { return content(t, shipped+".1")+content(t, shipped) == lines() })

	// A partition that nothing was written to has no file.
	starts := time.Now().UTC().AddDate(0, 0, -30).Truncate(24 * time.Hour)
	name, from, to := "trail_"+starts.Format("20060102"), starts.Format(time.RFC3339), starts.AddDate(0, 0, 1).Format(time.RFC3339)
	server.Exec(postgrestest.Superuser, "set search_path = storekeeper", "create table "+name+" (like trail including all, primary key (seq))",
		fmt.Sprintf("alter table trail attach partition %s for values from ('%s') to ('%s')", name, from, to),
		fmt.Sprintf("insert into trail_partitions (name, starts, ends) values ('%s', '%s', '%s')", name, from, to))
	p.archived(t)
	if n := strings.Count(runToEnd(p.withConfig("audit", "partitions")...).out, name); n != 0 {
		t.Errorf("%s is not deleted", name)
	}
}

// archived archives full partitions, and checks the remaining partitions.
func (p *program) archived(t *testing.T) {
	folder := t.TempDir()
	got := runToEnd(p.withConfig("audit", "partitions")...)
	full := strings.Count(got.out, "  full  ")
	if got.code != exitOK || full != 3 || strings.Count(got.out, "  in use  ") != 1 {
		t.Fatalf("audit partitions: %d %s%s", got.code, got.out, got.err)
	}
	for _, age := range []string{"90d", "2020-01-01"} {
		if got := runToEnd(p.withConfig("audit", "archive", "--to", folder, "--before", age)...); got.code != exitOK || !strings.Contains(got.out, "nothing to archive: 3 full partitions") || !strings.Contains(got.out, "3 end after 20") || !strings.Contains(got.out, "--before") {
			t.Errorf("before %s: %d %s%s", age, got.code, got.out, got.err)
		}
	}
	got = runToEnd(p.withConfig("audit", "archive", "--to", folder, "--before", "10d")...)
	_, after, found := strings.Cut(strings.TrimSpace(got.out), "--after ")
	files, err := filepath.Glob(filepath.Join(folder, "*.jsonl"))
	if got.code != exitOK || !found || err != nil || len(files) != full-1 {
		t.Fatalf("audit archive: %d %s%s %q", got.code, got.out, got.err, files)
	}
	if got := runToEnd("audit", "verify", files[0]); got.code != exitOK || !strings.Contains(got.out, "10 records") {
		t.Errorf("the archive: %d %s%s", got.code, got.out, got.err)
	}
	if got := runToEnd(p.withConfig("audit", "verify", "--after", after)...); got.code != exitOK {
		t.Errorf("the rest: %d %s%s", got.code, got.out, got.err)
	}
	if got := runToEnd("audit", "query", files[0], "--secret", "OLD"); got.code != exitOK || !strings.Contains(got.out, "shop") {
		t.Errorf("a query of the archive: %d %s%s", got.code, got.out, got.err)
	}
	// archive can be repeated, also for detached partitions.
	got = runToEnd(p.withConfig("audit", "archive", "--to", folder, "--keep", "0", "--drop")...)
	files, err = filepath.Glob(filepath.Join(folder, "*.jsonl"))
	if got.code != exitOK || err != nil || len(files) != full {
		t.Fatalf("audit archive --drop: %d %s%s %q", got.code, got.out, got.err, files)
	}
	if got := runToEnd(append([]string{"audit", "verify"}, files...)...); got.code != exitOK || !strings.Contains(got.out, fmt.Sprint(10*full, " records")) {
		t.Errorf("all archives: %d %s%s", got.code, got.out, got.err)
	}
	if got := runToEnd(p.withConfig("audit", "partitions")...); strings.Contains(got.out, "archived") || strings.Contains(got.out, "full") {
		t.Errorf("audit partitions: %d %s%s", got.code, got.out, got.err)
	}
	// A file that was changed is not taken for the archive.
	damaged := filepath.Join(t.TempDir(), "other")
	must(t, os.Mkdir(damaged, 0o700))
	if got := runToEnd(p.withConfig("audit", "archive", "--to", damaged)...); got.code != exitOK || !strings.Contains(got.out, "nothing to archive") {
		t.Errorf("audit archive of nothing: %d %s%s", got.code, got.out, got.err)
	}
}

func TestAPartitionStaysWhereItsFileIsNotWhatWasWritten(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t, "fsync=off")
	pastPartitions(t, server)
	p := start(t, setup{sets: sharedSets(t, server)})
	secrets := "stores/" + p.must("POST", "stores", `{"name":"shop"}`).id() + "/secrets"
	p.must("POST", secrets, `[{"name":"A","value":"v","scopes":["workers"]}]`)
	server.Exec(postgrestest.Superuser, "insert into storekeeper.streams values ('siem', 5), ('left', 0)")
	shipped := t.TempDir()
	for _, unused := range [][]string{nil, {"--unused-stream", "left"}} {
		got := runToEnd(p.withConfig(append([]string{"audit", "archive", "--to", shipped}, unused...)...)...)
		if got.code != exitFailed || !strings.Contains(got.err, "--unused-stream") || strings.Contains(got.err, `"left"`) != (unused == nil) {
			t.Errorf("audit archive before a stream: %d %s%s", got.code, got.out, got.err)
		}
	}
	folder := t.TempDir()
	must(t, os.WriteFile(filepath.Join(folder, "trail-00000000000000000001.jsonl"), []byte("{}\n"), 0o600))
	got := runToEnd(p.withConfig("audit", "archive", "--to", folder, "--keep", "0", "--drop")...)
	if got.code != exitFailed || !strings.Contains(got.err, "is not what was written") {
		t.Errorf("audit archive: %d %s%s", got.code, got.out, got.err)
	}
	if got := runToEnd(p.withConfig("audit", "verify")...); got.code != exitOK {
		t.Errorf("audit verify: %d %s%s", got.code, got.out, got.err)
	}
	for name, args := range map[string][]string{"no folder": p.withConfig("audit", "archive"), "no configuration": {"audit", "partitions"}} {
		if got := runToEnd(args...); got.code != exitUsage {
			t.Errorf("%s: %d %s", name, got.code, got.err)
		}
	}
}

func content(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(text)
}
