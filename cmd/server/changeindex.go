package main

import (
	"context"

	"go.uber.org/zap"

	"platform.internal/storekeeper/internal/changes"
	"platform.internal/storekeeper/internal/history/fileindex"
	"platform.internal/storekeeper/internal/store/file"
)

// indexFolder is where the index of an audit file is.
func indexFolder(path string) string { return path + ".index" }

// flushedIndex is the index of the trail of a store in files.
type flushedIndex struct {
	*fileindex.Index

	own *file.Store
}

// CatchUp waits until the file has the lines that are durable in the log of the store,
// so that a caller finds the change that it has just made.
func (i flushedIndex) CatchUp(ctx context.Context) error {
	if err := i.own.Flushed(ctx); err != nil {
		return err
	}
	return i.Index.CatchUp(ctx)
}

// followTrail makes the index of an audit file. Nothing is read before it runs.
func (s *state) followTrail(path string, log *zap.Logger) {
	if path == "" {
		return // The trail is a stream.
	}
	s.followed = fileindex.New(fileindex.Config{Path: path, Folder: indexFolder(path), Logger: log.Named("index")})
	s.changes = flushedIndex{s.followed, s.own}
}

// changeService returns the service that answers who changed what.
func (e *engine) changeService() *changes.Service {
	return changes.NewService(changes.Config{
		Index: e.state.changes, TokenKey: e.state.key, Decide: e.rights.Rules.Decide, Names: e.names,
	})
}
