package main

import (
	"context"
	"flag"
	"net"
	"os"
	"path/filepath"

	"platform.internal/storekeeper/internal/config"
	"platform.internal/storekeeper/internal/upstream"
)

// runDev runs the service with the emulator until ctx ends.
func runDev(ctx context.Context, args []string, t terminal) error {
	defer ignoreHangups()()
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
	forget, err := devFiles(c)
	if err != nil {
		return err
	}
	defer forget()
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
		config: c, logs: t.err, audit: t.out,
		// The emulator accepts any token. This token is visible in the
		// emulator's request log.
		token: upstream.NewToken("dev-platform-token"),
		ready: func(a addresses) { welcome(t.out, a, places{emulator: url, audit: c.Audit.File}) },
	})
}

// devFiles names temporary files for the trail and the state, if the
// configuration names none. forget removes them.
func devFiles(c *config.Config) (forget func(), err error) {
	folder, err := os.MkdirTemp("", "storekeeper-dev-")
	if err != nil {
		return nil, err
	}
	if c.Audit.Sink == "" {
		c.Audit.Sink, c.Audit.File = config.AuditFile, filepath.Join(folder, "audit.log")
	}
	if c.Store.Kind == config.StoreFile && c.Store.Folder == "" {
		c.Store.Folder = filepath.Join(folder, "state")
		c.Store.KeyFile = c.Store.DefaultKeyFile()
	}
	return func() { _ = os.RemoveAll(folder) }, nil
}
