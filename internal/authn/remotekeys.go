package authn

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"
)

const (
	defaultRefreshEvery  = 15 * time.Minute
	defaultRefreshAtMost = 10 * time.Second
	defaultKeysMaxAge    = 24 * time.Hour
	// retryEvery is the fetch interval while the issuer is down.
	retryEvery = time.Minute
	// fetchTimeout limits the duration of a fetch and thus the wait of a call.
	fetchTimeout = 5 * time.Second
)

// remoteKeys holds the keys of an issuer and fetches them again: periodically in the background, and at once
// for an unknown key. Two fetches are at least atMost apart, so tokens cannot cause a flood of requests to an
// issuer.
type remoteKeys struct {
	fetch                 func(context.Context) (fetchResult, error)
	clock                 func() time.Time
	every, atMost, maxAge time.Duration
	onKeys                func(keys int, err error)

	// running ends when the source is closed, not with a call, because a fetch serves all calls that wait for
	// it.
	running context.Context
	stop    context.CancelFunc
	work    sync.WaitGroup

	mu       sync.Mutex
	set      keySet
	fetched  time.Time     // when set came; zero: never
	tried    time.Time     // when the last fetch began; zero: never
	failed   error         // why the last fetch failed
	last     fetchResult   // the result of the last fetch
	inFlight chan struct{} // closed when the fetch that runs is done; nil: none
}

func newRemoteKeys(fetch func(context.Context) (fetchResult, error), given Issuer, clock func() time.Time, tell func(int, error)) *remoteKeys {
	r := &remoteKeys{
		fetch: fetch, clock: clock, onKeys: tell,
		every:  cmp.Or(given.RefreshEvery, defaultRefreshEvery),
		atMost: cmp.Or(given.RefreshAtMost, defaultRefreshAtMost),
		maxAge: cmp.Or(given.KeysMaxAge, defaultKeysMaxAge),
	}
	r.running, r.stop = context.WithCancel(context.Background())
	r.work.Go(r.refresh)
	return r
}

func (r *remoteKeys) close() {
	r.mu.Lock()
	r.stop() // under the lock, so that nothing is begun after it
	r.mu.Unlock()
	r.work.Wait()
}

func (r *remoteKeys) version() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.set.version
}

func (r *remoteKeys) current(ctx context.Context) (keySet, error) {
	if set, ok := r.usable(); ok {
		return set, nil
	}
	if err := r.awaitFetch(ctx); err != nil {
		return keySet{}, err
	}
	if set, ok := r.usable(); ok {
		return set, nil
	}
	return keySet{}, r.noKeysError()
}

func (r *remoteKeys) renew(ctx context.Context, version uint64) (keySet, error) {
	if set, ok := r.usable(); ok && set.version != version {
		return set, nil
	}
	if err := r.awaitFetch(ctx); err != nil {
		return keySet{}, err
	}
	set, _ := r.usable()
	return set, nil
}

// usable returns the keys that may be used now.
func (r *remoteKeys) usable() (keySet, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fetched.IsZero() || r.clock().Sub(r.fetched) > r.maxAge {
		return keySet{}, false
	}
	return r.set, true
}

func (r *remoteKeys) state() keyState {
	set, _ := r.usable()
	r.mu.Lock()
	defer r.mu.Unlock()
	state := keyState{keys: len(set.keys), read: r.fetched, failed: r.failed, last: r.last, fetches: true}
	if !r.fetched.IsZero() {
		state.ends = r.fetched.Add(r.maxAge)
	}
	return state
}

// noKeysError is the fault if there are no usable keys.
func (r *remoteKeys) noKeysError() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	cause := r.failed
	if cause == nil {
		cause = errors.New("the keys are too old")
	}
	return unavailable(r.atMost-r.clock().Sub(r.tried), cause)
}

// awaitFetch waits for the running fetch, or for a new fetch if a fetch is due.
func (r *remoteKeys) awaitFetch(ctx context.Context) error {
	done := r.startFetch()
	if done == nil {
		return nil
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// startFetch starts a fetch if none is running and a fetch is due. It returns a channel that is closed at the
// end of the running fetch, or nil if none is running.
func (r *remoteKeys) startFetch() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.inFlight != nil {
		return r.inFlight
	}
	now := r.clock()
	if r.running.Err() != nil || !r.tried.IsZero() && now.Sub(r.tried) < r.atMost {
		return nil
	}
	r.tried, r.inFlight = now, make(chan struct{})
	r.work.Go(r.runFetch)
	return r.inFlight
}

// runFetch fetches the keys once.
func (r *remoteKeys) runFetch() {
	ctx, cancel := context.WithTimeout(r.running, fetchTimeout)
	defer cancel()
	got, err := r.fetch(ctx)

	r.mu.Lock()
	r.last = got
	if r.failed = err; err == nil {
		r.set, r.fetched = keySet{keys: got.keys, version: r.set.version + 1}, r.clock()
	}
	inUse := len(r.set.keys)
	close(r.inFlight)
	r.inFlight = nil
	r.mu.Unlock()

	if r.running.Err() == nil {
		r.onKeys(inUse, err)
	}
}

// refresh fetches the keys until the source is closed.
func (r *remoteKeys) refresh() {
	for {
		if r.awaitFetch(r.running) != nil {
			return
		}
		select {
		case <-time.After(r.pause()):
		case <-r.running.Done():
			return
		}
	}
}

// pause returns the time until the next fetch in the background.
func (r *remoteKeys) pause() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed != nil {
		return min(r.every, max(retryEvery, r.atMost))
	}
	return r.every
}
