package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"platform.internal/storekeeper/internal/config"
	"platform.internal/storekeeper/internal/store/postgres"
)

// errTrailOnStdout says that there is no trail to read.
var errTrailOnStdout = errors.New("audit.sink is stdout: name the files into which the stream is collected, as in audit verify FILE")

// verifyConfigured verifies the trail that a configuration names.
func verifyConfigured(ctx context.Context, given configFlags, after afterFlag, t terminal) error {
	c, err := config.Load(given.file, given.sets)
	if err != nil {
		return err
	}
	switch c.Audit.Sink {
	case config.AuditFile:
		return verifyFiles(ctx, []string{c.Audit.File}, after, c.Audit.KeyFile, t)
	case config.AuditStdout:
		return errTrailOnStdout
	}
	kept, err := openTrail(ctx, c)
	if err != nil {
		return err
	}
	defer func() { _ = kept.Close() }() // Nothing was written.
	report, err := kept.Verify(ctx, after.mark)
	if err != nil {
		return err
	}
	return printReport(report, t)
}

// readWait is how long a command that reads the trail waits for the database. A command
// has no caller that must be told soon, so it waits longer than a replica does.
const readWait = 10 * time.Second

// openTrail opens the database of a configuration to read its trail. It makes no
// store, and leaves the memory file to the replica.
func openTrail(ctx context.Context, c *config.Config) (*postgres.Store, error) {
	at, err := postgresConfig(c, zap.NewNop())
	if err != nil {
		return nil, err
	}
	at.MemoryFile, at.Inspect, at.Existing, at.Timeout = "", true, true, readWait
	kept, err := postgres.Open(ctx, at)
	if err != nil {
		return nil, fmt.Errorf("store.postgres: %w", err)
	}
	return kept, nil
}
