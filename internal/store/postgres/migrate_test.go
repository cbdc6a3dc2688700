package postgres_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/store/postgres"
	"platform.internal/storekeeper/internal/store/postgrestest"
)

func TestReplicasThatStartTogetherMakeOneStore(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t, "fsync=off")
	c := config(server, postgrestest.Superuser)
	stores := make([]*postgres.Store, 6)
	var group sync.WaitGroup
	for i := range stores {
		group.Go(func() {
			var err error
			if stores[i], err = postgres.Open(t.Context(), c); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	for _, s := range stores {
		if s == nil {
			continue
		}
		mustPut(t, s, "a", "1")
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	again := open(t, c)
	mustPut(t, again, "a", "2")
	if n := words(t, again)["a"]; n != len(stores)+1 {
		t.Errorf("the trail has %d lines, want %d", n, len(stores)+1)
	}
}

func TestTablesOfALaterVersionAreRefused(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t, "fsync=off")
	c := config(server, postgrestest.Superuser)
	if err := open(t, c).Close(); err != nil {
		t.Fatal(err)
	}
	server.Exec(postgrestest.Superuser, "insert into storekeeper.migrations (version) values (999)")
	if s, err := postgres.Open(t.Context(), c); !errors.Is(err, postgres.ErrNewer) {
		t.Errorf("it starts: %v %v", s, err)
	}
}

func TestTablesOfAnotherBuildAreRefused(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t, "fsync=off")
	c := config(server, postgrestest.Superuser)
	s := open(t, c)
	mustPut(t, s, "a", "1")
	server.Exec(postgrestest.Superuser, "alter table storekeeper.receipts drop column trail_at, drop column trail_ends")
	const reason = "the tables are of another build"
	refuses(t, s, reason)
	if err := put(s, "a", "2"); err == nil || !strings.Contains(fmt.Sprint(errors.Unwrap(err)), reason) {
		t.Errorf("a running replica: %v", err)
	}
	if s, err := postgres.Open(t.Context(), c); err == nil || !strings.Contains(err.Error(), reason) {
		t.Errorf("it starts: %v %v", s, err)
	}
	c.Inspect = true
	wantFinding(t, open(t, c), "connection", postgres.Failed)
}

func TestDatabaseThatIsNotSetUpIsRefused(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t, "fsync=off")
	server.Exec(postgrestest.Superuser, "create role storekeeper login",
		"create database latin encoding 'LATIN1' template template0")
	c := config(server, postgrestest.Superuser)
	c.User = "storekeeper"
	if s, err := postgres.Open(t.Context(), c); err == nil {
		t.Errorf("a role without rights starts: %v", s)
	} else {
		t.Log(err)
	}
	if s, err := postgres.Open(t.Context(), config(server, "latin")); err == nil {
		t.Errorf("a database that is not UTF-8 starts: %v", s)
	}
	// The statements of docs/postgres.md.
	server.Exec(postgrestest.Superuser, "create schema storekeeper authorization storekeeper")
	mustPut(t, open(t, c), "a", "1")
}

func TestAuditKeyIsThatOfTheStore(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t, "fsync=off")
	c := config(server, postgrestest.Superuser)
	c.AuditKey = []byte("a key that is made up for this test")
	s := open(t, c)
	mustPut(t, s, "a", "1")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string][]byte{"none": nil, "another": []byte("another key that is made up")} {
		c.AuditKey = key
		if s, err := postgres.Open(t.Context(), c); !errors.Is(err, postgres.ErrKey) {
			t.Errorf("%s: it starts: %v %v", name, s, err)
		}
	}
}

func TestTrailWithAnAlteredEndIsNamedAsSuch(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t, "fsync=off")
	for name, statement := range map[string]string{
		"changed": `update trail set line = replace(line, '"id":"2"', '"id":"9"') where seq = (select max(seq) from trail)`,
		"another": `update trail set line = (select line from trail where seq = 1) where seq = (select max(seq) from trail)`,
		"deleted": "delete from trail where seq = (select max(seq) from trail)",
		"emptied": "delete from trail",
		"receipt": "update receipts set hash = decode(repeat('00', 32), 'hex')",
	} {
		for _, key := range []string{"", "a key that is made up for this test"} {
			c := config(server, postgrestest.Superuser)
			c.Schema, c.AuditKey = name+strconv.Itoa(len(key)), []byte(key)
			s := open(t, c)
			for i := range 3 {
				mustPut(t, s, strconv.Itoa(i), "x")
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			server.Exec(postgrestest.Superuser, "set search_path = "+c.Schema, statement)
			if s, err := postgres.Open(t.Context(), c); !errors.Is(err, postgres.ErrAltered) || errors.Is(err, postgres.ErrKey) {
				t.Errorf("%s with the key %q: it starts: %v %v", name, key, s, err)
			}
			// Verify reports the location.
			c.Inspect = true
			wantFinding(t, open(t, c), "trail", postgres.Failed)
			if report, err := open(t, c).Verify(t.Context(), audit.Mark{}); err != nil || report.OK() {
				t.Errorf("%s with the key %q: verify finds %+v (%v)", name, key, report, err)
			}
		}
	}
}

func TestConfigurationThatCannotWorkIsRefused(t *testing.T) {
	t.Parallel()
	good := postgres.Config{Hosts: []string{"127.0.0.1:1"}, Database: "d", User: "u"}
	for name, spoil := range map[string]func(*postgres.Config){
		"no host":           func(c *postgres.Config) { c.Hosts = nil },
		"no database":       func(c *postgres.Config) { c.Database = "" },
		"no user":           func(c *postgres.Config) { c.User = "" },
		"a bad port":        func(c *postgres.Config) { c.Hosts = []string{"a:b"} },
		"a long timeout":    func(c *postgres.Config) { c.Timeout = 1 << 40 },
		"too few to use":    func(c *postgres.Config) { c.Connections = 2 },
		"an odd partition":  func(c *postgres.Config) { c.TrailPeriod = "week" },
		"no such directory": func(c *postgres.Config) { c.MemoryFile = "/dev/null/memory" },
	} {
		t.Run(name, func(t *testing.T) {
			c := good
			spoil(&c)
			if s, err := postgres.Open(t.Context(), c); err == nil {
				t.Error("it opened", s.Close())
			}
		})
	}
}

func TestTablesOfAnEarlierVersionAreMigrated(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t, "fsync=off")
	c := config(server, postgrestest.Superuser)
	s := open(t, c)
	mustPut(t, s, "a", "1")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	// As the first migration left them.
	server.Exec(postgrestest.Superuser, "set search_path = storekeeper", "drop table trail_index, changes, change_keys",
		"delete from migrations where version > 1")
	c.Inspect = true
	if err := open(t, c).Healthy(t.Context()); err == nil {
		t.Error("a command that changes nothing takes them")
	}
	c.Inspect = false
	again := open(t, c)
	mustPut(t, again, "a", "2")
	if n := words(t, again)["a"]; n != 2 {
		t.Errorf("the trail has %d lines, want 2", n)
	}
	if err := again.CatchUp(t.Context()); err != nil {
		t.Error(err)
	}
	verified(t, again, audit.Mark{})
}
