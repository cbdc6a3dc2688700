package suite

import (
	"context"
	"fmt"
	"strconv"

	"platform.internal/storekeeper/test/bench/client"
	"platform.internal/storekeeper/test/bench/figure"
	"platform.internal/storekeeper/test/bench/load"
	"platform.internal/storekeeper/test/bench/stage"
)

// GCPercent is the value of GOGC that peers get.
const GCPercent = "gogc"

// goDefault is the value of GOGC that a Go program has by itself.
const goDefault = 100

// alike returns settings in which peers collect garbage as rarely as
// Storekeeper, which tunes GOGC by its live heap: a peer gets Storekeeper's
// value after the same calls, but at least Go's default, which avoids an unfair
// cost. The value is measured once.
func (s *Suite) alike(ctx context.Context, kind string, connections int, prepare func(context.Context, *stage.World, *client.REST) (load.Call, error)) (stage.Settings, error) {
	kind += "/" + strconv.Itoa(connections)
	if percent, ok := s.percents[kind]; ok {
		return stage.Settings{GCPercent: percent}, nil
	}
	err := s.at(ctx, stage.Storekeeper, stage.Settings{}, connections, func(w *stage.World, c *client.REST) error {
		call, err := prepare(ctx, w, c)
		if err != nil {
			return err
		}
		if err := load.Closed(ctx, s.plan(connections), call).Bad(); err != nil {
			return err
		}
		percent, err := w.GCPercent(ctx)
		if err != nil {
			return err
		}
		if !figure.Known(percent) {
			return fmt.Errorf("%s does not say what GOGC is", w.Name)
		}
		s.percents[kind] = max(int(percent), goDefault)
		s.say("%s: GOGC of Storekeeper is %.0f, that of its peers %d", kind, percent, s.percents[kind])
		return nil
	})
	return stage.Settings{GCPercent: s.percents[kind]}, err
}

// alikeCreates are the settings of creates.
func (s *Suite) alikeCreates(ctx context.Context, connections int) (stage.Settings, error) {
	return s.alike(ctx, "creates", connections, func(_ context.Context, _ *stage.World, c *client.REST) (load.Call, error) {
		return c.CreateStore, nil
	})
}

// alikeReads are the settings of reads.
func (s *Suite) alikeReads(ctx context.Context) (stage.Settings, error) {
	return s.alike(ctx, "reads", s.middle(), func(ctx context.Context, _ *stage.World, c *client.REST) (load.Call, error) {
		store, err := c.NewStore(ctx, 0)
		return c.Read("/" + store), err
	})
}
