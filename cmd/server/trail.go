package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"go.uber.org/zap"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/config"
	"platform.internal/storekeeper/internal/store"
	"platform.internal/storekeeper/internal/store/file"
	"platform.internal/storekeeper/internal/telemetry"
)

// newTrail returns the log of denials and alarms, which writes to a sink. A
// refused call waits up to maxWait for its record.
func newTrail(c config.Audit, to audit.Sink, maxWait time.Duration, log *zap.Logger) (*audit.Log, error) {
	return audit.NewLog(audit.LogConfig{
		Sink: to, Logger: log.Named("audit"), DenialsPerHour: c.DenialsPerHour, Reserve: int64(c.Reserve), MaxWait: maxWait,
	})
}

// trailTarget returns the target of the audit trail.
func trailTarget(s settings) (file.TrailConfig, error) {
	c := s.config.Audit
	key, err := auditKey(c.KeyFile)
	if c.Sink == config.AuditStdout {
		return file.TrailConfig{Writer: s.audit, Key: key}, err
	}
	return file.TrailConfig{Path: c.File, Key: key, RotateSize: int64(c.RotateSize)}, err
}

// trailOf is the trail of a store as a sink.
type trailOf struct{ store.Store }

// Append commits records.
func (t trailOf) Append(ctx context.Context, lines ...audit.Record) error {
	return t.Commit(ctx, nil, func(map[string]store.Record) (store.Changes, error) { return store.Changes{Lines: lines}, nil })
}

// Healthy returns why a commit would fail now.
func (t trailOf) Healthy() error { return t.Store.Healthy(context.Background()) }

// Close leaves the store open, which is closed after the changes have ended.
func (trailOf) Close() error { return nil }

// fileTrail is the trail of a store in files.
type fileTrail struct {
	trailOf

	own *file.Store
}

// Healthy returns why an intent or a denial would be refused now.
func (t fileTrail) Healthy() error {
	if err := t.trailOf.Healthy(); err != nil {
		return err
	}
	return t.own.TrailHealthy()
}

// Lost is how many times lines that were written are gone from the file.
func (t fileTrail) Lost() int64 { return t.own.LostTrail() }

// Space returns the free bytes on the disk of the store and its size.
func (t fileTrail) Space() (free, size int64, known bool) { return t.own.Space() }

// hasRecords reports whether an earlier run has written to the trail. The head
// file remains if the audit file was moved away.
func hasRecords(c config.Audit) bool {
	if c.Sink != config.AuditFile {
		return false
	}
	for _, name := range []string{c.File, audit.HeadPath(c.File)} {
		if info, err := os.Stat(name); err == nil && info.Size() > 0 {
			return true
		}
	}
	return false
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

// auditState returns the state of the trail for the metrics.
func (e *engine) auditState() telemetry.AuditState {
	trail := e.state.trail
	shown := telemetry.AuditState{
		Healthy: trail.Healthy, Lost: trail.Lost, Suppressed: trail.Suppressed, Free: trail.Free,
		Last: func() uint64 { return e.state.status().Record },
		Backlog: func() int {
			now := e.state.status()
			return trail.Backlog() + e.keeper.Unrecorded() + int(now.Record-min(now.Synced, now.Record)) //nolint:gosec // It is no larger than what memory and log hold.
		},
	}
	if e.state.own != nil {
		shown.Size = func() int64 { return e.state.status().TrailBytes }
	}
	return shown
}
