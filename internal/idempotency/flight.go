package idempotency

import (
	"bytes"
	"context"
	"errors"
	"time"

	"platform.internal/storekeeper/internal/fault"
)

// flight is one call on its way to an answer. Other calls of the same identity
// can join it.
type flight struct {
	call Call
	run  Run

	// ctx has the values of the first caller and ends with the Coordinator.
	ctx context.Context //nolint:containedctx // a flight outlives the call that began it
	// wanted ends when nobody waits any more.
	wanted   context.Context //nolint:containedctx // as above
	unwanted context.CancelFunc

	done chan struct{}
	// result is set before done is closed. waiting, landed and intent are
	// guarded by Coordinator.mu.
	result  callResult
	waiting int
	landed  bool
	// intent is that of the change that the flight makes, "" before it begins.
	intent string
}

// callResult is what a flight ends with.
type callResult struct {
	body  []byte
	fault *fault.Error
	// kept says that it was read from the records.
	kept bool
	// replayed says that another call made the change.
	replayed bool
	// gaveUp says that a caller did not wait for the end of the flight.
	gaveUp bool
	// again says that nothing was done or kept because the first caller waited
	// no longer, so that others may try.
	again bool
}

// newFlight starts with one caller waiting.
func (k *Coordinator) newFlight(ctx context.Context, c Call, run Run) *flight {
	c.Objects = distinct(c.Objects)
	f := &flight{call: c, run: run, done: make(chan struct{}), waiting: 1, ctx: detachedRun{Context: k.life, caller: ctx}}
	if deadline, ok := ctx.Deadline(); ok {
		f.wanted, f.unwanted = context.WithDeadline(f.ctx, deadline)
	} else {
		f.wanted, f.unwanted = context.WithCancel(f.ctx)
	}
	return f
}

// detachedRun is a context that ends with the Coordinator and has the values of a caller.
type detachedRun struct {
	context.Context //nolint:containedctx // that is what it is

	caller context.Context //nolint:containedctx // as above
}

// Value asks the life first: it has no values, but package context finds by
// this what ends its children.
func (e detachedRun) Value(key any) any {
	if v := e.Context.Value(key); v != nil {
		return v
	}
	return e.caller.Value(key)
}

// Do gives the answer to c. It calls run to make the change, at most once for
// a key: where c was answered before, the same answer or fault is given again,
// and where the change is being made, here or on another replica, c waits for
// it. A call without a key is a change of its own, unless it is a Retry of one
// that runs or that finished within the RetryWindow.
//
// run goes on after ctx has ended. Its context ends
// after the Limit. Its answer and its definite faults (BadInput, TooLarge,
// NotFound, NameTaken, LimitReached, NotEmpty) are kept before Do returns, unless
// they are Local.
// After a fault with reason UPSTREAM_ANSWER_LOST or UPSTREAM_THROTTLED, an Internal one, a panic, or
// any that is not definite and comes after the Limit, nobody knows whether the
// change took effect: Recover finds out and the callers wait for that. Any
// other fault means that nothing was done, and nothing is kept.
//
// The error is a fault. Those of Do itself are KeyReused with reason
// IDEMPOTENCY_KEY_REUSED, Unavailable with reason CHANGE_IN_PROGRESS,
// STATE_UNAVAILABLE or SHUTTING_DOWN, and that of ctx.
func (k *Coordinator) Do(ctx context.Context, c Call, run Run) (Answer, error) {
	if c.Key == "" && c.Retry && !c.looked {
		if _, err := k.look(ctx, &c); err != nil {
			return Answer{}, fault.From(err)
		}
	}
	for {
		if err := ctx.Err(); err != nil {
			return Answer{}, fault.From(err)
		}
		f, leads, refusal := k.board(ctx, c, run)
		if refusal != nil {
			return Answer{}, refusal
		}
		if !leads {
			k.observe(Event{Kind: EventJoined, Method: c.Method})
		}
		r := k.wait(ctx, f, leads)
		if r.again && !leads && ctx.Err() == nil {
			continue
		}
		answer := Answer{Body: bytes.Clone(r.body), Replayed: r.replayed || !leads && !r.gaveUp}
		if r.fault != nil {
			// A copy, because each caller may add its own cause.
			refusal := *r.fault
			return answer, &refusal
		}
		return answer, nil
	}
}

// board joins the flight of the same identity and request or starts one. Of a
// key with two requests the records say whose it is.
func (k *Coordinator) board(
	ctx context.Context, c Call, run Run,
) (f *flight, leads bool, refusal *fault.Error) {
	k.digest.mark(&c)
	k.mu.Lock()
	defer k.mu.Unlock()
	f = k.flights[c.identity+c.print]
	switch {
	case f != nil && c.joins() && c.outdated == "":
		f.waiting++
		return f, false, nil
	case k.closing:
		return nil, false, shuttingDown()
	}
	f = k.newFlight(ctx, c, run)
	k.flights[c.identity+c.print] = f
	k.aloft.Add(1)
	k.crew.take(func() { k.fly(f) })
	return f, true, nil
}

// wait returns the result of f, or that of ctx if it ends before. Who does not
// lead f waits no longer than the Patience.
func (k *Coordinator) wait(ctx context.Context, f *flight, leads bool) callResult {
	defer k.disembark(f)
	select {
	case <-f.done:
		return f.result
	default:
	}
	var late <-chan time.Time
	if !leads {
		defer k.waited(ctx, time.Now())
		timer := time.NewTimer(k.config.Patience)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case <-f.done:
		return f.result
	case <-late:
		return callResult{fault: k.unfinished(k.intentOf(f), errImpatient), gaveUp: true}
	case <-ctx.Done():
		return callResult{fault: fault.From(ctx.Err()), gaveUp: true}
	}
}

// intentOf is the intent of a flight, "" before it has one.
func (k *Coordinator) intentOf(f *flight) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return f.intent
}

func (k *Coordinator) disembark(f *flight) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if f.waiting--; f.waiting == 0 {
		f.unwanted()
	}
}

// fly takes f to its end. Whatever happens on the way, the callers get a
// result.
func (k *Coordinator) fly(f *flight) {
	defer k.aloft.Done()
	defer f.unwanted()
	r := callResult{fault: fault.From(errors.New("a flight ended without a result"))}
	defer func() {
		if p := recover(); p != nil {
			err := panicked(p)
			k.observe(Event{Kind: EventPanicked, Method: f.call.Method, Err: err})
			r = callResult{fault: fault.From(err)}
		}
		k.land(f, r)
	}()
	r = k.carry(f)
}

// land gives r to those who wait for f. Only the first result counts. From now
// on the records answer for f.
func (k *Coordinator) land(f *flight, r callResult) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if f.landed {
		return
	}
	f.landed, f.result = true, r
	if identity := f.call.identity + f.call.print; k.flights[identity] == f {
		delete(k.flights, identity)
	}
	close(f.done)
}

// pause waits for d. Its error is that of ctx.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
