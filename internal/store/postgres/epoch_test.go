package postgres_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/store"
	"platform.internal/storekeeper/internal/store/postgres"
	"platform.internal/storekeeper/internal/store/postgrestest"
)

// put writes a record and a line.
func put(s *postgres.Store, key, value string) error {
	return s.Commit(context.Background(), []string{key}, func(map[string]store.Record) (store.Changes, error) {
		return store.Changes{
			Records: map[string]*store.Record{key: {Value: []byte(value)}},
			Lines:   []audit.Record{{Kind: audit.KindIntent, ID: key}},
		}, nil
	})
}

// mustPut is put on a server that works, which may take a while on a machine with
// much else to do.
func mustPut(t *testing.T, s *postgres.Store, key, value string) {
	t.Helper()
	err := put(s, key, value)
	for range 10 {
		if err == nil {
			return
		}
		if errors.Is(err, postgres.ErrLost) {
			break
		}
		err = put(s, key, value)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// lost checks that every call fails because the store is not the store that was seen, and that the
// reason contains how.
func lost(t *testing.T, s *postgres.Store, how string) {
	t.Helper()
	for name, ask := range map[string]func() error{
		"healthy": func() error { return s.Healthy(t.Context()) },
		"commit":  func() error { return put(s, "a", "x") },
		"get":     func() error { _, err := s.Get(t.Context(), "a"); return err },
	} {
		err := ask()
		f, ok := errors.AsType[*fault.Error](err)
		if !ok || f.Reason != "STATE_UNAVAILABLE" || !errors.Is(err, postgres.ErrLost) || !strings.Contains(err.Error(), how) {
			t.Errorf("%s: got %v, want a refusal with %q", name, err, how)
		}
	}
}

func copyFolder(t *testing.T, from, to string) {
	t.Helper()
	if err := os.RemoveAll(to); err != nil {
		t.Fatal(err)
	}
	postgrestest.CopyFolder(t, from, to)
}

// restored is a server whose store was seen by two replicas and then restored from an older copy.
// One of the replicas recorded the store in a file.
func restored(t *testing.T) (server *postgrestest.Server, s *postgres.Store, c postgres.Config) {
	t.Helper()
	server = postgrestest.Start(t)
	c = quick(server)
	c.MemoryFile = filepath.Join(t.TempDir(), "memory")
	s = open(t, c)
	mustPut(t, s, "a", "1")
	server.Kill()
	older := server.Data() + ".older"
	copyFolder(t, server.Data(), older)
	server.Restart()
	mustPut(t, s, "a", "2")
	server.Kill()
	copyFolder(t, older, server.Data())
	server.Restart()
	return server, s, c
}

func TestRunningReplicaRefusesAStoreThatWasRestoredFromAnOlderCopy(t *testing.T) {
	t.Parallel()
	server, s, c := restored(t)
	lost(t, s, "older copy")
	// A replica that starts now has seen nothing, and may continue. The first replica detects the
	// loss even after the commit numbers have overtaken the number that it saw.
	fresh := open(t, quick(server))
	for range 5 {
		mustPut(t, fresh, "a", "3")
	}
	lost(t, s, "older copy")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err := postgres.Open(t.Context(), c); !errors.Is(err, postgres.ErrLost) {
		t.Errorf("the replica that remembers starts: %v %v", s, err)
	}
	if err := os.Remove(c.MemoryFile); err != nil {
		t.Fatal(err)
	}
	mustPut(t, open(t, c), "a", "4")
}

func TestStoreThatComesBackIsTakenAgain(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t)
	s := open(t, quick(server))
	mustPut(t, s, "a", "1")
	server.Exec(postgrestest.Superuser, "alter schema storekeeper rename to aside")
	lost(t, s, "empty")
	server.Exec(postgrestest.Superuser, "alter schema aside rename to storekeeper")
	mustPut(t, s, "a", "2")
}

func TestReplicaRefusesAStoreThatWasEmptied(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t)
	c := quick(server)
	c.MemoryFile = filepath.Join(t.TempDir(), "memory")
	s := open(t, c)
	mustPut(t, s, "a", "1")
	server.Exec(postgrestest.Superuser, "drop schema storekeeper cascade")
	lost(t, s, "empty")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err := postgres.Open(t.Context(), c); !errors.Is(err, postgres.ErrLost) {
		t.Errorf("the replica that remembers starts: %v %v", s, err)
	}
	c.MemoryFile, c.Existing = "", true
	if s, err := postgres.Open(t.Context(), c); !errors.Is(err, postgres.ErrLost) {
		t.Errorf("a replica that expects a store starts: %v %v", s, err)
	}
	// A different store in the same place is refused too.
	other := open(t, quick(server))
	mustPut(t, other, "a", "1")
	c = quick(server)
	c.MemoryFile = filepath.Join(t.TempDir(), "memory")
	again := open(t, c)
	mustPut(t, again, "a", "1")
	server.Exec(postgrestest.Superuser, "drop schema storekeeper cascade")
	mustPut(t, open(t, quick(server)), "a", "1")
	lost(t, again, "another store")
}
