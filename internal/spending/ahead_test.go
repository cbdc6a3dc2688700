package spending_test

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/store"
	"platform.internal/storekeeper/internal/upstream"
)

// gated is a store whose commits wait while the gate is closed.
type gated struct {
	*memory

	mu   sync.Mutex
	gate chan struct{}
	fail error
}

func newGated() *gated { return &gated{memory: newMemory(), gate: openGate()} }

func openGate() chan struct{} {
	gate := make(chan struct{})
	close(gate)
	return gate
}

// block closes the gate. The returned function opens the gate and sets the error of the waiting commits.
func (g *gated) block() func(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	gate := make(chan struct{})
	g.gate = gate
	return func(err error) {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.gate, g.fail = openGate(), err
		close(gate)
	}
}

func (g *gated) Commit(ctx context.Context, keys []string, decide store.Decide, lazy ...store.Lazy) error {
	g.mu.Lock()
	gate := g.gate
	g.mu.Unlock()
	select {
	case <-gate:
	case <-ctx.Done():
		return fault.From(ctx.Err())
	}
	g.mu.Lock()
	fail := g.fail
	g.mu.Unlock()
	if fail != nil {
		return fail
	}
	return g.memory.Commit(ctx, keys, decide, lazy...)
}

// crash returns the store as a process that starts after a crash now would read it.
func (g *gated) crash() *memory {
	g.memory.mu.Lock()
	defer g.memory.mu.Unlock()
	after := newMemory()
	after.kept = maps.Clone(g.memory.kept)
	return after
}

func TestCallsGoOnForTheRestOfAStepWhileItsCheckpointIsWritten(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		// err is the result of the write.
		err error
		// after is the reason of the call that waited for the write.
		after string
	}{
		"and the write succeeds": {nil, ""},
		"and the write fails":    {store.Unavailable(errors.New("refused by the test")), "BUDGET_UNKNOWN"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := newGated()
				c := spenders()
				c.Store = store
				p := open(t, c)
				// A step is 24 of 1,200 calls.
				for range 11 {
					p.call(t, "main", "", fine())
				}
				free := store.block()
				for range 24 - 11 {
					p.call(t, "main", "", fine())
				}
				ended := make(chan error, 1)
				go func() {
					_, err := p.Admit(t.Context(), read("main"))
					ended <- err
				}()
				synctest.Wait()
				select {
				case err := <-ended:
					t.Fatalf("a call beyond the step did not wait: %v", err)
				default:
				}
				free(test.err)
				if err := <-ended; (err != nil) != (test.after != "") || err != nil && fault.From(err).Reason != test.after {
					t.Errorf("after the write the call that waited got %v, want %q", err, test.after)
				}
			})
		})
	}
}

func TestNoCallWaitsForACheckpointThatIsWrittenInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newGated()
		c := spenders()
		c.Store = slow{store, 50 * time.Millisecond}
		p := open(t, c)
		begun, waits := time.Now(), 0
		for range 500 {
			before := time.Now()
			p.call(t, "main", "", fine())
			if time.Since(before) > 0 {
				waits++
			}
			time.Sleep(10 * time.Millisecond)
		}
		if waits > 0 {
			t.Errorf("%d of 500 calls in %v waited for the store", waits, time.Since(begun))
		}
		must(t, p.Flush(t.Context()))
	})
}

// slow is a store each change of which takes a while.
type slow struct {
	store.Store

	takes time.Duration
}

func (s slow) Commit(ctx context.Context, keys []string, decide store.Decide, lazy ...store.Lazy) error {
	time.Sleep(s.takes)
	return s.Store.Commit(ctx, keys, decide, lazy...)
}

// TestALifeAfterACrashCountsAllThatWasSent crashes at random times, including during the write of a
// checkpoint.
func TestALifeAfterACrashCountsAllThatWasSent(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			store := newGated()
			c := spenders()
			c.Store = slow{store, time.Duration(random.IntN(30)) * time.Millisecond}
			p := open(t, c)
			var sent atomic.Int64
			ctx, cancel := context.WithCancel(t.Context())
			var all sync.WaitGroup
			for range 1 + random.IntN(8) {
				pauses := rand.New(rand.NewPCG(seed, random.Uint64()))
				all.Go(func() {
					for ctx.Err() == nil {
						done, err := p.Admit(ctx, read("main"))
						if err != nil {
							return
						}
						sent.Add(1)
						time.Sleep(time.Duration(pauses.IntN(20)) * time.Millisecond)
						done(upstream.Attempt{Status: 200})
					}
				})
			}
			for range 30 {
				time.Sleep(time.Duration(random.IntN(40)) * time.Millisecond)
				made := sent.Load()
				next := spenders()
				next.Store, next.Lived = store.crash(), true
				after := open(t, next)
				if got := int64(after.Of("main").State().Used); got < made || got > made+36+8 {
					t.Errorf("seed %d: a life after a crash counts %d calls, and %d were sent", seed, got, made)
				}
				after.Close()
			}
			cancel()
			all.Wait()
			must(t, p.Flush(t.Context()))
		})
	}
}
