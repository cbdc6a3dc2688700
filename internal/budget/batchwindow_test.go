package budget_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"platform.internal/storekeeper/internal/budget"
	"platform.internal/storekeeper/internal/fault"
)

// small is a budget that allows one call every 25 ms.
func small() budget.Config { return budget.Config{Calls: 400, Window: 10 * time.Second} }

// flight is the duration of a call in these tests.
const flight = 20 * time.Millisecond

// team is a group of callers that make items one after another.
type team struct {
	callers int
	// rest is the minimum pause of each caller between two items, and spread the mean addition to that pause.
	rest, spread time.Duration
	// stall is an additional pause of all members of one call in eight.
	stall time.Duration
	// waited receives each wait for a permit.
	waited func(time.Duration)

	mu   sync.Mutex
	dice *rand.Rand
	made int
}

func (c *team) pause() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rest + time.Duration(c.dice.ExpFloat64()*float64(c.spread))
}

// holdUp returns the additional pause of the members of a call.
func (c *team) holdUp() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stall == 0 || c.dice.IntN(8) > 0 {
		return 0
	}
	return c.stall
}

// run runs the team for a while and returns the number of items made.
func (c *team) run(s *budget.Scheduler, length time.Duration) int {
	ctx, cancel := context.WithTimeout(context.Background(), length)
	defer cancel()
	c.dice = rand.New(rand.NewPCG(1, 2))
	var all sync.WaitGroup
	for n := range c.callers {
		all.Go(func() {
			for time.Sleep(c.pause()); c.make(ctx, s, name(n%8)); time.Sleep(c.pause()) {
				c.mu.Lock()
				c.made++
				c.mu.Unlock()
			}
		})
	}
	all.Wait()
	return c.made
}

// make makes one item. It returns false at the end of the run.
func (c *team) make(ctx context.Context, s *budget.Scheduler, tenant string) bool {
	arrived := make(chan struct{})
	asked := time.Now()
	permit, err := s.Acquire(ctx, budget.Ask{Tenant: tenant, Group: "store", Member: arrived})
	if err != nil {
		return false
	}
	if c.waited != nil {
		c.waited(time.Since(asked))
	}
	if permit.Joined() {
		<-arrived
		return true
	}
	time.Sleep(flight)
	permit.Done(answered)
	time.Sleep(c.holdUp())
	for _, p := range permit.Members() {
		close(p.(chan struct{}))
	}
	return true
}

func TestCallersThatComeBackTogetherTravelTogether(t *testing.T) {
	const ms = time.Millisecond
	for _, tc := range []struct {
		name string
		team *team
		// least is how many each call of the budget must have made.
		least int
	}{
		{"back at once", &team{callers: 64, rest: 5 * ms, spread: ms / 3}, 54},
		{"back after a while", &team{callers: 64, rest: 15 * ms, spread: ms / 3}, 40},
		{"some of them later than others", &team{callers: 64, rest: 8 * ms, spread: 5 * ms / 3}, 40},
		{"later than a call is worth waiting for", &team{callers: 64, rest: 40 * ms, spread: 5 * ms / 3}, 20},
		{"held up together now and then", &team{callers: 64, rest: 10 * ms, spread: 2 * ms, stall: 25 * ms}, 34},
		{"more than one call can carry", &team{callers: 256, rest: 10 * ms, spread: 5 * ms / 3}, 80},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := budget.New(small())
				defer s.Close()
				const length = 12 * time.Second
				made := tc.team.run(s, length)
				if calls := 40 * int(length/time.Second); made < tc.least*calls {
					t.Errorf("%d were made for %d calls of the budget, %.1f each, want %d", made, calls, float64(made)/float64(calls), tc.least)
				}
			})
		})
	}
}

func TestNobodyWaitsForCompanyWhereTheBudgetAllowsACallForEach(t *testing.T) {
	for _, tc := range []struct {
		name string
		team *team
	}{
		{"sixteen that call once a second", &team{callers: 16, rest: time.Second - flight, spread: time.Millisecond}},
		{"one that calls all the time", &team{callers: 1, rest: time.Millisecond}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := budget.New(small())
				defer s.Close()
				tc.team.waited = func(d time.Duration) {
					if d > 0 {
						t.Errorf("one waited %s", d)
					}
				}
				// Until half of the budget is spent.
				if made := tc.team.run(s, 4*time.Second); made < 60 {
					t.Errorf("only %d were made", made)
				}
			})
		})
	}
}

// gathered is a scheduler in which the asks of a group arrive too fast, with one call of the group in flight.
// A new ask waits in a batch window.
func gathered(t *testing.T) *budget.Scheduler {
	t.Helper()
	s := budget.New(small())
	t.Cleanup(s.Close)
	for range 41 {
		permit, err := s.Acquire(t.Context(), budget.Ask{Tenant: "a", Group: "store"})
		if err != nil {
			t.Fatal(err)
		}
		if s.State().Used <= 40 {
			permit.Done(answered)
		}
	}
	return s
}

func TestWhoWaitsForCompanyCanLeaveAndIsRefusedAtTheEnd(t *testing.T) {
	for _, tc := range []struct {
		name string
		end  func(*budget.Scheduler, context.CancelFunc)
		want fault.Kind
	}{
		{"the caller leaves", func(_ *budget.Scheduler, leave context.CancelFunc) { leave() }, fault.Canceled},
		{"the scheduler is closed", func(s *budget.Scheduler, _ context.CancelFunc) { s.Close() }, fault.Unavailable},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := gathered(t)
				ctx, leave := context.WithCancel(t.Context())
				defer leave()
				heard := make(chan error, 1)
				go func() {
					_, err := s.Acquire(ctx, budget.Ask{Tenant: "a", Group: "store"})
					heard <- err
				}()
				synctest.Wait()
				if n := s.State().Waiting; n != 1 {
					t.Fatalf("%d wait, want 1", n)
				}
				tc.end(s, leave)
				_ = faultOf(t, <-heard, tc.want)
				if n := s.State().Waiting; n != 0 {
					t.Errorf("%d still wait", n)
				}
			})
		})
	}
}

func TestABatchWindowClosesWhenItIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := gathered(t)
		began := time.Now()
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				permit, err := s.Acquire(t.Context(), budget.Ask{Tenant: "a", Group: "store", Items: 50, Member: 1})
				if err != nil {
					t.Error(err)
				} else if n := len(permit.Members()); !permit.Joined() && n != 1 && time.Since(began) == 0 {
					t.Errorf("%d went along, want 1", n)
				}
			})
			synctest.Wait()
		}
		if n := s.State().Waiting; n != 1 {
			t.Errorf("%d wait, want the one for whom there was no room", n)
		}
		all.Wait()
	})
}

func TestWhoCannotWaitDoesNotWaitForCompany(t *testing.T) {
	for _, tc := range []struct {
		name string
		ask  budget.Ask
		soon time.Duration
	}{
		{"an urgent call", budget.Ask{Urgent: true}, 0},
		{"a call with little time", budget.Ask{}, 50 * time.Millisecond},
		{"a call of another group", budget.Ask{Group: "another"}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := gathered(t)
				a := tc.ask
				a.Tenant = "b"
				if a.Group == "" {
					a.Group = "store"
				}
				if tc.soon > 0 {
					a.Deadline = time.Now().Add(tc.soon)
				}
				asked := time.Now()
				permit, err := s.Acquire(t.Context(), a)
				if err != nil || permit.Joined() || time.Since(asked) > 0 {
					t.Errorf("it waited %s (%v)", time.Since(asked), err)
				}
			})
		})
	}
}
