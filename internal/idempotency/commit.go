package idempotency

import (
	"context"
	"errors"
	"slices"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/store"
)

// decide says what becomes of some records, as a store.Decide does.
type decide func(now map[string]store.Record) (map[string]*store.Record, error)

// change commits records and audit lines within the time that a commit may take.
// Its error is that of decide or a fault.
func (k *Keeper) change(ctx context.Context, keys []string, by decide, lines ...audit.Record) error {
	bounded, cancel := context.WithTimeout(ctx, recordPatience)
	defer cancel()
	err := k.config.Store.Commit(bounded, keys, func(now map[string]store.Record) (store.Changes, error) {
		changes, err := by(now)
		return store.Changes{Records: changes, Lines: lines}, err
	})
	if err != nil && bounded.Err() != nil && ctx.Err() == nil && !isSentinel(err) {
		return notKept(err)
	}
	return err
}

// isSentinel says whether a decide of this package refused the change.
func isSentinel(err error) bool {
	return isRefused(err) || slices.ContainsFunc([]error{errKnown, errBusy, errNotOwner, errSuperseded, errAlive}, func(s error) bool {
		return errors.Is(err, s)
	})
}

func isRefused(err error) bool {
	_, is := errors.AsType[*refused](err)
	return is
}
