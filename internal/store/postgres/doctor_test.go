package postgres_test

import (
	"testing"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/store/postgres"
	"platform.internal/storekeeper/internal/store/postgrestest"
)

func TestDoctorFindsWhatIsUnsafe(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t)
	server.Exec(postgrestest.Superuser, "create role storekeeper login", "create schema storekeeper authorization storekeeper",
		"create table other (x int)")
	c := config(server, postgrestest.Superuser)
	c.User = "storekeeper"
	s := open(t, c)
	mustPut(t, s, "a", "1")
	set := func(setting string) []string {
		return []string{"alter system set " + setting, "select pg_reload_conf()"}
	}
	for _, step := range []struct {
		statements []string
		check      string
		level      postgres.Level
	}{
		{nil, "connection", postgres.OK},
		{nil, "version", postgres.OK},
		{nil, "synchronous_commit", postgres.OK},
		{nil, "fsync", postgres.Warning}, // checksums are off
		{nil, "standby", postgres.Warning},
		{nil, "TLS", postgres.Warning},
		{nil, "role", postgres.OK},
		{nil, "clock", postgres.OK},
		{nil, "rights", postgres.OK},
		{[]string{"alter role storekeeper createrole"}, "role", postgres.Warning},
		{[]string{"alter role storekeeper nocreaterole", "alter table other owner to storekeeper"}, "role", postgres.Warning},
		{[]string{"alter table other owner to postgres"}, "role", postgres.OK},
		{[]string{"alter table storekeeper.receipts owner to postgres", "grant select on storekeeper.receipts to storekeeper"}, "rights", postgres.Failed},
		{[]string{"grant all on storekeeper.receipts to storekeeper"}, "rights", postgres.OK},
		// Partitions are attached and detached by the owner alone.
		{[]string{"alter table storekeeper.trail owner to postgres", "grant all on storekeeper.trail to storekeeper"}, "rights", postgres.Failed},
		{[]string{"create role owners", "alter table storekeeper.trail owner to owners", "grant owners to storekeeper"}, "rights", postgres.OK},
		{[]string{`do $$ declare name text; begin
			select p.name into name from storekeeper.trail_partitions as p limit 1;
			execute 'alter table storekeeper.' || name || ' owner to postgres; grant all on storekeeper.' || name || ' to storekeeper';
		end $$`}, "rights", postgres.Failed},
		{set("full_page_writes = off"), "fsync", postgres.Failed},
		{set("synchronous_commit = local"), "synchronous_commit", postgres.OK},
		{set("synchronous_standby_names = 'gone'"), "standby", postgres.Failed},
		{set("synchronous_standby_names = 'gone'"), "synchronous_commit", postgres.Warning},
		{set("default_transaction_read_only = on"), "connection", postgres.Failed},
	} {
		if step.statements != nil {
			server.Exec(postgrestest.Superuser, step.statements...)
		}
		eventually(t, s, step.check, step.level)
	}
}

// eventually waits until a setting has reached the sessions, and then wants the
// finding.
func eventually(t *testing.T, s *postgres.Store, name string, level postgres.Level) {
	t.Helper()
	for range 100 {
		for _, f := range s.Doctor(t.Context()) {
			if f.Name == name && f.Level == level {
				return
			}
		}
	}
	wantFinding(t, s, name, level)
}

func TestInspectionChangesNothing(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t, "fsync=off")
	server.Exec(postgrestest.Superuser, "create role storekeeper login")
	c := config(server, postgrestest.Superuser)
	c.User, c.Inspect = "storekeeper", true
	s := open(t, c)
	wantFinding(t, s, "connection", postgres.OK)
	wantFinding(t, s, "rights", postgres.Failed)
	if err := put(s, "a", "1"); err == nil {
		t.Error("it commits without tables")
	}
	server.Exec(postgrestest.Superuser, "create schema storekeeper authorization storekeeper")
	wantFinding(t, s, "rights", postgres.OK)
	if n := count(t, server, "select count(*) from pg_tables where schemaname = 'storekeeper'"); n != 0 {
		t.Errorf("it made %d tables", n)
	}
	c.Inspect = false
	mustPut(t, open(t, c), "a", "1")
	wantFinding(t, s, "connection", postgres.OK)
	verified(t, s, audit.Mark{})
	server.Exec(postgrestest.Superuser, "insert into storekeeper.migrations (version) values (999)")
	c.Inspect = true
	wantFinding(t, open(t, c), "connection", postgres.Failed)
}
