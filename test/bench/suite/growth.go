package suite

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"platform.internal/storekeeper/test/bench/client"
	"platform.internal/storekeeper/test/bench/load"
	"platform.internal/storekeeper/test/bench/stage"
)

// Few is the number of objects that do not grow.
const Few = 10

// Growing lists the kinds of objects that grow.
func Growing() []string { return []string{"rules", "principals", "tenants", "stores"} }

// Growth names the measurement of a call, "create" or "get", with so many of
// something.
func Growth(what string, count int, call string) string {
	return fmt.Sprintf("growth/%s/%d/%s", what, count, call)
}

// Many is the number of grown objects.
func (s *Suite) Many() int { return s.options.Many }

// growth is the case g: each alone grows, the others are few.
func (s *Suite) growth(ctx context.Context) error {
	for _, what := range Growing() {
		for _, count := range []int{Few, s.options.Many} {
			if err := s.grown(ctx, what, count); err != nil {
				return fmt.Errorf("%d %s: %w", count, what, err)
			}
		}
	}
	return nil
}

func (s *Suite) grown(ctx context.Context, what string, count int) error {
	set := stage.Settings{Rules: Few, Principals: Few, Tenants: Few}
	stores := Few
	switch what {
	case "rules":
		set.Rules = count
	case "principals":
		set.Principals = count
	case "tenants":
		// A tenant without callers costs nothing, so each tenant has a caller.
		set.Tenants, set.Principals = count, count
	case "stores":
		stores = count
	}
	return s.at(ctx, stage.Storekeeper, set, s.middle(), func(w *stage.World, c *client.REST) error {
		ids, err := s.fill(ctx, w, stores)
		if err != nil {
			return err
		}
		get := inTurn(func(ctx context.Context, n int) error {
			return c.Read("/"+ids[n%len(ids)])(ctx, n, 0)
		})
		// All callers and objects are used once before the measurement.
		all := load.Plan{Workers: s.middle(), Length: time.Minute, Limit: max(set.Principals, stores)}
		if err := load.Closed(ctx, all, get).Bad(); err != nil {
			return err
		}
		if _, err := s.measure(ctx, w, run{name: Growth(what, count, "get"), plan: s.plan(s.middle()), call: get}); err != nil {
			return err
		}
		create := inTurn(func(ctx context.Context, n int) error { return c.CreateStore(ctx, n, 0) })
		// The upstream's state must not grow much from here on.
		p := load.Plan{Workers: s.middle(), Length: s.options.Length, Limit: s.options.Limit / 2}
		_, err = s.measure(ctx, w, run{name: Growth(what, count, "create"), plan: p, call: create})
		return err
	})
}

// fill makes stores past Storekeeper.
func (s *Suite) fill(ctx context.Context, w *stage.World, count int) ([]string, error) {
	c := upstreamClient(w)
	defer c.Close()
	ids := make([]string, count)
	var next atomic.Int64
	p := load.Plan{Workers: 2, Length: time.Minute, Limit: count}
	r := load.Closed(ctx, p, func(ctx context.Context, _, _ int) (err error) {
		ids[next.Add(1)-1], err = c.NewStore(ctx, 0)
		return err
	})
	if r.Done != count {
		return nil, fmt.Errorf("only %d of %d stores could be made: %w", r.Done, count, r.Bad())
	}
	return ids, nil
}

// inTurn numbers calls over all workers.
func inTurn(call func(ctx context.Context, n int) error) load.Call {
	var next atomic.Int64
	return func(ctx context.Context, _, _ int) error { return call(ctx, int(next.Add(1)-1)) }
}
