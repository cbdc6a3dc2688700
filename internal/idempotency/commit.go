package idempotency

import (
	"context"
	"errors"

	"platform.internal/storekeeper/internal/store"
)

// decide computes the new records from the current records, like store.Decide.
type decide func(now map[string]store.Record) (map[string]*store.Record, error)

// change commits records. The store limits the duration. The error is that of decide or a fault.
func (k *Coordinator) change(ctx context.Context, keys []string, by decide) error {
	return k.config.Store.Commit(ctx, keys, func(now map[string]store.Record) (store.Changes, error) {
		changes, err := by(now)
		return store.Changes{Records: changes}, err
	})
}

func isRefused(err error) bool {
	_, is := errors.AsType[*refused](err)
	return is
}
