package valkey_test

import (
	"errors"
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/records"
	"platform.internal/storekeeper/internal/records/valkey"
	"platform.internal/storekeeper/internal/records/valkeytest"
)

func refusesChanges(t *testing.T, s *valkey.Store) {
	t.Helper()
	err := s.Change(t.Context(), []string{"b"}, appended("b", "x"))
	if fault.From(err).Reason != "STATE_UNAVAILABLE" || !strings.Contains(err.Error(), "records that this replica began with") {
		t.Errorf("a change: %v", err)
	}
	if err := s.Healthy(t.Context()); err == nil {
		t.Error("it is called healthy")
	}
	if found, err := s.Get(t.Context(), "b"); err != nil || len(found) > 0 {
		t.Errorf("the refused change is there: %v, %v", found, err)
	}
}

func TestAReplicaRefusesChangesOnceTheServerLostItsRecords(t *testing.T) {
	t.Parallel()
	server := valkeytest.Start(t)
	for name, first := range map[string]func(s *valkey.Store){
		"a replica that has changed something": func(s *valkey.Store) { set(t, s, "a", &records.Entry{Value: []byte("x")}) },
		"a replica that has just joined": func(s *valkey.Store) {
			if err := s.Join(t.Context()); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, valkey.Config{Address: server.Address()})
			first(s)
			if err := s.Healthy(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := s.Client().Do(t.Context(), s.Client().B().Flushall().Build()).Error(); err != nil {
				t.Fatal(err)
			}
			refusesChanges(t, s)
			// One that starts now begins anew, and the other one must not go on
			// beside it.
			later := open(t, valkey.Config{Address: server.Address()})
			set(t, later, "c", &records.Entry{Value: []byte("x")})
			refusesChanges(t, s)
			if err := later.Healthy(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestReplicasOfOneServerShareItsEpochOverARestart(t *testing.T) {
	t.Parallel()
	server := valkeytest.Start(t)
	one, two := open(t, valkey.Config{Address: server.Address()}), open(t, valkey.Config{Address: server.Address()})
	set(t, one, "a", &records.Entry{Value: []byte("x")})
	set(t, two, "b", &records.Entry{Value: []byte("x")})
	server.Kill()
	if err := one.Healthy(t.Context()); err != nil {
		t.Errorf("a server that is away has lost nothing: %v", err)
	}
	server.Restart()
	recovers(t, one)
	recovers(t, two)
	set(t, one, "c", &records.Entry{Value: []byte("x")})
	set(t, two, "d", &records.Entry{Value: []byte("x")})
}

func TestRecordsOfALaterBuildAreNotChanged(t *testing.T) {
	t.Parallel()
	server := valkeytest.Start(t)
	s := open(t, valkey.Config{Address: server.Address()})
	if err := s.Client().Do(t.Context(), s.Client().B().Set().Key(s.Key("records-epoch")).Value("2 later").Build()).Error(); err != nil {
		t.Fatal(err)
	}
	if err := s.Join(t.Context()); !errors.Is(err, valkey.ErrForm) {
		t.Errorf("joining: %v", err)
	}
	if err := s.Change(t.Context(), []string{"b"}, appended("b", "x")); !errors.Is(err, valkey.ErrForm) {
		t.Errorf("a change: %v", err)
	}
}
