package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/store/postgrestest"
)

// databaseSets returns the settings of a program with its state in a database.
func databaseSets(key string, server *postgrestest.Server, more ...string) []string {
	return append([]string{
		"store.kind=postgres", "store.key_file=" + key, "store.folder=", "audit.sink=store", "audit.file=",
		"store.postgres.hosts[0]=" + server.Address(), "store.postgres.database=postgres", "store.postgres.user=" + postgrestest.Superuser,
		"store.postgres.tls=off",
	}, more...)
}

func TestDoctorLooksAtADatabaseAndChangesNothing(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t, "fsync=off")
	tables := func() (n int) {
		t.Helper()
		conn, err := pgx.Connect(t.Context(), server.URL(postgrestest.Superuser))
		must(t, err)
		defer func() { must(t, conn.Close(t.Context())) }()
		must(t, conn.QueryRow(t.Context(), "select count(*) from pg_tables where schemaname = 'storekeeper'").Scan(&n))
		return n
	}
	p := prepared(t, setup{})
	key, memory := filepath.Join(p.folder, "shared.key"), filepath.Join(p.folder, "seen")
	written(t, key, strings.Repeat("k", 32))
	sets := databaseSets(key, server, "store.postgres.memory_file="+memory)
	r := diagnosed(t, p, sets...)
	if f := r.find("store.postgres connection"); f.Status != checkOK || !strings.Contains(f.Message, "the next start of a replica makes the tables") {
		t.Errorf("of an empty database: %+v in %+v", f, r)
	}
	if n := tables(); n != 0 {
		t.Errorf("doctor made %d tables", n)
	}
	c := sharedState(key, server.Address())
	c.Store.Postgres.MemoryFile = memory
	s := opened(t, c)
	must(t, trailOf{s}.Append(t.Context(), audit.Record{Kind: audit.KindAlarm}))
	must(t, s.Close())
	before, err := os.ReadFile(memory)
	must(t, err)
	if f := diagnosed(t, p, sets...).find("store.postgres trail"); f.Status != checkOK {
		t.Errorf("of the trail: %+v", f)
	}
	// doctor reports an emptied database like a replica, and does not change the
	// replica's memory file.
	server.Exec(postgrestest.Superuser, "drop schema storekeeper cascade")
	if f := diagnosed(t, p, sets...).find("store.postgres connection"); f.Status != checkFailed || !strings.Contains(f.Message, "it is empty") {
		t.Errorf("of a database that was emptied: %+v", f)
	}
	if after, err := os.ReadFile(memory); err != nil || string(after) != string(before) {
		t.Errorf("the memory file is %s (%v), and was %s", after, err, before)
	}
	server.Pause()
	defer server.Resume()
	if f := diagnosed(t, p, sets...).find("store.postgres connection"); f.Status != checkFailed {
		t.Errorf("of a database that is silent: %+v", f)
	}
}
