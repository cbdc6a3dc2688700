package budget_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"platform.internal/storekeeper/internal/budget"
)

// limiter is Cloudflare's limit of one credential, over all programs that use the credential. It is unknown
// which of the two kinds Cloudflare uses.
type limiter struct {
	calls   int
	window  time.Duration
	sliding bool

	mu      sync.Mutex
	start   time.Time
	began   time.Duration
	counted int
	arrived []time.Duration
	until   time.Duration
	// blocks are when calls were first refused.
	blocks []time.Duration
}

func (l *limiter) now() time.Duration { return time.Since(l.start) }

// call counts a call, or returns the duration of the refusal.
func (l *limiter) call() (refused time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if now < l.until {
		return l.until - now
	}
	if l.count(now) <= l.calls {
		return 0
	}
	l.until = now + l.window
	l.blocks = append(l.blocks, now)
	l.counted, l.arrived, l.began = 0, nil, l.until
	return l.window
}

func (l *limiter) count(now time.Duration) int {
	if l.sliding {
		for len(l.arrived) > 0 && l.arrived[0] <= now-l.window {
			l.arrived = l.arrived[1:]
		}
		l.arrived = append(l.arrived, now)
		return len(l.arrived)
	}
	if now >= l.began+l.window {
		l.began, l.counted = now, 0
	}
	l.counted++
	return l.counted
}

// between is how many blocks began in a part of the time.
func (l *limiter) between(from, to time.Duration) int {
	n := 0
	for _, at := range l.blocks {
		if at >= from && at < to {
			n++
		}
	}
	return n
}

// outside is a load of others on the credential.
type outside struct {
	name string
	// rate is how many calls they make in 5 minutes, at a time.
	rate func(at time.Duration) float64
}

func steady(calls float64) outside {
	return outside{fmt.Sprintf("steady %v", calls), func(time.Duration) float64 { return calls }}
}

// hourly makes calls once an hour, within a few minutes, beside a steady load.
func hourly(calls, minutes, beside float64) outside {
	return outside{fmt.Sprintf("hourly %v in %v min beside %v", calls, minutes, beside), func(at time.Duration) float64 {
		if m := (at % time.Hour).Minutes() - 17; m >= 0 && m < minutes {
			return beside + calls*5/minutes
		}
		return beside
	}}
}

// simulation is the result of own calls beside the load of other programs.
type simulation struct {
	limiter *limiter
	sent    int
	refused int
	free    float64
}

const learningWindow = 5 * time.Minute

// simulate runs own demand, in calls in 5 minutes, beside a load of others.
func simulate(t *testing.T, l *limiter, o outside, demand float64, length time.Duration) *simulation {
	t.Helper()
	v := &simulation{limiter: l}
	synctest.Test(t, func(*testing.T) {
		s := budget.New(cloudflare())
		defer s.Close()
		l.start = time.Now()
		var mu sync.Mutex
		var all sync.WaitGroup
		r := rand.New(rand.NewPCG(5, 6))
		all.Go(func() { others(l, o, length) })
		for l.now() < length {
			time.Sleep(time.Duration(r.ExpFloat64() / demand * float64(learningWindow)))
			all.Go(func() {
				permit, err := s.Acquire(context.Background(), budget.Ask{Tenant: "a", Deadline: time.Now().Add(30 * time.Second)})
				if err != nil {
					return
				}
				time.Sleep(20 * time.Millisecond)
				wait := l.call()
				time.Sleep(20 * time.Millisecond)
				permit.Done(budget.Result{Sent: true, Answered: true, Throttled: wait > 0, RetryAfter: wait.Truncate(time.Second) + time.Second})
				mu.Lock()
				defer mu.Unlock()
				if wait > 0 {
					v.refused++
				} else {
					v.sent++
				}
			})
		}
		all.Wait()
	})
	for at := time.Duration(0); at < length; at += time.Second {
		v.free += min(demand, float64(l.calls)-o.rate(at)) / 300
	}
	return v
}

// others makes the calls of others.
func others(l *limiter, o outside, length time.Duration) {
	r := rand.New(rand.NewPCG(7, 8))
	most := 1.0
	for at := time.Duration(0); at < length; at += time.Second {
		most = max(most, o.rate(at))
	}
	for l.now() < length {
		// A call is made with a probability, so that the load can change at any time.
		time.Sleep(time.Duration(r.ExpFloat64() / most * float64(learningWindow)))
		if r.Float64()*most < o.rate(l.now()) {
			l.call()
		}
	}
}

// everyLoad names the variable that has all loads simulated, which takes minutes.
const everyLoad = "STOREKEEPER_EVERY_LOAD"

// TestLoadOfOthersIsLearned: at most two blocks in the first hour, at most one in the next six hours, and
// most of the remaining budget is used.
func TestLoadOfOthersIsLearned(t *testing.T) {
	const length = 8 * time.Hour
	loads, demands := []outside{steady(60), steady(300), hourly(300, 5, 0)}, []float64{1150}
	if os.Getenv(everyLoad) != "" {
		loads = []outside{
			steady(10), steady(60), steady(150), steady(300), steady(450),
			hourly(100, 1, 0), hourly(300, 5, 0), hourly(300, 1, 30), hourly(450, 5, 0),
		}
		demands = []float64{1150, 3000}
	}
	for _, sliding := range []bool{false, true} {
		for _, o := range loads {
			for _, demand := range demands {
				t.Run(fmt.Sprintf("%s, own %v, sliding %v", o.name, demand, sliding), func(t *testing.T) {
					t.Parallel()
					l := &limiter{calls: 1200, window: learningWindow, sliding: sliding}
					v := simulate(t, l, o, demand, length)
					first, later := l.between(0, time.Hour), l.between(time.Hour, 7*time.Hour)
					if used := float64(v.sent) / v.free; first > 2 || later > 1 || used < 0.85 {
						t.Errorf("%d blocks in the first hour, %d in the next six, %.1f %% of what is free used; blocks began at %v", first, later, 100*used, l.blocks)
					}
				})
			}
		}
	}
}

// TestALoadOfOthersThatChangesCostsFewBlocks: the estimate follows the load.
func TestALoadOfOthersThatChangesCostsFewBlocks(t *testing.T) {
	part := func(calls float64, from, to time.Duration) func(time.Duration) float64 {
		return func(at time.Duration) float64 {
			if at >= from && at < to {
				return calls
			}
			return 0
		}
	}
	for _, c := range []struct {
		load   outside
		blocks int
		used   float64
	}{
		{outside{"one that comes once", part(400, time.Hour, 90*time.Minute)}, 3, 0.75},
		{outside{"one that grows", func(at time.Duration) float64 { return 400 * at.Hours() / 8 }}, 10, 0.8},
		{outside{"one that goes", part(300, 0, 90*time.Minute)}, 3, 0.75},
	} {
		t.Run(c.load.name, func(t *testing.T) {
			t.Parallel()
			l := &limiter{calls: 1200, window: learningWindow}
			v := simulate(t, l, c.load, 1150, 8*time.Hour)
			if used := float64(v.sent) / v.free; len(l.blocks) > c.blocks || used < c.used {
				t.Errorf("%d blocks, %.1f %% of what is free used; blocks began at %v", len(l.blocks), 100*used, l.blocks)
			}
		})
	}
}
