package suite

import (
	"context"
	"fmt"

	"platform.internal/storekeeper/test/bench/client"
	"platform.internal/storekeeper/test/bench/stage"
)

// restCreate is the case a: stores are made over REST.
func (s *Suite) restCreate(ctx context.Context) error {
	for _, connections := range s.options.Connections {
		set, err := s.alikeCreates(ctx, connections)
		if err != nil {
			return err
		}
		s.book.Add(RESTCreate(connections), stage.Storekeeper, GCPercent, float64(set.GCPercent))
		for _, who := range s.here(stage.Direct, stage.Nginx, stage.Caddy, stage.ReverseProxy, stage.Gateway, stage.Floor, stage.Storekeeper) {
			err := s.at(ctx, who, set, connections, func(w *stage.World, c *client.REST) error {
				_, err := s.measure(ctx, w, run{name: RESTCreate(connections), plan: s.plan(connections), call: c.CreateStore})
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// RESTCreate names the measurement of so many connections.
func RESTCreate(connections int) string { return fmt.Sprintf("rest/%d", connections) }

// grpcCreate is the case b: the same over gRPC.
func (s *Suite) grpcCreate(ctx context.Context) error {
	for _, connections := range s.options.Connections {
		set, err := s.alikeCreates(ctx, connections)
		if err != nil {
			return err
		}
		for _, who := range s.here(stage.BareGRPC, stage.Storekeeper) {
			if err := s.grpcRun(ctx, who, set, connections); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Suite) grpcRun(ctx context.Context, who string, set stage.Settings, connections int) error {
	w, err := s.stage.Start(ctx, who, set)
	if err != nil {
		return err
	}
	defer w.Stop()
	c, err := client.NewRPC(w, connections)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.Meet(ctx); err != nil {
		return err
	}
	_, err = s.measure(ctx, w, run{name: GRPCCreate(connections), plan: s.plan(connections), call: c.CreateStore})
	return err
}

// GRPCCreate names the measurement of so many connections.
func GRPCCreate(connections int) string { return fmt.Sprintf("grpc/%d", connections) }
