package settle

import (
	"context"
	"slices"
	"sync"
	"time"

	"platform.internal/storekeeper/internal/budget"
	"platform.internal/storekeeper/internal/fault"
)

// locks let changes of the same thing go one after the other.
type locks struct {
	mu   sync.Mutex
	held map[string]*lock
}

// lock is held by whoever put something into its channel.
type lock struct {
	place chan struct{}
	users int
}

func newLocks() *locks { return &locks{held: map[string]*lock{}} }

// hold waits until all keys are free, at most for a while and not longer than
// the context and the caller's patience last. The keys are given back by the
// function that it returns.
func (l *locks) hold(ctx context.Context, most time.Duration, keys []string) (release func(), err error) {
	if len(keys) > 1 {
		// In one order, so that no two wait for each other.
		keys = slices.Compact(slices.Sorted(slices.Values(keys)))
	}
	mine := make([]string, 0, len(keys))
	release = func() {
		for _, key := range mine {
			l.leave(key, true)
		}
	}
	var late patience
	defer late.stop()
	for _, key := range keys {
		if err := l.take(ctx, func() <-chan time.Time { return late.after(most) }, key); err != nil {
			release()
			return nil, err
		}
		mine = append(mine, key)
	}
	return release, nil
}

// patience is the time of one who waits for keys. Mostly nobody has them, and no
// timer is needed.
type patience struct{ timer *time.Timer }

// after starts the time, when it is asked first.
func (p *patience) after(most time.Duration) <-chan time.Time {
	if p.timer == nil {
		p.timer = time.NewTimer(most)
	}
	return p.timer.C
}

func (p *patience) stop() {
	if p.timer != nil {
		p.timer.Stop()
	}
}

func (l *locks) take(ctx context.Context, late func() <-chan time.Time, key string) error {
	l.mu.Lock()
	k := l.held[key]
	if k == nil {
		k = &lock{place: make(chan struct{}, 1)}
		l.held[key] = k
	}
	k.users++
	l.mu.Unlock()
	select {
	case k.place <- struct{}{}:
		return nil
	default:
	}
	patience := ctx
	if p := budget.PatienceFrom(ctx); p != nil {
		patience = p
	}
	var err error
	select {
	case k.place <- struct{}{}:
		return nil
	case <-ctx.Done():
		err = fault.From(ctx.Err())
	case <-patience.Done():
		err = fault.From(patience.Err())
	case <-late():
		err = busy()
	}
	l.leave(key, false)
	return err
}

// leave gives up a key, which is held or was only waited for.
func (l *locks) leave(key string, held bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := l.held[key]
	if held {
		<-k.place
	}
	if k.users--; k.users == 0 {
		delete(l.held, key)
	}
}

func busy() *fault.Error {
	f := fault.New(fault.Unavailable, "CHANGE_IN_PROGRESS", "Another change of the same object is still being made.")
	f.RetryAfter = time.Second
	return f
}
