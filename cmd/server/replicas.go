package main

import (
	"context"

	"platform.internal/storekeeper/internal/cache"
	"platform.internal/storekeeper/internal/store"
)

// eventLog tells replicas of each other's changes through the store.
type eventLog struct{ store.Store }

// Append adds an event.
func (l eventLog) Append(ctx context.Context, topic string, event []byte) error {
	return l.Commit(ctx, nil, func(map[string]store.Record) (store.Changes, error) {
		return store.Changes{Events: []store.Event{{Topic: topic, Data: event}}}, nil
	})
}

// Since returns the events after a position.
func (l eventLog) Since(ctx context.Context, topic string, after cache.LogPosition) (events [][]byte, now cache.LogPosition, complete bool, err error) {
	events, reached, complete, err := l.Events(ctx, topic, store.Position(after))
	return events, cache.LogPosition(reached), complete, err
}
