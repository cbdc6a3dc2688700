package suite

import (
	"context"

	"platform.internal/storekeeper/test/bench/client"
	"platform.internal/storekeeper/test/bench/stage"
)

// Memory is the measurement of memory after most connections, with each
// contender's default garbage collection.
const Memory = "memory"

// memory is the case of memory.
func (s *Suite) memory(ctx context.Context) error {
	most := s.options.Connections[len(s.options.Connections)-1]
	for _, who := range s.here(stage.Nginx, stage.Caddy, stage.ReverseProxy, stage.Gateway, stage.Storekeeper) {
		err := s.at(ctx, who, stage.Settings{}, most, func(w *stage.World, c *client.REST) error {
			_, err := s.measure(ctx, w, run{name: Memory, plan: s.plan(most), call: c.CreateStore})
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
