package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"go.uber.org/zap"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/config"
	"platform.internal/storekeeper/internal/telemetry"
)

// newTrail opens the audit trail. Without a trail the service does not start:
// every change needs its record.
func newTrail(ctx context.Context, c config.Audit, stdout io.Writer, log *zap.Logger) (*audit.Log, error) {
	key, err := auditKey(c.KeyFile)
	if err != nil {
		return nil, err
	}
	sink, err := newSink(ctx, c, sinkSettings{key: key, stdout: stdout, log: log.Named("audit")})
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	return audit.NewLog(audit.LogConfig{
		Sink: sink, Logger: log.Named("audit"), DenialsPerHour: c.DenialsPerHour, Reserve: int64(c.Reserve),
	})
}

// hasRecords reports whether an earlier run has written to the trail. The head
// file remains if the audit file was moved away.
func hasRecords(c config.Audit) bool {
	if c.Sink == config.AuditStdout {
		return false
	}
	for _, name := range []string{c.File, audit.HeadPath(c.File)} {
		if info, err := os.Stat(name); err == nil && info.Size() > 0 {
			return true
		}
	}
	return false
}

type sinkSettings struct {
	key    []byte
	stdout io.Writer
	log    *zap.Logger
}

func newSink(ctx context.Context, c config.Audit, s sinkSettings) (audit.Sink, error) {
	if c.Sink == config.AuditStdout {
		return audit.NewStream(audit.StreamConfig{Writer: s.stdout, Key: s.key, Logger: s.log})
	}
	return audit.OpenFile(ctx, audit.FileConfig{Path: c.File, Key: s.key, Logger: s.log, RotateSize: int64(c.RotateSize)})
}

// fingerprinter returns the function that makes fingerprints of values. Nil:
// fingerprints are off.
func fingerprinter(c config.Audit) (func(string) string, error) {
	if c.Fingerprints != "on" {
		return nil, nil //nolint:nilnil // No fingerprints is an answer like any other here.
	}
	key, err := auditKey(c.KeyFile)
	if err != nil {
		return nil, err
	}
	return func(value string) string { return audit.Fingerprint(key, []byte(value)) }, nil
}

// auditKey reads the key of the hash chain. Without a file name there is no
// key.
func auditKey(name string) ([]byte, error) {
	if name == "" {
		return nil, nil
	}
	key, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("audit.key_file: %w", err)
	}
	return key, nil
}

// closeTrail writes pending records and closes the trail.
func closeTrail(trail *audit.Log, log *zap.Logger) {
	if err := trail.Close(); err != nil {
		log.Error("closing the audit trail", zap.Error(err))
	}
}

// auditState returns the state of the trail for the metrics.
func auditState(trail *audit.Log) telemetry.AuditState {
	return telemetry.AuditState{
		Healthy: trail.Healthy, Backlog: trail.Backlog, Lost: trail.Lost, Suppressed: trail.Suppressed, Free: trail.Free,
	}
}
