package suite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"platform.internal/storekeeper/test/bench/client"
	"platform.internal/storekeeper/test/bench/load"
	"platform.internal/storekeeper/test/bench/process"
	"platform.internal/storekeeper/test/bench/stage"
)

// SyncsOf names the measurement of waits for the disk in creates of a "store" or
// a "secret", by so many connections.
func SyncsOf(what string, connections int) string {
	return fmt.Sprintf("syncs/%s/%d", what, connections)
}

// syncs is the case of waits for the disk: strace counts them, background syncs
// included.
func (s *Suite) syncs(ctx context.Context) error {
	for _, connections := range s.SyncConnections() {
		for _, who := range s.here(stage.Floor, stage.Storekeeper, stage.Standard) {
			for _, what := range []string{"store", "secret"} {
				err := s.traced(ctx, who, what, connections)
				if errors.Is(err, process.ErrNoTracer) {
					s.say("waits for the disk are not counted, so the case is left out: %v", err)
					return nil
				}
				if err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// SyncConnections are the numbers of connections that waits are counted for.
func (s *Suite) SyncConnections() []int { return SyncConnections(s.options.Connections) }

// SyncConnections returns one connection and the middle size.
func SyncConnections(of []int) []int {
	if len(of) == 0 || of[len(of)/2] == 1 {
		return []int{1}
	}
	return []int{1, of[len(of)/2]}
}

func (s *Suite) traced(ctx context.Context, who, what string, connections int) error {
	return s.at(ctx, who, stage.Settings{}, connections, func(w *stage.World, c *client.REST) error {
		call := c.CreateStore
		if what == "secret" {
			store, err := c.NewStore(ctx, 0)
			if err != nil {
				return err
			}
			call = c.CreateSecrets(store, 1)
		}
		// Connections and tenants are used before the measurement.
		p := load.Plan{Workers: connections, Length: time.Minute, Limit: max(s.options.Traced/4, connections)}
		if err := load.Closed(ctx, p, call).Bad(); err != nil {
			return err
		}
		p.Limit = max(s.options.Traced, connections)
		var made *load.Result
		count, err := w.Process.Syncs(ctx, func() error {
			made = load.Closed(ctx, p, call)
			return made.Bad()
		})
		if err != nil {
			return err
		}
		s.book.Add(SyncsOf(what, connections), who, Syncs, count/float64(made.Done))
		return nil
	})
}
