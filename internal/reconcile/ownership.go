package reconcile

import (
	"context"
	"time"

	"platform.internal/storekeeper/internal/store"
)

// storedOwners is the Owners of all processes that share a store.
type storedOwners struct{ kept store.Store }

// SharedOwners returns an Owners that records in a store which change an object was given to.
func SharedOwners(kept store.Store) Owners { return storedOwners{kept} }

// Take gives objects to a change, and returns those that belong to another change.
func (s storedOwners) Take(ctx context.Context, change, account string, ids []string) (others []string, err error) {
	mine, ends := []byte(change), time.Now().Add(rememberFor)
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = "claim/" + account + "/" + id
	}
	err = s.kept.Commit(ctx, keys, func(now map[string]store.Record) (store.Changes, error) {
		others = nil
		changes := map[string]*store.Record{}
		for i, key := range keys {
			switch had, taken := now[key]; {
			case !taken:
				changes[key] = &store.Record{Value: mine, Expires: ends}
			case string(had.Value) != string(mine):
				others = append(others, ids[i])
			}
		}
		return store.Changes{Records: changes}, nil
	})
	return others, err
}
