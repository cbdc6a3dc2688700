package main

import (
	"context"
	"flag"
	"net"

	"platform.internal/storekeeper/internal/config"
	"platform.internal/storekeeper/internal/upstream"
)

// runDev runs the service on the emulator until ctx ends.
func runDev(ctx context.Context, args []string, t terminal) error {
	var given configFlags
	var limits emulatorLimits
	flags := flag.NewFlagSet("dev", flag.ContinueOnError)
	given.registerSets(flags)
	limits.register(flags)
	if err := parse(flags, args, t); err != nil {
		return err
	}
	c, err := config.Dev(given.sets)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	stop := serveEmulator(listener, limits.config(c.Accounts))
	defer stop(ctx)
	url := "http://" + listener.Addr().String() + "/client/v4"
	for i := range c.Accounts {
		if c.Accounts[i].BaseURL == "" {
			c.Accounts[i].BaseURL = url
		}
	}
	return serve(ctx, settings{
		config: c, logs: t.err,
		// The emulator takes any token; this one shows up in its journal.
		token: upstream.NewToken("dev-platform-token"),
		ready: func(a addresses) { welcome(t.out, a, url) },
	})
}
