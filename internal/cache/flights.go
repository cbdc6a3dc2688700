package cache

import (
	"context"
	"sync"

	"platform.internal/storekeeper/internal/fault"
)

// freshFlights lets askers share work that tells how things stand now: each waits for
// a round that begins after it has asked. At most one round runs.
type freshFlights struct {
	mu      sync.Mutex
	running *freshFlight
}

type freshFlight struct {
	done chan struct{}
	err  error
}

// join waits for the end of a round that begins from now on. start begins one
// and tells of its end.
func (r *freshFlights) join(ctx context.Context, start func(done func(error))) error {
	for since := false; ; since = true {
		r.mu.Lock()
		now := r.running
		mine := now == nil
		if mine {
			now = &freshFlight{done: make(chan struct{})}
			r.running = now
		}
		r.mu.Unlock()
		if mine {
			start(func(err error) { r.end(now, err) })
		}
		select {
		case <-now.done:
		case <-ctx.Done():
			return fault.From(ctx.Err())
		}
		// One that ran already when this asker came knows nothing for sure.
		if mine || since {
			return now.err
		}
	}
}

func (r *freshFlights) end(now *freshFlight, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now.err = err
	r.running = nil
	close(now.done)
}
