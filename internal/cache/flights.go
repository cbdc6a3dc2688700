package cache

import (
	"context"
	"sync"

	"platform.internal/storekeeper/internal/fault"
)

// freshFlights is a singleflight for work that reads the current state: each caller waits for a
// flight that begins after the call. At most one flight runs.
type freshFlights struct {
	mu      sync.Mutex
	running *freshFlight
}

type freshFlight struct {
	done chan struct{}
	err  error
}

// join waits for a flight that begins after this call. start begins a flight and must call done at
// its end.
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
		// A flight that was already running when the caller joined may have read an older state.
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
