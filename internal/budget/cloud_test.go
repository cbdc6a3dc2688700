package budget_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/budget"
)

// cloudflare returns the budget of a Cloudflare credential.
func cloudflare() budget.Config {
	return budget.Config{Calls: 1200, Window: 5 * time.Minute, PerSecond: 200}
}

// cloud counts calls on arrival in both ways that Cloudflare may use: in sliding windows, and in fixed
// windows from the first call on.
type cloud struct {
	t        *testing.T
	calls    int
	window   time.Duration
	start    time.Time
	mu       sync.Mutex
	arrivals []time.Duration
	by       map[string]float64
	first    time.Duration
	counted  int
	refused  int
}

func newCloud(t *testing.T, cfg budget.Config) *cloud {
	return &cloud{t: t, calls: cfg.Calls, window: cfg.Window, start: time.Now(), by: map[string]float64{}}
}

func (c *cloud) arrive(tenant string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Since(c.start)
	c.arrivals = append(c.arrivals, now)
	c.by[tenant]++
	if c.counted == 0 || now >= c.first+c.window {
		c.first, c.counted = now, 0
	}
	if c.counted++; c.counted > c.calls {
		c.refused++
	}
}

// worst is the most calls that arrived in any span of time.
func (c *cloud) worst(span time.Duration) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	slices.Sort(c.arrivals)
	most, from := 0, 0
	for i, at := range c.arrivals {
		for c.arrivals[from] <= at-span {
			from++
		}
		most = max(most, i-from+1)
	}
	return most
}

// between is how many calls arrived in a part of the time.
func (c *cloud) between(from, to time.Duration) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, at := range c.arrivals {
		if at >= from && at < to {
			n++
		}
	}
	return n
}

// of is how many calls of a tenant arrived.
func (c *cloud) of(tenant string) float64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.by[tenant]
}

// mustHold fails the test if the budget was exceeded at any time.
func (c *cloud) mustHold(cfg budget.Config) {
	c.t.Helper()
	if got := c.worst(c.window); got > c.calls {
		c.t.Errorf("%d calls arrived in a window, more than %d", got, c.calls)
	}
	if got := c.worst(time.Second); cfg.PerSecond > 0 && got > cfg.PerSecond {
		c.t.Errorf("%d calls arrived in a second, more than %d", got, cfg.PerSecond)
	}
	if c.refused > 0 {
		c.t.Errorf("%d calls were refused in fixed windows", c.refused)
	}
}

// load is a stream of asks.
type load struct {
	ask budget.Ask
	// every is the mean time between two asks, at random times.
	every time.Duration
	// patience is how long each can wait.
	patience time.Duration
	// slowest is the longest a call takes.
	slowest time.Duration
	// lossy calls get no answer now and then.
	lossy bool
}

// tally is the result of a stream of asks.
type tally struct {
	mu                   sync.Mutex
	asked, sent, refused int
	late                 int
	waits                []time.Duration
}

func (y *tally) longest() time.Duration {
	y.mu.Lock()
	defer y.mu.Unlock()
	if len(y.waits) == 0 {
		return 0
	}
	return slices.Max(y.waits)
}

// play asks until the end and returns when all asks have ended.
func play(s *budget.Scheduler, c *cloud, l load, end time.Duration, seed uint64) *tally {
	y := &tally{}
	r := rand.New(rand.NewPCG(seed, 7))
	var all sync.WaitGroup
	for time.Since(c.start) < end {
		time.Sleep(time.Duration(r.ExpFloat64() * float64(l.every)))
		one := rand.New(rand.NewPCG(r.Uint64(), 11))
		all.Go(func() { y.one(s, c, l, one) })
	}
	all.Wait()
	return y
}

func (y *tally) one(s *budget.Scheduler, c *cloud, l load, r *rand.Rand) {
	began := time.Now()
	ask := l.ask
	if l.patience > 0 {
		ask.Deadline = began.Add(l.patience)
	}
	permit, err := s.Acquire(context.Background(), ask)
	waited := time.Since(began)
	y.mu.Lock()
	y.asked++
	switch {
	case err == nil:
		y.sent++
		y.waits = append(y.waits, waited)
	case waited > 0:
		y.late++
	default:
		y.refused++
	}
	y.mu.Unlock()
	if err != nil || permit.Joined() {
		return
	}
	makeCall(c, permit, l, r)
}

// makeCall makes a call that arrives at some time before its end, or a little later if its answer is lost.
func makeCall(c *cloud, permit *budget.Permit, l load, r *rand.Rand) {
	total := time.Duration(r.Float64() * r.Float64() * float64(max(1, l.slowest)))
	lost := l.lossy && r.IntN(20) == 0
	way := time.Duration(r.Float64() * float64(total))
	if lost {
		time.Sleep(total)
		permit.Done(budget.Result{Sent: true})
		time.Sleep(time.Duration(r.Float64() * float64(min(time.Second, c.window/50))))
		c.arrive(l.ask.Tenant)
		return
	}
	time.Sleep(way)
	c.arrive(l.ask.Tenant)
	time.Sleep(total - way)
	permit.Done(budget.Result{Sent: true, Answered: true})
}

// playAll runs streams side by side.
func playAll(s *budget.Scheduler, c *cloud, loads []load, end time.Duration) []*tally {
	out := make([]*tally, len(loads))
	var all sync.WaitGroup
	for i, l := range loads {
		all.Go(func() { out[i] = play(s, c, l, end, uint64(i)+1) })
	}
	all.Wait()
	return out
}

func name(i int) string { return "tenant-" + strconv.Itoa(i) }

// open returns the budget without a limit per second, so that it can be spent at once.
func open() budget.Config {
	cfg := cloudflare()
	cfg.PerSecond = 0
	return cfg
}
