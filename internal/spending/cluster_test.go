package spending_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/scope"
	"platform.internal/storekeeper/internal/spending"
	"platform.internal/storekeeper/internal/store"
	"platform.internal/storekeeper/internal/upstream"
)

// cluster is a set of replicas over one store, and the calls that arrive at Cloudflare. It needs a synctest
// bubble.
type cluster struct {
	t     *testing.T
	cfg   spending.Config
	store *memory
	// away says that no replica reaches the store, lossy that some answers of the
	// store are lost.
	away, lossy atomic.Bool
	// asked counts the requests to the store.
	asked atomic.Int64
	// slowest is the longest duration of a call.
	slowest time.Duration

	mu       sync.Mutex
	random   *rand.Rand
	begun    time.Time
	arrivals []time.Duration
	by       map[string]int
	all      sync.WaitGroup
}

func newCluster(t *testing.T, seed uint64, calls int, window time.Duration) *cluster {
	c := &cluster{
		t: t, store: newMemory(), random: rand.New(rand.NewPCG(seed, 7)), begun: time.Now(), by: map[string]int{}, slowest: 300 * time.Millisecond,
	}
	c.cfg = spending.Config{
		Accounts: []spending.Account{{ID: "1", Name: "main", Source: "/a"}}, Calls: calls, Window: window, MaxWait: 20 * time.Second, Shared: true,
	}
	return c
}

// number is a random number below n.
func (c *cluster) number(n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.random.IntN(n)
}

func (c *cluster) upTo(d time.Duration) time.Duration { return time.Duration(c.number(int(d) + 1)) }

// replica is one replica of a cluster.
type replica struct {
	*spending.Budgets

	c    *cluster
	ctx  context.Context
	kill context.CancelFunc
	ran  chan struct{}

	mu   sync.Mutex
	gate chan struct{}
	// failing says that changes of the table fail, made that they happen all the
	// same.
	failing, made atomic.Bool
}

// start starts a replica.
func (c *cluster) start() *replica {
	r := &replica{c: c, ran: make(chan struct{}), gate: openGate()}
	r.ctx, r.kill = context.WithCancel(context.Background())
	cfg := c.cfg
	cfg.Store = link{c.store, r}
	r.Budgets = spending.New(cfg)
	r.Open(r.ctx)
	go func() {
		defer close(r.ran)
		r.Run(r.ctx)
	}()
	return r
}

// stop stops a replica in good order.
func (r *replica) stop() {
	r.kill()
	<-r.ran
	r.Close()
	_ = r.Flush(context.Background())
}

// dies ends a replica as SIGKILL does.
func (r *replica) dies() {
	r.kill()
	<-r.ran
	r.Close()
}

// pause stops a replica for a while, as SIGSTOP does.
func (r *replica) pause(d time.Duration) {
	gate := make(chan struct{})
	r.mu.Lock()
	r.gate = gate
	r.mu.Unlock()
	time.AfterFunc(d, func() { close(gate) })
}

// failMoves makes all changes of the table fail. If made is true, the changes take effect and only the
// answers are lost.
func (r *replica) failMoves(made bool) {
	r.made.Store(made)
	r.failing.Store(true)
}

// runs waits while the replica is paused.
func (r *replica) runs() {
	r.mu.Lock()
	gate := r.gate
	r.mu.Unlock()
	<-gate
}

var errAway = errors.New("the store is away in this test")

// link is the way of a replica to the store.
type link struct {
	store.Store

	*replica
}

func (r link) reach(ctx context.Context) error {
	r.runs()
	r.c.asked.Add(1)
	time.Sleep(r.c.upTo(3 * time.Millisecond))
	if r.c.away.Load() {
		return store.Unavailable(errAway)
	}
	if ctx.Err() != nil {
		return fault.From(ctx.Err())
	}
	return nil
}

func (r link) Get(ctx context.Context, keys ...string) (map[string]store.Record, error) {
	if err := r.reach(ctx); err != nil {
		return nil, err
	}
	return r.c.store.Get(ctx, keys...)
}

func (r link) Commit(ctx context.Context, keys []string, decide store.Decide, lazy ...store.Lazy) error {
	if err := r.reach(ctx); err != nil {
		return err
	}
	fails := r.failing.Load() && slices.ContainsFunc(keys, func(key string) bool { return strings.HasPrefix(key, "budget/table/") })
	if fails && !r.made.Load() {
		return store.Unavailable(errAway)
	}
	if err := r.c.store.Commit(ctx, keys, decide, lazy...); err != nil {
		return err
	}
	if fails {
		return store.Unavailable(errAway)
	}
	r.runs()
	if r.c.lossy.Load() && r.c.number(5) == 0 {
		return store.Unavailable(errAway)
	}
	return nil
}

func (r link) Scan(ctx context.Context, prefix string, visit func(string, store.Record) error) error {
	if err := r.reach(ctx); err != nil {
		return err
	}
	return r.c.store.Scan(ctx, prefix, visit)
}

func (link) Close() error { return nil }

// call makes one call as a tenant. It reports whether the call was sent.
func (r *replica) call(payer string) bool {
	ended, err := r.Admit(scope.WithTenant(r.ctx, payer), upstream.Ask{Operation: "GetSecret", Account: "main"})
	if err != nil {
		return false
	}
	// The connection is made, and the lease checked again. The replica can stand
	// still before and after.
	r.runs()
	if r.ctx.Err() != nil || r.Held() != nil {
		ended(upstream.Attempt{Unsent: true})
		return false
	}
	r.runs()
	if r.ctx.Err() != nil {
		ended(upstream.Attempt{Unsent: true})
		return false
	}
	takes := r.c.upTo(r.c.slowest)
	arrives := r.c.upTo(takes)
	time.Sleep(arrives)
	r.c.arrive(payer)
	time.Sleep(takes - arrives)
	r.runs()
	ended(upstream.Attempt{Status: 200})
	return true
}

// wants lets a tenant make calls at a replica, some at a time, until ctx or the
// replica ends.
func (c *cluster) wants(ctx context.Context, r *replica, payer string, atATime int) {
	for range atATime {
		c.all.Go(func() {
			for ctx.Err() == nil && r.ctx.Err() == nil {
				if !r.call(payer) {
					time.Sleep(200*time.Millisecond + c.upTo(300*time.Millisecond))
				}
			}
		})
	}
}

func (c *cluster) arrive(payer string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.arrivals = append(c.arrivals, time.Since(c.begun))
	c.by[payer]++
}

// worst is the most calls that arrived in any window.
func (c *cluster) worst(window time.Duration) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	slices.Sort(c.arrivals)
	most, from := 0, 0
	for i, at := range c.arrivals {
		for c.arrivals[from] <= at-window {
			from++
		}
		most = max(most, i-from+1)
	}
	return most
}

// used is which part of the budget was used from a time until now.
func (c *cluster) used(since time.Time) float64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, at := range c.arrivals {
		if at >= since.Sub(c.begun) {
			n++
		}
	}
	return float64(n) / (float64(c.cfg.Calls) * time.Since(since).Seconds() / c.cfg.Window.Seconds())
}

// mustHold fails the test if any window held more calls than the budget.
func (c *cluster) mustHold() {
	c.t.Helper()
	if got := c.worst(c.cfg.Window); got > c.cfg.Calls {
		c.t.Errorf("%d calls arrived in a window, more than %d", got, c.cfg.Calls)
	}
	if got := c.worst(time.Second); c.cfg.PerSecond > 0 && got > c.cfg.PerSecond {
		c.t.Errorf("%d calls arrived in a second, more than %d", got, c.cfg.PerSecond)
	}
}
