package main

import (
	"context"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"

	"go.uber.org/zap"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/filewatch"
	"platform.internal/storekeeper/internal/telemetry"
)

// watchedFiles watches the files that are reloaded when they change: rules, TLS
// files, credentials and keys of issuers.
type watchedFiles struct {
	*filewatch.Watcher

	log    *zap.Logger
	hangup chan os.Signal
	// trail records changes of files as soon as the trail is open.
	trail atomic.Pointer[audit.Log]
}

// newWatchedFiles catches SIGHUP from now on, until end is called.
func newWatchedFiles(log *zap.Logger, metrics *telemetry.Metrics) (*watchedFiles, error) {
	files := &watchedFiles{Watcher: filewatch.New(filewatch.Config{}), log: log, hangup: make(chan os.Signal, 1)}
	if err := metrics.WatchFiles(files.states); err != nil {
		return nil, err
	}
	signal.Notify(files.hangup, syscall.SIGHUP)
	return files, nil
}

func (f *watchedFiles) end() { signal.Stop(f.hangup) }

// run polls the files until ctx ends: each second, and at each SIGHUP even if
// their status did not change.
func (f *watchedFiles) run(ctx context.Context) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.Run(ctx)
	}()
	defer func() { <-done }()
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.hangup:
			f.Recheck(ctx)
			f.log.Info("SIGHUP: all watched files were read again")
		}
	}
}

func (f *watchedFiles) states() []telemetry.FileState {
	var states []telemetry.FileState
	for _, s := range f.Stats() {
		states = append(states, telemetry.FileState{Kind: s.Kind, Failing: s.Failing, Loads: s.Loads, Failures: s.Failures, Last: s.Last})
	}
	return states
}

// logReload returns a function that logs the result of a reload.
func logReload(log *zap.Logger, good, bad string) func(error) {
	return func(err error) {
		if err != nil {
			log.Error(bad, zap.Error(err))
			return
		}
		log.Info(good)
	}
}
