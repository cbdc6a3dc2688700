package lending_test

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"platform.internal/storekeeper/internal/budget"
	"platform.internal/storekeeper/internal/lending"
	"platform.internal/storekeeper/internal/records/valkey"
	"platform.internal/storekeeper/internal/records/valkeytest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// small is a budget whose windows pass quickly. Its grace is 22 ms.
func small() budget.Config {
	return budget.Config{Calls: 300, Window: 1100 * time.Millisecond, Replicas: 2}
}

// replica is a scheduler that lends and borrows.
type replica struct {
	*budget.Scheduler

	// lent and borrowed are how many turns it gave away and got.
	lent, borrowed atomic.Int64
	// refused is until when Cloudflare takes no calls, in nanoseconds since 1970.
	refused  atomic.Int64
	troubles chan error
	// stop ends the lending, and returns when it has ended.
	stop func()
}

func (r *replica) Refused() time.Duration { return max(0, time.Until(time.Unix(0, r.refused.Load()))) }

func (r *replica) Lend(n int) int {
	n = r.Scheduler.Lend(n)
	r.lent.Add(int64(n))
	return n
}

func (r *replica) Borrow(n int) {
	r.Scheduler.Borrow(n)
	r.borrowed.Add(int64(n))
}

// join starts a replica that shares the budget main.
func join(t *testing.T, server *valkeytest.Server, cfg budget.Config) *replica {
	t.Helper()
	r := &replica{Scheduler: budget.New(cfg), troubles: make(chan error, 100)}
	t.Cleanup(r.Close)
	r.stop = run(t, server, r, lending.Config{
		Name: "main", Replicas: cfg.Replicas, Grace: grace(cfg), Trouble: func(err error) { r.troubles <- err },
	})
	return r
}

var replicas atomic.Int64

// run lends and borrows until the test ends or the answer is called. A replica
// without a name gets one.
func run(t *testing.T, server *valkeytest.Server, b lending.Budget, c lending.Config) (stop func()) {
	t.Helper()
	store, err := valkey.Open(valkey.Config{Address: server.Address(), Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	c.Client, c.Key = store.Client(), store.Key
	if c.Replica == "" {
		c.Replica = strconv.FormatInt(replicas.Add(1), 16)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		lending.Run(ctx, c, b)
	}()
	stop = func() {
		cancel()
		<-ended
	}
	t.Cleanup(func() {
		stop()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return stop
}

func grace(cfg budget.Config) time.Duration { return min(time.Second, cfg.Window/50) }

// calls are when calls were made.
type calls struct {
	mu sync.Mutex
	at []time.Time
}

// press makes as many calls as a budget lets through, of a few tenants, until
// ctx ends.
func press(ctx context.Context, s *budget.Scheduler, counts ...*calls) {
	var all sync.WaitGroup
	for i := range 24 {
		all.Go(func() {
			for {
				turn, err := s.Acquire(ctx, budget.Ask{Tenant: strconv.Itoa(i % 4)})
				if err != nil {
					return
				}
				now := time.Now()
				for _, c := range counts {
					c.add(now)
				}
				turn.Done(budget.Result{Sent: true, Answered: true})
			}
		})
	}
	all.Wait()
}

func (c *calls) add(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = append(c.at, at)
}

// last is how many calls were made in the window that ends now.
func (c *calls) last(window time.Duration) int {
	now := time.Now()
	return c.between(now.Add(-window), now)
}

// between is how many calls were made in a time.
func (c *calls) between(from, to time.Time) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, at := range c.at {
		if !at.Before(from) && at.Before(to) {
			n++
		}
	}
	return n
}

// worst is the most calls in any window that began at or after a time.
func (c *calls) worst(from time.Time, window time.Duration) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	slices.SortFunc(c.at, time.Time.Compare)
	most, first := 0, 0
	for i, at := range c.at {
		for c.at[first].Before(from) && first < i || at.Sub(c.at[first]) >= window {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

// until waits for something that takes a while.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for late := time.Now().Add(15 * time.Second); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(late) {
			t.Fatalf("%s does not come", what)
		}
	}
}
