package audit_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/fault"
)

// loadWait is the MaxWait of the tests that let callers time out.
const loadWait = 100 * time.Millisecond

// load is 64 callers that go on until stopped.
type load struct {
	cancel context.CancelFunc
	group  sync.WaitGroup

	mu      sync.Mutex
	acked   []string
	refused int
	slowest time.Duration
	odd     error
}

func startLoad(t *testing.T, l *audit.Log) *load {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	work := &load{cancel: cancel}
	for caller := range 64 {
		work.group.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				work.call(ctx, l, fmt.Sprintf("%d-%d", caller, n))
			}
		})
	}
	t.Cleanup(work.stop)
	return work
}

func (w *load) call(ctx context.Context, l *audit.Log, id string) {
	began := time.Now()
	// As with a server, a call that is under way when the load ends goes on.
	err := l.Intent(context.WithoutCancel(ctx), audit.Record{ID: id, Caller: "team-a"})
	took := time.Since(began)
	w.note(id, err, took)
	if err == nil {
		l.Outcome(ctx, audit.Record{ID: id, Outcome: audit.Succeeded})
	}
	pause := time.NewTimer(time.Millisecond)
	defer pause.Stop()
	select {
	case <-pause.C:
	case <-ctx.Done():
	}
}

func (w *load) note(id string, err error, took time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.slowest = max(w.slowest, took)
	if err == nil {
		w.acked = append(w.acked, id)
		return
	}
	w.refused++
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Kind != fault.Unavailable || f.Reason != "STATE_UNAVAILABLE" || f.RetryAfter != time.Second {
		w.odd = err
	}
}

func (w *load) stop() {
	w.cancel()
	w.group.Wait()
}

// counts returns how many calls were allowed and refused so far.
func (w *load) counts() (allowed, refused int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.acked), w.refused
}

// progress waits until more calls were allowed.
func (w *load) progress(t *testing.T) {
	t.Helper()
	before, _ := w.counts()
	eventually(t, "calls are allowed", func() bool { now, _ := w.counts(); return now > before+100 })
}

// refusals waits until more calls were refused.
func (w *load) refusals(t *testing.T) {
	t.Helper()
	_, before := w.counts()
	eventually(t, "calls are refused", func() bool { _, now := w.counts(); return now > before+100 })
}

// complete says whether the files hold every allowed call with its outcome.
func (w *load) complete(t *testing.T, paths ...string) {
	t.Helper()
	intents, outcomes := map[string]int{}, map[string]string{}
	for _, e := range entries(t, paths...) {
		switch e.Kind {
		case "intent":
			intents[e.ID]++
		case "outcome":
			if outcomes[e.ID] != "" {
				t.Errorf("%s has the outcomes %s and %s", e.ID, outcomes[e.ID], e.Outcome)
			}
			outcomes[e.ID] = e.Outcome
		}
	}
	allowed := map[string]bool{}
	for _, id := range w.acked {
		allowed[id] = true
		if intents[id] != 1 || outcomes[id] != "succeeded" {
			t.Errorf("the allowed call %s has %d intents and the outcome %q", id, intents[id], outcomes[id])
		}
	}
	for id := range intents {
		if !allowed[id] && outcomes[id] != "not_sent" {
			t.Errorf("the refused call %s has an intent and the outcome %q", id, outcomes[id])
		}
	}
	if w.odd != nil {
		t.Errorf("a refusal is %v", w.odd)
	}
	if w.slowest > loadWait+slack {
		t.Errorf("an answer took %s", w.slowest)
	}
}
