package suite

import (
	"context"

	"platform.internal/storekeeper/test/bench/client"
	"platform.internal/storekeeper/test/bench/load"
	"platform.internal/storekeeper/test/bench/stage"
)

// The measurements of secrets that are created one by one and in batches of a
// hundred. Figures are per call, not per secret.
const (
	SingleSecrets = "batch/1"
	BatchSecrets  = "batch/100"
	// BatchSize is Cloudflare's limit for one call.
	BatchSize = 100
)

// batches is the case d.
func (s *Suite) batches(ctx context.Context) error {
	for _, r := range []struct {
		name        string
		size, limit int
	}{{SingleSecrets, 1, s.options.Limit / 2}, {BatchSecrets, BatchSize, max(s.options.Limit/30, 16)}} {
		err := s.at(ctx, stage.Storekeeper, stage.Settings{}, s.middle(), func(w *stage.World, c *client.REST) error {
			store, err := c.NewStore(ctx, 0)
			if err != nil {
				return err
			}
			// Cloudflare's emulator takes longer the more secrets there are.
			p := load.Plan{Workers: s.middle(), Length: s.options.Length, Limit: r.limit}
			_, err = s.measure(ctx, w, run{name: r.name, plan: p, call: c.CreateSecrets(store, r.size)})
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
