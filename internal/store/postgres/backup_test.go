package postgres_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/store/postgres"
	"platform.internal/storekeeper/internal/store/postgrestest"
)

// TestBackupIsRestoredAsDocumented follows docs/postgres.md, with the programs named there.
func TestBackupIsRestoredAsDocumented(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t, "fsync=off")
	server.Exec(postgrestest.Superuser, "create role storekeeper login", "create database storekeeper",
		"revoke all on database storekeeper from public", "grant connect on database storekeeper to storekeeper")
	server.Exec("storekeeper", "create schema storekeeper authorization storekeeper")
	c := config(server, "storekeeper")
	c.User, c.MemoryFile = "storekeeper", filepath.Join(t.TempDir(), "memory")
	running := open(t, c)
	mustPut(t, running, "a", "1")
	file := filepath.Join(server.Data(), "..", "backup")
	server.Tool("pg_dump", "-d", server.URL("storekeeper"), "--schema=storekeeper", "--format=custom", "--file="+file)
	mustPut(t, running, "a", "2")

	server.Exec("storekeeper", "drop schema storekeeper cascade")
	lost(t, running, "empty")
	server.Tool("pg_restore", "-d", server.URL("storekeeper"), "--single-transaction", "--exit-on-error", file)
	lost(t, running, "older copy")
	if err := running.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err := postgres.Open(t.Context(), c); !errors.Is(err, postgres.ErrLost) {
		t.Fatalf("it starts: %v %v", s, err)
	} else {
		t.Log(err)
	}
	if err := os.Remove(c.MemoryFile); err != nil {
		t.Fatal(err)
	}
	again := open(t, c)
	found, err := again.Get(t.Context(), "a")
	if err != nil || string(found["a"].Value) != "1" {
		t.Fatalf("got %q (%v)", found["a"].Value, err)
	}
	mustPut(t, again, "a", "3")
	verified(t, again, audit.Mark{})
	wantFinding(t, again, "rights", postgres.OK)
	wantFinding(t, again, "role", postgres.OK)
}
