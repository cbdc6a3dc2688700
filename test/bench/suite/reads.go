package suite

import (
	"context"

	"platform.internal/storekeeper/test/bench/client"
	"platform.internal/storekeeper/test/bench/load"
	"platform.internal/storekeeper/test/bench/stage"
)

// The measurements of reads.
const (
	ReadStore    = "reads/store"
	ReadSecret   = "reads/secret"
	ReadSecrets  = "reads/secrets"
	ReadStoreRPC = "reads/store over gRPC"
)

// secretsInStore is how many secrets the store has that is listed.
const secretsInStore = 20

// reads is the case of reads: one store, one secret, and a list of twenty.
func (s *Suite) reads(ctx context.Context) error {
	set, err := s.alikeReads(ctx)
	if err != nil {
		return err
	}
	for _, who := range s.here(stage.Nginx, stage.Caddy, stage.ReverseProxy, stage.Storekeeper, stage.Standard) {
		err := s.at(ctx, who, set, s.middle(), func(w *stage.World, c *client.REST) error { return s.readAll(ctx, w, c) })
		if err != nil {
			return err
		}
	}
	for _, who := range s.here(stage.BareGRPC, stage.Storekeeper) {
		if err := s.readOverGRPC(ctx, who, set); err != nil {
			return err
		}
	}
	return nil
}

func (s *Suite) readAll(ctx context.Context, w *stage.World, c *client.REST) error {
	store, err := c.NewStore(ctx, 0)
	if err != nil {
		return err
	}
	secret, err := c.NewSecrets(ctx, store, secretsInStore, 0)
	if err != nil {
		return err
	}
	for _, r := range []struct {
		name string
		call load.Call
	}{
		{ReadStore, c.Read("/" + store)},
		{ReadSecret, c.Read("/" + store + "/secrets/" + secret)},
		{ReadSecrets, c.Read("/" + store + "/secrets")},
	} {
		if _, err := s.measure(ctx, w, run{name: r.name, plan: s.plan(s.middle()), call: r.call}); err != nil {
			return err
		}
	}
	return nil
}

func (s *Suite) readOverGRPC(ctx context.Context, who string, set stage.Settings) error {
	w, err := s.stage.Start(ctx, who, set)
	if err != nil {
		return err
	}
	defer w.Stop()
	made, err := upstreamClient(w).NewStore(ctx, 0)
	if err != nil {
		return err
	}
	c, err := client.NewRPC(w, s.middle())
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = s.measure(ctx, w, run{name: ReadStoreRPC, plan: s.plan(s.middle()), call: c.ReadStore(made)})
	return err
}

// upstreamClient returns a client that calls the upstream directly.
func upstreamClient(w *stage.World) *client.REST {
	behind := *w
	behind.Name, behind.REST, behind.Tokens = stage.Direct, w.Upstream, nil
	return client.NewREST(&behind, 2)
}
