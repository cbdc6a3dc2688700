package guarantees_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"platform.internal/storekeeper/test/guarantees/calls"
)

// soon is the time within which a change must be refused while PostgreSQL is
// unavailable. The limit is generous, since all tests run at once.
const soon = 3 * time.Second

func TestAHistoryOfTwoReplicasIsLinearizable(t *testing.T) {
	t.Parallel()
	w := build(t, plan{replicas: 2, callers: 6})
	w.inject(upsets()...)
	c := newCrowd(w, 6, 5*time.Second)
	ctx, cancel := context.WithTimeout(t.Context(), length(t, 10*time.Second))
	defer cancel()
	c.play(ctx, 2*time.Second)
	c.check(t)
}

func TestAHistoryOfTwoReplicasWithKillsIsLinearizable(t *testing.T) {
	t.Parallel()
	w := build(t, plan{replicas: 2, callers: 6})
	w.inject(upsets()...)
	// In the short form, no call waits until the other replica finishes the
	// changes of a dead replica.
	patience, replica, postgres := 3*time.Second, 2500*time.Millisecond, 2*time.Second
	if long() {
		patience, replica, postgres = takeover, 15*time.Second, 7*time.Second
	}
	c := newCrowd(w, 6, patience)
	c.killed = true
	ctx, cancel := context.WithTimeout(t.Context(), length(t, 10*time.Second))
	defer cancel()
	replicas := kill(ctx, replica, w.replicas...)
	servers := w.killPostgres(ctx, postgres, 500*time.Millisecond)
	c.play(ctx, 2*time.Second)
	t.Logf("replicas were killed %d times and the PostgreSQL server %d times", replicas(), servers())
	c.check(t)
}

// killPostgres kills the PostgreSQL server repeatedly, with a pause before each, and
// restarts it when it was away for a while.
func (w *world) killPostgres(ctx context.Context, rest, away time.Duration) func() int {
	return again(ctx, rest, func() {
		w.postgres.Kill()
		time.Sleep(away)
		w.postgres.Restart()
	})
}

func TestWithoutPostgresReadsGoOnAndChangesAreRefusedAtOnce(t *testing.T) {
	t.Parallel()
	w := build(t, plan{replicas: 2, callers: 1})
	kept := must(t, "create", w.rest("c0", w.replicas[0]).Create(t.Context(), calls.Mark{Key: "kept"}, "kept",
		calls.Write{Value: "v", Comment: "c", Scopes: "workers"}))
	// Both have read the store.
	for _, r := range w.replicas {
		must(t, "list", w.rest("c0", r).List(t.Context(), calls.Mark{}, ""))
	}
	w.postgres.Kill()
	var slowest time.Duration
	for i := range 4 {
		r := w.replicas[i%2]
		for _, client := range []calls.Client{w.rest("c0", r), w.grpc("c0", r)} {
			began := time.Now()
			a := client.Create(t.Context(), calls.Mark{Key: fmt.Sprint("away-", i)}, fmt.Sprint("away", i), calls.Write{Value: "v", Scopes: "workers"})
			slowest = max(slowest, time.Since(began))
			if a.Verdict != calls.Later || a.RetryAfter <= 0 {
				t.Errorf("a change without PostgreSQL: %s, retry after %s", a.Said, a.RetryAfter)
			}
			got := must(t, "get without PostgreSQL", client.Get(t.Context(), calls.Mark{}, kept.Secrets[0].ID))
			list := must(t, "list without PostgreSQL", client.List(t.Context(), calls.Mark{}, ""))
			if len(got.Secrets) != 1 || len(list.Secrets) != 1 || got.Secrets[0] != kept.Secrets[0] || list.Secrets[0] != kept.Secrets[0] {
				t.Errorf("without PostgreSQL: %+v and %+v", got.Secrets, list.Secrets)
			}
		}
	}
	if slowest > soon {
		t.Errorf("a change was refused after %s only", slowest)
	}
	w.postgres.Restart()
	back := time.Now()
	for i, r := range w.replicas {
		eventually(t, "changes go on", 20*time.Second, func() bool {
			return w.rest("c0", r).Create(t.Context(), calls.Mark{Key: fmt.Sprint("away-", i)}, fmt.Sprint("away", i),
				calls.Write{Value: "v", Scopes: "workers"}).Verdict == calls.Done
		})
	}
	t.Logf("changes were refused within %s, and went on %s after the server was back", slowest, time.Since(back))
	if got := w.at("away"); len(got) != 2 {
		t.Errorf("Cloudflare has %+v, want the two that were repeated", got)
	}
	again := must(t, "again", w.rest("c0", w.replicas[1]).Create(t.Context(), calls.Mark{Key: "kept"}, "kept",
		calls.Write{Value: "v", Comment: "c", Scopes: "workers"}))
	if !again.Replayed || again.Body != kept.Body {
		t.Errorf("the answer from before: replayed %v, %s, want %s", again.Replayed, again.Body, kept.Body)
	}
}
