package suite

import (
	"context"
	"fmt"

	"platform.internal/storekeeper/test/bench/client"
	"platform.internal/storekeeper/test/bench/load"
	"platform.internal/storekeeper/test/bench/stage"
)

// SingleSecret names the measurement of creates of one secret each, over a
// number of connections.
func SingleSecret(connections int) string { return fmt.Sprintf("secret/%d", connections) }

// singleSecrets is the case of the usual create: one secret in an existing store.
func (s *Suite) singleSecrets(ctx context.Context) error {
	for _, connections := range s.options.Connections {
		set, err := s.alikeCreates(ctx, connections)
		if err != nil {
			return err
		}
		for _, who := range s.here(stage.Nginx, stage.Caddy, stage.ReverseProxy, stage.Floor, stage.Storekeeper, stage.Standard) {
			err := s.at(ctx, who, set, connections, func(w *stage.World, c *client.REST) error {
				store, err := c.NewStore(ctx, 0)
				if err != nil {
					return err
				}
				_, err = s.measure(ctx, w, run{name: SingleSecret(connections), plan: s.fewer(connections), call: c.CreateSecrets(store, 1)})
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// fewer is the plan of calls after which the emulator has more to look through.
func (s *Suite) fewer(connections int) load.Plan {
	p := s.plan(connections)
	p.Limit = max(p.Limit/2, p.Least)
	return p
}

// WithQuotas and WithoutQuotas name the measurements of creates in which tenants
// have limits and in which they have none.
func WithQuotas(connections int) string { return fmt.Sprintf("quota/%d/with", connections) }

// WithoutQuotas names the measurement without quotas.
func WithoutQuotas(connections int) string { return fmt.Sprintf("quota/%d/without", connections) }

// quotas is the case of the cost of quotas.
func (s *Suite) quotas(ctx context.Context) error {
	for _, connections := range s.options.Connections {
		names := []string{WithQuotas(connections), WithoutQuotas(connections)}
		for i := range names {
			name := names[(i+s.round)%len(names)]
			set := stage.Settings{NoQuotas: name == WithoutQuotas(connections)}
			err := s.at(ctx, stage.Storekeeper, set, connections, func(w *stage.World, c *client.REST) error {
				_, err := s.measure(ctx, w, run{name: name, plan: s.plan(connections), call: c.CreateStore})
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}
