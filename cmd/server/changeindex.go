package main

import (
	"context"

	"go.uber.org/zap"

	"platform.internal/storekeeper/internal/changes"
	"platform.internal/storekeeper/internal/history/fileindex"
	"platform.internal/storekeeper/internal/store/file"
)

// indexFolder returns the folder of the index of an audit file.
func indexFolder(path string) string { return path + ".index" }

// flushedIndex is the index of the trail of a store in files.
type flushedIndex struct {
	*fileindex.Index

	own *file.Store
}

// CatchUp waits until the audit file has all durable lines of the store's log, so that
// a caller finds its latest change.
func (i flushedIndex) CatchUp(ctx context.Context) error {
	if err := i.own.Flushed(ctx); err != nil {
		return err
	}
	return i.Index.CatchUp(ctx)
}

// followTrail creates the index of an audit file. The index reads nothing before it runs.
func (s *state) followTrail(path string, log *zap.Logger) {
	if path == "" {
		return // The trail is a stream.
	}
	s.followed = fileindex.New(fileindex.Config{Path: path, Folder: indexFolder(path), Logger: log.Named("index")})
	s.changes = flushedIndex{s.followed, s.own}
}

// changeService returns the service that lists changes.
func (e *engine) changeService() *changes.Service {
	return changes.NewService(changes.Config{
		Index: e.state.changes, TokenKey: e.state.key, Decide: e.rights.Rules.Decide, Names: e.names,
	})
}
