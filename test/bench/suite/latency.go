package suite

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"platform.internal/storekeeper/test/bench/client"
	"platform.internal/storekeeper/test/bench/figure"
	"platform.internal/storekeeper/test/bench/load"
	"platform.internal/storekeeper/test/bench/stage"
)

// Added latency: milliseconds above a direct client in the same round.
const (
	Added50 = "added50"
	Added99 = "added99"
)

// cloudflareTakes is how long the upstream takes where time is measured.
const cloudflareTakes = 20 * time.Millisecond

// openLoop is the case e: stores are made at a fixed rate.
func (s *Suite) openLoop(ctx context.Context) error {
	for _, rate := range s.options.Rates {
		of := map[string]*load.Result{}
		for _, who := range s.here(stage.Direct, stage.Nginx, stage.Caddy, stage.ReverseProxy, stage.Storekeeper, stage.Diskless) {
			var err error
			if of[who], err = s.openRun(ctx, who, rate); err != nil {
				return err
			}
		}
		for who, result := range of {
			if who != stage.Direct {
				s.noteAdded(OpenLoop(rate), who, result, of[stage.Direct])
			}
		}
	}
	return nil
}

// noteAdded adds how much longer calls took than others in the same round.
func (s *Suite) noteAdded(name, who string, calls, others *load.Result) {
	for what, q := range map[string]float64{Added50: 0.5, Added99: 0.99} {
		s.book.Add(name, who, what, figure.Quantile(calls.Waits, q)-figure.Quantile(others.Waits, q))
	}
}

func (s *Suite) openRun(ctx context.Context, who string, rate float64) (result *load.Result, err error) {
	const workers = 128
	err = s.at(ctx, who, stage.Settings{Latency: cloudflareTakes}, workers, func(w *stage.World, c *client.REST) error {
		p := load.Plan{Workers: workers, Length: s.options.Length + s.options.Length/3, Rate: rate, Limit: s.options.Limit}
		result, err = s.measure(ctx, w, run{name: OpenLoop(rate), plan: p, call: c.CreateStore, open: true})
		return err
	})
	return result, err
}

// OpenLoop names the measurement at so many calls a second.
func OpenLoop(rate float64) string { return fmt.Sprintf("open/%.0f", rate) }

// The measurements of creates that could be merged, and of those that could
// not since each caller has a store of its own.
const (
	IdleTogether = "idle/one store"
	IdleApart    = "idle/a store each"
)

// idleCallers each make one call a second.
const idleCallers = 16

// idle is the case j: does merging cost anything while nothing has to wait?
func (s *Suite) idle(ctx context.Context) error {
	times := idleTimes(s.options.Steady)
	of := map[string]*load.Result{}
	names := []string{IdleTogether, IdleApart}
	for i := range names {
		name, stores := names[(i+s.round)%len(names)], 1
		if name == IdleApart {
			stores = idleCallers
		}
		err := s.at(ctx, stage.Storekeeper, stage.Settings{Latency: cloudflareTakes}, idleCallers, func(w *stage.World, c *client.REST) error {
			call, err := inStores(ctx, c, stores)
			if err != nil {
				return err
			}
			p := load.Plan{Workers: idleCallers, Times: times, Length: time.Second, Limit: 4 * idleCallers}
			of[name], err = s.measure(ctx, w, run{name: name, plan: p, call: call, open: true})
			return err
		})
		if err != nil {
			return err
		}
	}
	s.noteAdded(IdleTogether, stage.Storekeeper, of[IdleTogether], of[IdleApart])
	return nil
}

// idleTimes gives each caller a moment of its own in each second.
func idleTimes(length time.Duration) []time.Duration {
	var times []time.Duration
	phases := make([]time.Duration, idleCallers)
	for i := range phases {
		phases[i] = rand.N(time.Second)
	}
	for second := time.Duration(0); second+time.Second <= max(length, time.Second); second += time.Second {
		for _, p := range phases {
			times = append(times, second+p)
		}
	}
	slices.Sort(times)
	return times
}

// inStores makes stores, and single secrets in them by turns of the callers.
func inStores(ctx context.Context, c *client.REST, count int) (load.Call, error) {
	calls := make([]load.Call, count)
	for i := range calls {
		store, err := c.NewStore(ctx, 0)
		if err != nil {
			return nil, err
		}
		calls[i] = c.CreateSecrets(store, 1)
	}
	return func(ctx context.Context, worker, n int) error { return calls[worker%count](ctx, worker, n) }, nil
}
