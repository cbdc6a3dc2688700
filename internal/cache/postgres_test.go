package cache_test

import (
	"context"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/cache"
	"platform.internal/storekeeper/internal/store"
	"platform.internal/storekeeper/internal/store/postgres"
	"platform.internal/storekeeper/internal/store/postgrestest"
)

// shared tells replicas of each other's changes through a database.
type shared struct{ *postgres.Store }

func (s shared) Append(ctx context.Context, topic string, event []byte) error {
	return s.Commit(ctx, nil, func(map[string]store.Record) (store.Changes, error) {
		return store.Changes{Events: []store.Event{{Topic: topic, Data: event}}}, nil
	})
}

func (s shared) Since(ctx context.Context, topic string, after cache.LogPosition) (events [][]byte, now cache.LogPosition, complete bool, err error) {
	events, reached, complete, err := s.Events(ctx, topic, store.Position(after))
	return events, cache.LogPosition(reached), complete, err
}

// TestTwoReplicasOnOneServer kills the server midway.
func TestTwoReplicasOnOneServer(t *testing.T) {
	server := postgrestest.Start(t)
	w := newWorld(t)
	where := w.store("s")
	var clients []*client
	for range 2 {
		log, err := postgres.Open(t.Context(), postgres.Config{
			Hosts: []string{server.Address()}, Database: postgrestest.Superuser, User: postgrestest.Superuser, Plaintext: true,
		})
		must(t, err)
		t.Cleanup(func() { must(t, log.Close()) })
		by, _ := w.cache(withLog(shared{log}))
		clients = append(clients, by)
	}
	agree := func(want string) {
		t.Helper()
		for i, by := range clients {
			if got := names(t, by, where); got != want {
				t.Errorf("replica %d shows %s, want %s", i, got, want)
			}
		}
	}
	agree("[]")
	agree("[]")
	w.costs(listSecrets, 0, func() {
		secrets(t, clients[0], where, "A")
		agree("[A]")
		secrets(t, clients[1], where, "B")
		agree("[B A]")
	})
	server.Kill()
	secrets(t, clients[0], where, "C")
	if got := names(t, clients[0], where); got != "[C B A]" {
		t.Errorf("the writer shows %s", got)
	}
	w.clock.move(staleness + 1)
	agree("[C B A]")
	server.Restart()
	w.clock.move(2 * time.Second)
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		before := w.Calls(listSecrets)
		agree("[C B A]")
		if w.Calls(listSecrets) == before {
			break
		}
		w.clock.move(2 * time.Second)
	}
	w.costs(listSecrets, 0, func() {
		secrets(t, clients[1], where, "D")
		agree("[D C B A]")
	})
}
