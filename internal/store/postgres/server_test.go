package postgres_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/store"
	"platform.internal/storekeeper/internal/store/postgres"
	"platform.internal/storekeeper/internal/store/postgrestest"
)

// unavailable makes each kind of call and checks that all fail long before the caller's deadline.
func unavailable(t *testing.T, s *postgres.Store) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var group sync.WaitGroup
	for name, ask := range map[string]func() error{
		"get":     func() error { _, err := s.Get(ctx, "a"); return err },
		"commit":  func() error { return put(s, "a", "x") },
		"events":  func() error { _, _, _, err := s.Events(ctx, "a", ""); return err },
		"healthy": func() error { return s.Healthy(ctx) },
		"scan":    func() error { return s.Scan(ctx, "", func(string, store.Record) error { return nil }) },
		"trail":   func() error { return s.Trail(ctx, 0, func([]byte) error { return nil }) },
	} {
		group.Go(func() {
			err := ask()
			if f, ok := errors.AsType[*fault.Error](err); !ok || f.Reason != "STATE_UNAVAILABLE" {
				t.Errorf("%s: got %v", name, err)
			}
		})
	}
	group.Wait()
}

// recovers waits until the store works again.
func recovers(t *testing.T, s *postgres.Store) {
	t.Helper()
	var err error
	for begun := time.Now(); time.Since(begun) < 30*time.Second; <-time.After(5 * time.Millisecond) {
		if err = errors.Join(s.Healthy(t.Context()), put(s, "recovered", "x")); err == nil {
			return
		}
	}
	t.Fatal(err)
}

// refuses waits until the store fails with a reason. Settings reach the sessions of
// a server after a moment.
func refuses(t *testing.T, s *postgres.Store, reason string) {
	t.Helper()
	var err error
	for begun := time.Now(); time.Since(begun) < 30*time.Second; <-time.After(5 * time.Millisecond) {
		if err = s.Healthy(t.Context()); err != nil && strings.Contains(err.Error(), reason) {
			return
		}
	}
	t.Fatalf("got %v, want %q", err, reason)
}

func TestServerThatIsAway(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t)
	server.Kill()
	s := open(t, quick(server))
	unavailable(t, s)
	server.Restart()
	recovers(t, s)
	server.Pause()
	unavailable(t, s)
	unavailable(t, s)
	server.Resume()
	recovers(t, s)
	server.Kill()
	unavailable(t, s)
	server.Restart()
	recovers(t, s)
	server.ReadOnly(true)
	refuses(t, s, "read-only")
	unavailable(t, s)
	server.ReadOnly(false)
	recovers(t, s)
	// Every connection is ended at once, as before a restart.
	server.Exec(postgrestest.Superuser, "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'storekeeper'")
	mustPut(t, s, "a", "2")
}

// TestCallsAreRefusedAtOnceDuringAnOutage compares the waiting times of the first calls during an
// outage and of later calls.
func TestCallsAreRefusedAtOnceDuringAnOutage(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(*postgrestest.Server){"killed": (*postgrestest.Server).Kill, "silent": (*postgrestest.Server).Pause} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := postgrestest.Start(t, "fsync=off")
			c := config(server, postgrestest.Superuser)
			s := open(t, c)
			mustPut(t, s, "a", "1")
			lose(server)
			unavailable(t, s)
			begun := time.Now()
			for range 4 {
				unavailable(t, s)
			}
			// Each would wait for c.Timeout.
			if took := time.Since(begun); took > c.Timeout {
				t.Errorf("four calls in a row took %s, and each may take %s", took, c.Timeout)
			}
			if name == "silent" {
				server.Resume()
			} else {
				server.Restart()
			}
			recovers(t, s)
		})
	}
}

func TestStoreClosesWhileTheServerIsSilent(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t, "fsync=off")
	s, err := postgres.Open(t.Context(), quick(server))
	if err != nil {
		t.Fatal(err)
	}
	mustPut(t, s, "a", "1")
	server.Pause()
	defer server.Resume()
	var group sync.WaitGroup
	for range 10 {
		group.Go(func() { _ = put(s, "a", "2") })
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	group.Wait()
}

func TestCallerWhoLeavesDoesNotWaitForTheServer(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t, "fsync=off")
	s := open(t, quick(server))
	server.Pause()
	defer server.Resume()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := s.Commit(ctx, []string{"a"}, func(map[string]store.Record) (store.Changes, error) { return store.Changes{}, nil })
	if err == nil || fault.From(err).Kind != fault.Deadline {
		t.Errorf("got %v, want that of the context", err)
	}
}

func TestDecideThatPanicsHarmsNobodyElse(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t, "fsync=off")
	s := open(t, quick(server))
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic did not reach the caller")
			}
		}()
		_ = s.Commit(t.Context(), []string{"a"}, func(map[string]store.Record) (store.Changes, error) { panic("made up") })
	}()
	mustPut(t, s, "a", "1")
}

func TestFailoverToASynchronousStandbyLosesNothing(t *testing.T) {
	t.Parallel()
	first := postgrestest.Start(t)
	c := quick(first)
	l := newLedger()
	if err := l.add(open(t, c), "before", "before-0"); err != nil {
		t.Fatal(err)
	}
	second := first.Standby()
	first.Exec(postgrestest.Superuser, "alter system set synchronous_standby_names = '*'", "select pg_reload_conf()")
	c.Hosts = append(c.Hosts, second.Address())
	one, two := open(t, c), open(t, c)
	l.while(t, writers, func() {
		l.more(t, 300)
		first.Kill()
		second.Promote()
		l.more(t, 300)
	}, one, two)
	l.check(t, one)
}

func TestServerThatWasReplacedIsLeft(t *testing.T) {
	t.Parallel()
	first := postgrestest.Start(t)
	c := quick(first)
	mustPut(t, open(t, c), "a", "1")
	second := first.Standby()
	first.Exec(postgrestest.Superuser, "alter system set synchronous_standby_names = '*'", "select pg_reload_conf()")
	c.Hosts = append(c.Hosts, second.Address())
	s := open(t, c)
	mustPut(t, s, "a", "2")
	// The first server keeps running and responds, but accepts no writes.
	first.ReadOnly(true)
	refuses(t, s, "accepts no writes")
	unavailable(t, s)
	second.Promote()
	recovers(t, s)
	mustPut(t, s, "a", "3")
	found, err := s.Get(t.Context(), "a")
	if err != nil || string(found["a"].Value) != "3" {
		t.Errorf("got %q (%v)", found["a"].Value, err)
	}
}

func TestPasswordIsReadAnew(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t, "fsync=off", "password_encryption=scram-sha-256")
	server.Exec(postgrestest.Superuser, "create role storekeeper login password 'made-up-1'", "create schema storekeeper authorization storekeeper")
	server.Rules("local all all trust", "host all all 127.0.0.1/32 scram-sha-256")
	file := filepath.Join(t.TempDir(), "password")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("wrong\n")
	c := quick(server)
	c.User, c.Password = "storekeeper", postgres.PasswordFile(file)
	s := open(t, c)
	unavailable(t, s)
	write("made-up-1\n")
	recovers(t, s)
	server.Exec(postgrestest.Superuser, "alter role storekeeper password 'made-up-2'")
	write("made-up-2\n")
	server.Restart()
	recovers(t, s)
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	server.Restart()
	unavailable(t, s)
}
