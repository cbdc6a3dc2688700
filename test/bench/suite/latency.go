package suite

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"platform.internal/storekeeper/test/bench/client"
	"platform.internal/storekeeper/test/bench/disk"
	"platform.internal/storekeeper/test/bench/figure"
	"platform.internal/storekeeper/test/bench/load"
	"platform.internal/storekeeper/test/bench/stage"
)

// Added latency: milliseconds above a direct client in the same round.
const (
	Added50 = "added50"
	Added99 = "added99"
)

// Disk is a contender that only syncs: its P50 is the time of a sync at the
// rate of the run.
const Disk = "a sync of this disk"

// cloudflareTakes is the latency of the upstream in measurements of latency.
const cloudflareTakes = 20 * time.Millisecond

// openLoop is the case e: stores are made at a fixed rate.
func (s *Suite) openLoop(ctx context.Context) error {
	for _, rate := range s.options.Rates {
		set, err := s.alikeCreates(ctx, s.middle())
		if err != nil {
			return err
		}
		set.Latency = cloudflareTakes
		of := map[string]*load.Result{}
		for _, who := range s.here(stage.Direct, stage.Nginx, stage.Caddy, stage.ReverseProxy, stage.Floor, stage.Storekeeper, stage.Diskless) {
			if of[who], err = s.openRun(ctx, who, set, rate); err != nil {
				return err
			}
		}
		for who, result := range of {
			if who != stage.Direct {
				s.noteAdded(OpenLoop(rate), who, result.Waits, of[stage.Direct].Waits)
			}
		}
		if err := s.pacedSync(ctx, rate); err != nil {
			return err
		}
	}
	return nil
}

// pacedSync takes the time of a sync at a rate, while nothing else is done.
func (s *Suite) pacedSync(ctx context.Context, rate float64) error {
	took, err := disk.Paced(ctx, s.stage.Disk(), rate, max(s.options.Tail, 1))
	s.book.Add(OpenLoop(rate), Disk, P50, figure.Quantile(took, 0.5))
	s.book.Add(OpenLoop(rate), Disk, P99, s.tail(took))
	return err
}

// noteAdded adds how much longer calls took than others in the same round.
func (s *Suite) noteAdded(name, who string, calls, others []time.Duration) {
	s.book.Add(name, who, Added50, figure.Quantile(calls, 0.5)-figure.Quantile(others, 0.5))
	s.book.Add(name, who, Added99, s.tail(calls)-s.tail(others))
}

func (s *Suite) openRun(ctx context.Context, who string, set stage.Settings, rate float64) (result *load.Result, err error) {
	const workers = 128
	err = s.at(ctx, who, set, workers, func(w *stage.World, c *client.REST) error {
		// A call that a stall holds up must not make a connection on top.
		c.Bound()
		p := load.Plan{Workers: workers, Length: max(s.options.Length+s.options.Length/3, s.longEnough(rate)), Rate: rate, Limit: s.options.Limit}
		result, err = s.measure(ctx, w, run{name: OpenLoop(rate), plan: p, call: c.CreateStore, open: true})
		return err
	})
	return result, err
}

// longEnough returns the duration of a run at a rate until a p99 can be shown.
func (s *Suite) longEnough(rate float64) time.Duration {
	return time.Duration(float64(s.options.Tail+1) / rate * float64(time.Second))
}

// OpenLoop names the measurement at so many calls a second.
func OpenLoop(rate float64) string { return fmt.Sprintf("open/%.0f", rate) }

// The measurements of creates that can be batched, and of creates that cannot,
// because each caller has a separate store.
const (
	IdleTogether = "idle/one store"
	IdleApart    = "idle/a store each"
)

// idleCallers each make one call a second.
const idleCallers = 16

// idle is the case j: does merging cost anything while nothing has to wait?
func (s *Suite) idle(ctx context.Context) error {
	// A p99 is of the calls of all rounds.
	times := idleTimes(max(s.options.Steady, s.longEnough(idleCallers*float64(s.options.Rounds))))
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
			if err == nil {
				s.idleWaits[name] = append(s.idleWaits[name], of[name].Waits...)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	s.book.Add(IdleTogether, stage.Storekeeper, Added50, figure.Quantile(of[IdleTogether].Waits, 0.5)-figure.Quantile(of[IdleApart].Waits, 0.5))
	if s.round == s.options.Rounds-1 {
		s.noteIdleTails()
	}
	return nil
}

// noteIdleTails adds the figures that need the calls of all rounds.
func (s *Suite) noteIdleTails() {
	tails := map[string]float64{}
	for _, name := range []string{IdleTogether, IdleApart} {
		tails[name] = s.tail(s.idleWaits[name])
		s.book.Forget(key(name, stage.Storekeeper, P99))
		s.book.Add(name, stage.Storekeeper, P99, tails[name])
	}
	s.book.Add(IdleTogether, stage.Storekeeper, Added99, tails[IdleTogether]-tails[IdleApart])
}

// idleTimes returns each caller a different moment in each second.
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
