package idempotency

import (
	"bytes"
	"context"
	"errors"
	"time"

	"platform.internal/storekeeper/internal/deadline"
	"platform.internal/storekeeper/internal/fault"
)

// flightKey is the identity and the fingerprint of a call.
type flightKey struct{ identity, print string }

// flight runs one call. Other calls with the same identity and request can join.
type flight struct {
	// call is not modified, because its owner may still read it.
	call *Call
	run  Run
	// unrecorded says that the first call of find need not look for a record.
	unrecorded bool

	// ctx has the values of the first caller and ends with the Coordinator.
	ctx context.Context //nolint:containedctx // a flight outlives the call that began it
	// detached is the memory of ctx.
	detached detachedRun
	// wanted ends when no caller waits, or at the deadline of the first caller.
	wanted deadline.Context
	// bounded ends with wanted, or when f has waited too long.
	bounded deadline.Context

	// claim holds the locks of the objects in this process.
	claim claim
	done  chan struct{}
	// result is set before done is closed. waiting, landed and intent are
	// guarded by Coordinator.mu.
	result  callResult
	waiting int
	landed  bool
	// intent is the id of the intent, "" before the change begins.
	intent string
}

// callResult is the result of a flight.
type callResult struct {
	body  []byte
	fault *fault.Error
	// kept says that the result was read from the store.
	kept bool
	// replayed says that another call made the change.
	replayed bool
	// gaveUp says that a caller left before the end of the flight.
	gaveUp bool
	// again says that nothing was done or recorded because the first caller left. Other callers may try.
	again bool
}

// errNoResult is the cause of the fault of a flight whose goroutine ended.
var errNoResult = errors.New("a flight ended without a result")

// newFlight starts with one caller waiting.
func (k *Coordinator) newFlight(ctx context.Context, c *Call, run Run) *flight {
	c.Objects = distinct(c.Objects)
	f := &flight{call: c, run: run, done: make(chan struct{}), waiting: 1, unrecorded: c.unrecordedCall, detached: detachedRun{Context: k.life, caller: ctx}}
	f.ctx = &f.detached
	end, _ := ctx.Deadline()
	f.wanted.Begin(f.ctx, end, nil)
	return f
}

// detachedRun is a context that ends as a context of the Coordinator does, and has the values of a caller.
type detachedRun struct {
	context.Context //nolint:containedctx // that is what it is

	caller context.Context //nolint:containedctx // as above
}

// Value asks the Coordinator's context first. That context has no values of its own, but package context
// finds the parent of a child context through Value.
func (e *detachedRun) Value(key any) any {
	if v := e.Context.Value(key); v != nil {
		return v
	}
	return e.caller.Value(key)
}

// Do returns the answer to c. It calls run to make the change, at most once for a key. If c was answered
// before, Do returns the recorded answer or fault. If the change is in progress, on this replica or another,
// Do waits for the outcome. A call without a key is a separate change, unless c is a Retry of a change that
// is in progress or finished within the RetryWindow.
//
// run continues after ctx has ended. The context of run ends after the Limit. Do records the answer of run,
// and these faults unless they are Local: BadInput, TooLarge, NotFound, NameTaken, LimitReached, NotEmpty.
//
// The outcome is unknown after a fault with reason UPSTREAM_ANSWER_LOST or UPSTREAM_THROTTLED, an Internal
// fault, a panic, or any other fault after the Limit. Recover then determines the outcome, and the callers
// wait for it. Any other fault means that nothing was done. Do does not record such a fault.
//
// Do completes c and keeps it. The caller must not modify c or use it for another call.
//
// The error is a fault. Do itself returns KeyReused with reason IDEMPOTENCY_KEY_REUSED, Unavailable with
// reason CHANGE_IN_PROGRESS, STATE_UNAVAILABLE or SHUTTING_DOWN, and the fault of ctx.
func (k *Coordinator) Do(ctx context.Context, c *Call, run Run) (Answer, error) {
	if c.Key == "" && c.Retry && !c.looked {
		if _, err := k.look(ctx, c); err != nil {
			return Answer{}, fault.From(err)
		}
	}
	for {
		if err := ctx.Err(); err != nil {
			return Answer{}, fault.From(err)
		}
		f, leads, refusal := k.joinFlight(ctx, c, run)
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
			// Each caller gets a copy, because callers may add a cause.
			refusal := *r.fault
			return answer, &refusal
		}
		return answer, nil
	}
}

// joinFlight joins the flight of the same identity and request, or starts a flight. Two requests with the same key
// get two flights. The commit of the intent decides between them.
func (k *Coordinator) joinFlight(
	ctx context.Context, c *Call, run Run,
) (f *flight, leads bool, refusal *fault.Error) {
	k.digest.mark(c)
	k.mu.Lock()
	defer k.mu.Unlock()
	key := flightKey{c.identity, c.print}
	f = k.flights[key]
	switch {
	case f != nil && c.mayShare() && c.outdated == "":
		f.waiting++
		return f, false, nil
	case k.closing:
		return nil, false, shuttingDown()
	}
	f = k.newFlight(ctx, c, run)
	k.flights[key] = f
	k.inFlight.Add(1)
	k.workers.take(f)
	return f, true, nil
}

// wait returns the result of f, or the fault of ctx if ctx ends first. A caller that joined waits at most for
// the Patience.
func (k *Coordinator) wait(ctx context.Context, f *flight, leads bool) callResult {
	defer k.leaveFlight(f)
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

// intentOf returns the id of the intent of a flight, "" before the change begins.
func (k *Coordinator) intentOf(f *flight) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return f.intent
}

func (k *Coordinator) leaveFlight(f *flight) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if f.waiting--; f.waiting == 0 {
		f.wanted.End()
	}
}

// runFlight runs f. The callers get a result even after a panic.
func (k *Coordinator) runFlight(f *flight) {
	defer k.inFlight.Done()
	defer f.wanted.End()
	var r callResult
	resolved := false
	defer func() {
		if p := recover(); p != nil {
			err := panicked(p)
			k.observe(Event{Kind: EventPanicked, Method: f.call.Method, Err: err})
			r = callResult{fault: fault.From(err)}
		} else if !resolved {
			r = callResult{fault: fault.From(errNoResult)}
		}
		k.finish(f, r)
	}()
	r = k.resolve(f)
	resolved = true
}

// finish gives r to the callers of f. Later results are ignored. A call that arrives after finish reads the
// store.
func (k *Coordinator) finish(f *flight, r callResult) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if f.landed {
		return
	}
	f.landed, f.result = true, r
	if key := (flightKey{f.call.identity, f.call.print}); k.flights[key] == f {
		delete(k.flights, key)
	}
	close(f.done)
}

// pause waits for d. The error is that of ctx.
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
