package spending_test

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"

	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/store"
	"platform.internal/storekeeper/internal/upstream"
)

// watched is a store that tells before each change.
type watched struct {
	store.Store

	before func()
}

func (s watched) Commit(ctx context.Context, keys []string, decide store.Decide, lazy ...store.Lazy) error {
	s.before()
	return s.Store.Commit(ctx, keys, decide, lazy...)
}

func TestTheLeaseOfAChangeIsCheckedAfterAllThatWaits(t *testing.T) {
	t.Parallel()
	var held, expiring atomic.Bool
	held.Store(true)
	c := spenders()
	// The step is one call, so each call waits for a checkpoint.
	c.Calls = 10
	c.Store = watched{Store: newMemory(), before: func() { held.Store(!expiring.Load()) }}
	p := open(t, c)
	p.call(t, "main", "", fine())
	expiring.Store(true)
	ask := upstream.Ask{Operation: "UpdateSecret", Account: "main", Changes: true}
	if _, err := p.Admit(change.With(t.Context(), &change.Attempt{Held: held.Load}), ask); fault.From(err).Reason != "STATE_UNAVAILABLE" {
		t.Errorf("a change whose lease ended while the budget was written down: %v", err)
	}
	if got := p.Of("main").State().InFlight; got != 0 {
		t.Errorf("%d calls are under way", got)
	}
}

func TestAnAnswerAfterTheLeaseRaisesAnAlarm(t *testing.T) {
	t.Parallel()
	var late []string
	lost := false
	c := spenders()
	c.Late = func(_ *change.Attempt, a upstream.Attempt) { late = append(late, a.Operation) }
	p := open(t, c)
	ctx := change.With(t.Context(), &change.Attempt{Held: func() bool { return !lost }})
	update := upstream.Ask{Operation: "UpdateSecret", Account: "main", Changes: true}
	for _, step := range []struct {
		ask  upstream.Ask
		end  upstream.Attempt
		held bool
		want int
	}{
		{update, fine(), true, 0},
		{update, upstream.Attempt{Unsent: true}, false, 0},
		{read("main"), fine(), false, 0},
		{update, upstream.Attempt{Operation: "UpdateSecret", Status: http.StatusOK}, false, 1},
		{update, upstream.Attempt{Operation: "UpdateSecret"}, false, 2},
	} {
		lost = false
		done, err := p.Admit(ctx, step.ask)
		must(t, err)
		lost = !step.held
		done(step.end)
		if len(late) != step.want {
			t.Errorf("after %+v, held %v: told %v", step.end, step.held, late)
		}
	}
}
