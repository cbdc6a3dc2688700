package main

import (
	"context"
	"time"

	"go.uber.org/zap"

	"platform.internal/storekeeper/internal/config"
	"platform.internal/storekeeper/internal/store/postgres"
)

// streamRetry is how long a stream waits after a write that failed.
const streamRetry = 5 * time.Second

// trailOnStdout reports whether the trail goes to standard output, which the log must not be
// mixed with.
func trailOnStdout(c config.Audit) bool {
	return c.Sink == config.AuditStdout || c.Stream == "stdout"
}

// trailStream returns the task that writes the lines of a trail in a database to a
// stream, or nil without a stream.
func trailStream(s settings, kept *state, log *zap.Logger) func(context.Context) {
	c := s.config.Audit
	if kept.shared == nil || c.Stream == "off" || c.Stream == "" {
		return nil
	}
	to := s.audit
	file := &postgres.StreamFile{Path: c.StreamFile}
	if c.Stream == "file" {
		to = file
	}
	return func(ctx context.Context) {
		defer func() { _ = file.Close() }() // what was written is durable
		for {
			err := kept.shared.Stream(ctx, c.StreamName, to)
			if err == nil || ctx.Err() != nil {
				return
			}
			log.Error("the stream of the audit trail cannot be written; it is tried again", zap.Error(err))
			select {
			case <-ctx.Done():
				return
			case <-time.After(streamRetry):
			}
		}
	}
}
