package idempotency_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"platform.internal/storekeeper/internal/idempotency"
)

// steps are the steps of a change in order, including those of Run.
var steps = []idempotency.Step{
	idempotency.StepIntent, idempotency.StepIntended, "sent", "executed", idempotency.StepOutcome, idempotency.StepRecorded,
}

func TestAKillAtAnyStep(t *testing.T) {
	for where, edit := range map[string]func(*idempotency.Config){"alone": nil, "together": together} {
		for _, at := range steps {
			for name, call := range map[string]idempotency.Call{"a key": keyed("k", "a"), "no key": plain("a")} {
				t.Run(where+" before or after "+string(at)+" with "+name, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { killAt(t, at, on(call, "o"), edit) })
				})
			}
		}
	}
}

func killAt(t *testing.T, at idempotency.Step, call idempotency.Call, edit func(*idempotency.Config)) {
	d, w, reached := newDisk(), newWorld(), make(chan struct{})
	stop := func(ctx context.Context, s idempotency.Step) {
		if s == at {
			close(reached)
			<-ctx.Done()
		}
	}
	first := life(t, d, w, func(c *idempotency.Config) {
		c.Step = stop
		if edit != nil {
			edit(c)
		}
	})
	got := first.run(t.Context(), call, func(ctx context.Context, op *idempotency.Operation) ([]byte, error) {
		stop(ctx, "sent")
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		answer := w.act(op, "a")
		stop(ctx, "executed")
		return answer, nil
	})
	<-reached
	first.crash()
	<-got
	began, done := time.Now(), w.count("a")

	second := life(t, d, w, edit)
	a, err := second.Do(t.Context(), new(again(call)), func(_ context.Context, op *idempotency.Operation) ([]byte, error) { return w.act(op, "a"), nil })
	if err != nil || string(a.Body) != "a number 1" || a.Replayed != (done == 1) {
		t.Errorf("answered %q, replayed %t, %v", a.Body, a.Replayed, err)
	}
	if n := w.count("a"); n != 1 {
		t.Errorf("made %d times", n)
	}
	time.Sleep(time.Minute - time.Since(began))
	nothingOpen(t, d)
	if n, err := second.Open(t.Context()); n != 0 || err != nil {
		t.Errorf("%d open, %v", n, err)
	}
}

func TestALifeAfterManyCrashes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, w := newDisk(), newWorld()
		w.setBlind(true)
		var first idempotency.Call
		for n := range 5 {
			r := life(t, d, w, nil)
			if n == 0 {
				first = on(keyed("k", "a"), "o")
				r.run(t.Context(), first, r.lost("a"))
			}
			time.Sleep(10 * time.Second)
			r.crash()
		}
		w.setBlind(false)
		r := life(t, d, w, nil)
		want(t, r.do(t.Context(), first), "a number 1", true)
		nothingOpen(t, d)
	})
}
