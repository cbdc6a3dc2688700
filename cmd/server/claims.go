package main

import (
	"context"
	"time"

	"platform.internal/storekeeper/internal/records"
	"platform.internal/storekeeper/internal/settle"
)

// claimLife is how long it is remembered which change made an object: longer
// than any change runs.
const claimLife = time.Hour

// claims remembers for all replicas which change an object was given to.
type claims struct{ kept records.Store }

// Claim takes objects for the change that ctx belongs to, and gives those that
// another change has.
func (c claims) Claim(ctx context.Context, account string, ids []string) (others []string, err error) {
	mine, ends := []byte(settle.Identity(ctx)), time.Now().Add(claimLife)
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = "claim/" + account + "/" + id
	}
	err = c.kept.Change(ctx, keys, func(now map[string]records.Entry) (map[string]*records.Entry, error) {
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
