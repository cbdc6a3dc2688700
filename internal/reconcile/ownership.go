package reconcile

import (
	"context"
	"time"

	"platform.internal/storekeeper/internal/store"
)

// storedOwners are the Owners of all processes that share records.
type storedOwners struct{ kept store.Store }

// SharedOwners remembers in records which change an object was given to, for all
// processes that share the records.
func SharedOwners(kept store.Store) Owners { return storedOwners{kept} }

// Take gives objects to a change, and returns those that another change has.
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
