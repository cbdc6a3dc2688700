package settle

import (
	"context"
	"time"

	"platform.internal/storekeeper/internal/records"
)

// sharedOwners are the Owners of all processes that share records.
type sharedOwners struct{ kept records.Store }

// SharedOwners remembers in records which change an object was given to, for all
// processes that share the records.
func SharedOwners(kept records.Store) Owners { return sharedOwners{kept} }

// Take gives objects to a change, and returns those that another change has.
func (s sharedOwners) Take(ctx context.Context, change, account string, ids []string) (others []string, err error) {
	mine, ends := []byte(change), time.Now().Add(rememberFor)
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = "claim/" + account + "/" + id
	}
	err = s.kept.Change(ctx, keys, func(now map[string]records.Entry) (map[string]*records.Entry, error) {
		others = nil
		changes := map[string]*records.Entry{}
		for i, key := range keys {
			switch had, taken := now[key]; {
			case !taken:
				changes[key] = &records.Entry{Value: mine, Expires: ends}
			case string(had.Value) != string(mine):
				others = append(others, ids[i])
			}
		}
		return changes, nil
	})
	return others, err
}
