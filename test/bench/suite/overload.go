package suite

import (
	"context"
	"fmt"
	"time"

	"platform.internal/storekeeper/test/bench/client"
	"platform.internal/storekeeper/test/bench/figure"
	"platform.internal/storekeeper/test/bench/load"
	"platform.internal/storekeeper/test/bench/stage"
)

// The measurements of more load than can be carried: by the budget, asked over
// both protocols, and by the processors.
const (
	OverBudget  = "overload/REST"
	OverRPC     = "overload/gRPC"
	OverPeak    = "overload/peak"
	OverCPU     = "overload/processors"
	OverCPUPeak = "overload/processors, peak"
)

// tenfold is how much more there is than can be carried.
const tenfold = 10

// overload is the case k. Stores are made, since creates of stores are never
// merged: each costs a call of the budget.
func (s *Suite) overload(ctx context.Context) error {
	set := scarce()
	set.MaxWait = time.Second
	peak := 0.0
	err := s.at(ctx, stage.Storekeeper, set, s.middle(), func(_ *stage.World, c *client.REST) error {
		// As many callers as keep the budget busy and still have their turn in time.
		p := load.Plan{Workers: BudgetRate / 2, Length: s.options.Steady}
		r := load.Closed(ctx, p, c.CreateStore)
		peak = r.Rate()
		return s.noteOverload(OverPeak, r, peak)
	})
	if err != nil {
		return err
	}
	plan := load.Plan{Workers: 64, Length: s.options.Steady, Rate: tenfold * BudgetRate}
	err = s.at(ctx, stage.Storekeeper, set, plan.Workers, func(_ *stage.World, c *client.REST) error {
		return s.noteOverload(OverBudget, load.Open(ctx, plan, c.CreateStore), peak)
	})
	if err != nil {
		return err
	}
	if err := s.overloadRPC(ctx, set, plan, peak); err != nil {
		return err
	}
	return s.overloadCPU(ctx)
}

func (s *Suite) overloadRPC(ctx context.Context, set stage.Settings, plan load.Plan, peak float64) error {
	w, err := s.stage.Start(ctx, stage.Storekeeper, set)
	if err != nil {
		return err
	}
	defer w.Stop()
	c, err := client.NewRPC(w, plan.Workers)
	if err != nil {
		return err
	}
	defer c.Close()
	return s.noteOverload(OverRPC, load.Open(ctx, plan, c.CreateStore), peak)
}

// overloadCPU has ten times the connections, and no budget that limits.
func (s *Suite) overloadCPU(ctx context.Context) error {
	peak := 0.0
	for _, r := range []struct {
		name        string
		connections int
	}{{OverCPUPeak, s.middle()}, {OverCPU, tenfold * s.middle()}} {
		err := s.at(ctx, stage.Storekeeper, stage.Settings{}, r.connections, func(w *stage.World, c *client.REST) error {
			result, err := s.measure(ctx, w, run{name: r.name, plan: s.plan(r.connections), call: c.CreateStore, tolerant: true})
			if peak == 0 {
				peak = result.Rate()
			}
			s.book.Add(r.name, stage.Storekeeper, Share, result.Rate()/peak)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Suite) noteOverload(name string, r *load.Result, peak float64) error {
	if r.Failed > 0 || r.Done == 0 {
		return fmt.Errorf("%s: %d calls failed, %d were done, the first failure is: %w", name, r.Failed, r.Done, r.First)
	}
	for what, x := range map[string]float64{
		Goodput: r.Rate(), Share: r.Rate() / peak, P50: figure.Quantile(r.Waits, 0.5), P99: s.tail(r.Waits),
		Refused50: figure.Quantile(r.Refusals, 0.5), Refused99: s.tail(r.Refusals),
		Hinted: figure.Ratio(float64(r.Refused-r.Unhinted), float64(r.Refused)),
	} {
		s.book.Add(name, stage.Storekeeper, what, x)
	}
	return nil
}
