package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/store/postgres"
	"platform.internal/storekeeper/internal/store/postgrestest"
)

// begin starts a transaction and runs a statement in it. The transaction ends with the test, or when
// its connection runs commit.
func begin(t *testing.T, server *postgrestest.Server, statement string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), server.URL(postgrestest.Superuser))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	if _, err := conn.Exec(t.Context(), "begin; "+statement); err != nil {
		t.Fatal(err)
	}
	return conn
}

func TestMaintenanceOfTheTrailFailsNoCommit(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t, "fsync=off")
	for name, statement := range map[string]string{
		"locked":   "lock table locked.trail in share update exclusive mode",
		"analyzed": "analyze analyzed.trail",
	} {
		t.Run(name, func(t *testing.T) {
			c, days := config(server, postgrestest.Superuser), newCalendar(20)
			c.Schema, c.TrailPeriod, c.Now = name, postgres.Day, days.now
			s, other := open(t, c), open(t, c)
			core, logs := observer.New(zap.InfoLevel)
			c.Logger, c.Timeout = zap.New(core), 500*time.Millisecond
			impatient := open(t, c)
			mustPut(t, s, "before", "x")
			if err := postgres.Tidy(other, t.Context()); err != nil {
				t.Fatal(err)
			}
			conn := begin(t, server, statement)
			// The partition exists. One replica made it, and the other found it.
			days.next()
			for _, s := range []*postgres.Store{s, other} {
				if err := put(s, "after", "x"); err != nil {
					t.Error(err)
				}
			}
			// The partition after it cannot be created. Only the first failure is logged.
			for range 3 {
				if err := postgres.Tidy(impatient, t.Context()); err == nil {
					t.Error("a partition was attached to a locked trail")
				}
			}
			if _, err := conn.Exec(t.Context(), "commit"); err != nil {
				t.Fatal(err)
			}
			days.next()
			mustPut(t, other, "the day after", "x")
			// The short time limit may end a transaction of a busy machine too.
			err := postgres.Tidy(impatient, t.Context())
			for begun := time.Now(); err != nil && time.Since(begun) < 30*time.Second; {
				err = postgres.Tidy(impatient, t.Context())
			}
			if err != nil {
				t.Error(err)
			}
			for message, level := range map[string]zapcore.Level{
				"the next partition of the audit trail cannot be created": zap.WarnLevel,
				"the next partition of the audit trail exists again":      zap.InfoLevel,
			} {
				if got := logs.FilterMessage(message).FilterLevelExact(level).Len(); got == 0 || got > 2 {
					t.Errorf("%d entries say: %s", got, message)
				}
			}
			verified(t, s, audit.Mark{})
		})
	}
}

func TestADetachThatWaitsFailsNoCommit(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t, "fsync=off")
	s, _, days := partitioned(t, server, "storekeeper")
	all, err := s.Partitions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := postgres.Tidy(s, t.Context()); err != nil {
		t.Fatal(err)
	}
	reader := begin(t, server, "select count(*) from storekeeper."+all[0].Name)
	archived := make(chan error, 1)
	go func() { archived <- s.Archive(t.Context(), all[0].Name) }()
	detaching(t, server)
	days.next()
	if err := put(s, "after", "x"); err != nil {
		t.Error(err)
	}
	if _, err := reader.Exec(t.Context(), "commit"); err != nil {
		t.Fatal(err)
	}
	if err := <-archived; err != nil {
		t.Fatal(err)
	}
}

// detaching waits until the detach of a partition waits for a reader.
func detaching(t *testing.T, server *postgrestest.Server) {
	t.Helper()
	for begun := time.Now(); count(t, server, "select count(*) from pg_stat_activity where query like 'alter table % detach partition %' and wait_event_type = 'Lock'") == 0; <-time.After(10 * time.Millisecond) {
		if time.Since(begun) > time.Minute {
			t.Fatal("nobody detaches the partition")
		}
	}
}

func TestPartitionsAreCreatedWhileExpiredRowsCannotBeDeleted(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t, "fsync=off")
	c, days := config(server, postgrestest.Superuser), newCalendar(20)
	c.TrailPeriod, c.Now = postgres.Day, days.now
	s := open(t, c)
	mustPut(t, s, "a", "x")
	server.Exec(postgrestest.Superuser,
		"create function storekeeper.refuse() returns trigger language plpgsql as $$ begin raise exception 'refused'; end $$",
		"create trigger refuse before delete on storekeeper.receipts for each statement execute function storekeeper.refuse()")
	days.next()
	if err := postgres.Tidy(s, t.Context()); err == nil {
		t.Error("the deletion was not refused")
	}
	wantFinding(t, s, "partitions", postgres.OK)
}
