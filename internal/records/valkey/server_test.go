package valkey_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/records"
	"platform.internal/storekeeper/internal/records/valkey"
	"platform.internal/storekeeper/internal/records/valkeytest"
)

// unavailable asks the store in each way and wants that it fails before the
// caller's own deadline.
func unavailable(t *testing.T, s *valkey.Store) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var group sync.WaitGroup
	for name, ask := range map[string]func() error{
		"get":    func() error { _, err := s.Get(ctx, "a"); return err },
		"change": func() error { return s.Change(ctx, []string{"a"}, appended("a", "x")) },
		"scan":   func() error { return s.Scan(ctx, "", func(string, records.Entry) error { return nil }) },
		"ping":   func() error { return s.Ping(ctx) },
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
func recovers(t *testing.T, s *valkey.Store) {
	t.Helper()
	var err error
	for begun := time.Now(); time.Since(begun) < 20*time.Second; <-time.After(5 * time.Millisecond) {
		if err = s.Ping(t.Context()); err == nil {
			return
		}
	}
	t.Fatal(err)
}

func TestServerThatIsAway(t *testing.T) {
	t.Parallel()
	server := valkeytest.Start(t)
	server.Kill()
	s := open(t, valkey.Config{Address: server.Address(), Timeout: short})
	unavailable(t, s)
	if _, err := s.Durable(t.Context()); err == nil {
		t.Error("a server that is away is called durable or not")
	}
	server.Restart()
	recovers(t, s)
	set(t, s, "a", &records.Entry{Value: []byte("x")})
	server.Pause()
	unavailable(t, s)
	server.Resume()
	recovers(t, s)
	server.Kill()
	unavailable(t, s)
	server.Restart()
	recovers(t, s)
	found, err := s.Get(t.Context(), "a")
	if err != nil || !strings.HasPrefix(string(found["a"].Value), "x") {
		t.Errorf("after all this the record is %q (%v)", found["a"].Value, err)
	}
}

func TestCallerWhoLeavesDoesNotWaitForTheServer(t *testing.T) {
	t.Parallel()
	server := valkeytest.Start(t)
	s := open(t, valkey.Config{Address: server.Address(), Timeout: time.Minute})
	recovers(t, s)
	server.Pause()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := s.Change(ctx, []string{"a"}, appended("a", "x"))
	if err == nil || fault.From(err).Kind != fault.Deadline {
		t.Errorf("got %v, want that of the context", err)
	}
	server.Resume()
}

func TestDurable(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		options []string
		user    string
		durable bool
		known   bool
	}{
		"synced each time":       {nil, "", true, true},
		"synced each second":     {[]string{"--appendfsync", "everysec"}, "", false, true},
		"not logged":             {[]string{"--appendonly", "no"}, "", false, true},
		"evicts":                 {[]string{"--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"}, "", false, true},
		"full before it evicts":  {[]string{"--maxmemory", "100mb", "--maxmemory-policy", "noeviction"}, "", true, true},
		"CONFIG not for us":      {[]string{"--user", "bob", "on", ">made-up", "~*", "&*", "+@all", "-config"}, "bob", false, false},
		"CONFIG for a good user": {[]string{"--user", "bob", "on", ">made-up", "~*", "&*", "+@all"}, "bob", true, true},
	} {
		t.Run(name, func(t *testing.T) {
			server := valkeytest.Start(t, c.options...)
			s := open(t, valkey.Config{
				Address: server.Address(), Username: c.user,
				Password: func() (string, error) {
					if c.user == "" {
						return "", nil
					}
					return "made-up", nil
				},
			})
			durable, err := s.Durable(t.Context())
			if durable != c.durable || (err == nil) != c.known {
				t.Errorf("durable %v (%v), want %v, known %v", durable, err, c.durable, c.known)
			}
			set(t, s, "a", &records.Entry{})
		})
	}
}

func TestWrongPasswordIsUnavailable(t *testing.T) {
	t.Parallel()
	server := valkeytest.Start(t, "--requirepass", "made-up")
	password := "wrong"
	s := open(t, valkey.Config{Address: server.Address(), Password: func() (string, error) { return password, nil }})
	unavailable(t, s)
	// It is asked for again, so a password that changes needs no restart.
	password = "made-up"
	recovers(t, s)
}

func TestOpenRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]valkey.Config{
		"no address":            {},
		"a brace in the prefix": {Address: "127.0.0.1:1", Prefix: "a{b"},
		"a cluster that is off": {Address: "127.0.0.1:1", Cluster: true},
	} {
		t.Run(name, func(t *testing.T) {
			if s, err := valkey.Open(c); err == nil {
				t.Error("it opened", s.Close())
			}
		})
	}
}

func TestKeysShareOneHashTag(t *testing.T) {
	t.Parallel()
	s := open(t, valkey.Config{Address: "127.0.0.1:1", Prefix: "mine"})
	if got := s.Key("budget"); got != "{mine}:budget" {
		t.Errorf("got %q", got)
	}
}
