// Package load makes calls in a closed or an open loop, and records their
// durations.
//
// It must not know the meaning of a call.
package load

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// Call makes one call. worker is the number of the worker, from 0, and n the
// number of its earlier calls. ErrRefused in the error means that the call was
// correctly refused; any other error is a failure.
type Call func(ctx context.Context, worker, n int) error

// ErrRefused is a call that was turned away in good order, under overload.
var ErrRefused = errors.New("refused")

// ErrNoHint is a refusal without a retry time. It is joined with ErrRefused.
var ErrNoHint = errors.New("it does not say when to come back")

// Plan is how much load there is.
type Plan struct {
	// Workers is how many call at a time, or in an open loop how many may.
	Workers int
	// Length is how long new calls begin.
	Length time.Duration
	// Limit ends the load early after so many calls; 0 is no limit.
	Limit int
	// Least is the minimum number of calls in a closed loop: calls begin after
	// Length until the number is reached. 0: no minimum.
	Least int
	// Rate is how many calls begin a second, in an open loop.
	Rate float64
	// Times are the begins of calls in an open loop, in order, relative to the
	// start. They replace Length and Rate.
	Times []time.Duration
	// Cut ends calls that run at the end of Length. They count neither way.
	Cut bool
}

// Result has the results of the calls.
type Result struct {
	// Done, Refused and Failed count calls.
	Done, Refused, Failed int
	// Unhinted counts the refused that were not told when to come back.
	Unhinted int
	// Elapsed is from the first begin to the last end.
	Elapsed time.Duration
	// Waits are how long each call took that was done, Refusals each that was
	// refused.
	Waits, Refusals []time.Duration
	// First is the first failure, Refusal the first call that was refused.
	First, Refusal error
}

// Rate is how many calls were done a second.
func (r *Result) Rate() float64 { return float64(r.Done) / max(r.Elapsed.Seconds(), 1e-9) }

// Bad returns the error of the first call that failed or was refused.
func (r *Result) Bad() error { return cmp.Or(r.First, r.Refusal) }

// merge adds the result of another worker.
func (r *Result) merge(o *Result) {
	r.Done, r.Refused, r.Failed = r.Done+o.Done, r.Refused+o.Refused, r.Failed+o.Failed
	r.Unhinted += o.Unhinted
	r.Waits, r.Refusals = append(r.Waits, o.Waits...), append(r.Refusals, o.Refusals...)
	r.First, r.Refusal = cmp.Or(r.First, o.First), cmp.Or(r.Refusal, o.Refusal)
}

// note counts a call.
func (r *Result) note(err error, took time.Duration) {
	switch {
	case err == nil:
		r.Done++
		r.Waits = append(r.Waits, took)
	case errors.Is(err, ErrRefused):
		r.Refused++
		if errors.Is(err, ErrNoHint) {
			r.Unhinted++
		}
		r.Refusals = append(r.Refusals, took)
		r.Refusal = cmp.Or(r.Refusal, err)
	default:
		r.Failed++
		r.First = cmp.Or(r.First, err)
	}
}

// Closed lets each worker call as soon as its last call has ended.
func Closed(ctx context.Context, p Plan, call Call) *Result {
	if p.Cut {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, p.Length)
		defer cancel()
	}
	var (
		all   sync.WaitGroup
		begun atomic.Int64
		parts = make([]Result, p.Workers)
		start = time.Now()
		end   = start.Add(p.Length)
	)
	more := func() bool {
		if ctx.Err() != nil {
			return false
		}
		n := begun.Add(1)
		return (p.Limit == 0 || n <= int64(p.Limit)) && (n <= int64(p.Least) || time.Now().Before(end))
	}
	for w := range p.Workers {
		all.Go(func() {
			for n := 0; more(); n++ {
				began := time.Now()
				err := call(ctx, w, n)
				took := time.Since(began)
				if p.Cut && ctx.Err() != nil {
					return
				}
				parts[w].note(err, took)
			}
		})
	}
	all.Wait()
	sum := &Result{Elapsed: time.Since(start)}
	for i := range parts {
		sum.merge(&parts[i])
	}
	return sum
}

// Open begins calls at a fixed rate, independent of the progress of earlier
// calls. The time of a call counts from its scheduled begin: counted from the
// actual begin, a stall would hide the delayed calls. Workers only number the
// callers, in turn.
func Open(ctx context.Context, p Plan, call Call) *Result {
	var (
		all  sync.WaitGroup
		mu   sync.Mutex
		sum  = &Result{}
		from = time.Now().Add(time.Millisecond)
	)
	for i, after := range p.times() {
		if ctx.Err() != nil {
			break
		}
		due := from.Add(after)
		PauseUntil(due)
		all.Go(func() {
			err := call(ctx, i%p.Workers, i/p.Workers)
			took := time.Since(due)
			mu.Lock()
			defer mu.Unlock()
			sum.note(err, took)
		})
	}
	all.Wait()
	sum.Elapsed = time.Since(from)
	return sum
}

// times are when the calls of an open loop begin.
func (p Plan) times() []time.Duration {
	if len(p.Times) > 0 {
		return p.Times
	}
	times := make([]time.Duration, int(p.Rate*p.Length.Seconds()))
	for i := range times {
		times[i] = time.Duration(float64(i) * float64(time.Second) / p.Rate)
	}
	return times
}
