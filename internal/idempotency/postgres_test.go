package idempotency_test

import (
	"context"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/idempotency"
	"platform.internal/storekeeper/internal/store/postgres"
	"platform.internal/storekeeper/internal/store/postgrestest"
)

// served starts a Coordinator on a database server. end stops the Coordinator without waiting.
func served(t *testing.T, s *postgrestest.Server, w *world, name string) (r *replica, end func()) {
	t.Helper()
	r = &replica{world: w, events: make(map[idempotency.EventKind]int)}
	store, err := postgres.Open(t.Context(), postgres.Config{
		Hosts: []string{s.Address()}, Database: postgrestest.Superuser, User: postgrestest.Superuser, Plaintext: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	k, err := idempotency.New(idempotency.Config{
		Store: store, Replica: name, Pepper: make([]byte, 32), Recover: w.recover,
		Lease: 2 * time.Second, Settle: 100 * time.Millisecond, Observe: r.observe,
	})
	if err != nil {
		t.Fatal(err)
	}
	r.Coordinator = k
	k.Start(t.Context())
	return r, func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = k.Close(ctx)
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestTwoReplicasOnAServer(t *testing.T) {
	server, w := postgrestest.Start(t), newWorld()
	one, end := served(t, server, w, "one")
	two, endTwo := served(t, server, w, "two")
	defer endTwo()

	// The server dies while a change runs on one replica and a call on the other replica waits for the
	// change.
	call, executed, restarted := on(keyed("k", "a"), "o"), make(chan struct{}), make(chan struct{})
	first := one.run(t.Context(), call, func(_ context.Context, op *idempotency.Operation) ([]byte, error) {
		answer := w.act(op, "a")
		close(executed)
		<-restarted
		return answer, nil
	})
	<-executed
	joined := two.do(t.Context(), call)
	for two.seen(idempotency.EventJoined) == 0 {
		time.Sleep(time.Millisecond)
	}
	server.Kill()
	server.Restart()
	close(restarted)
	want(t, first, "a number 1", false)
	want(t, joined, "a number 1", true)

	// A replica dies in the middle of a change. The heartbeat may have lapsed during the outage of the
	// server, and then the replica begins no change before the next heartbeat.
	call, executed = on(keyed("l", "b"), "o"), make(chan struct{})
	for begun := false; !begun; {
		first = one.run(t.Context(), call, func(ctx context.Context, op *idempotency.Operation) ([]byte, error) {
			w.act(op, "b")
			close(executed)
			<-ctx.Done()
			return nil, ctx.Err()
		})
		select {
		case <-executed:
			begun = true
		case <-first:
			time.Sleep(10 * time.Millisecond)
		}
	}
	end()
	<-first
	want(t, two.do(t.Context(), call), "b number 1", true)
	if n, err := two.Open(t.Context()); n != 0 || err != nil {
		t.Errorf("%d open, %v", n, err)
	}
}
