package quota_test

import (
	"path/filepath"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/quota"
	storing "platform.internal/storekeeper/internal/store"
	"platform.internal/storekeeper/internal/store/file"
	"platform.internal/storekeeper/internal/upstream"
)

// A create and a forced deletion of its store do not wait for each other, so their outcomes can be committed in
// any order.
func TestASecretThatWasDeletedWithItsStoreIsNotCounted(t *testing.T) {
	for name, order := range map[string]func(create, remove func() *quota.Release, end func(*quota.Release)){
		"the create ends first": func(create, remove func() *quota.Release, end func(*quota.Release)) {
			end(create())
			end(remove())
		},
		"the deletion ends first": func(create, remove func() *quota.Release, end func(*quota.Release)) {
			end(remove())
			end(create())
		},
		"the create ends during the end of the deletion": func(create, remove func() *quota.Release, end func(*quota.Release)) {
			read := remove()
			end(create())
			end(read)
		},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			kept, err := file.Open(t.Context(), file.Config{
				Folder: filepath.Join(folder, "state"), Trail: file.TrailConfig{Path: filepath.Join(folder, "audit.log")},
				MaxWait: time.Minute, // the disk of a busy machine is slow
			})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = kept.Close() }()
			accounts := []upstream.AccountInfo{{ID: account, Name: "main"}}
			table := quota.NewTable(rules(3, 3), accounts)
			c := quota.New(quota.Config{Accounts: accounts, Store: kept, Limits: table.Limit, Limited: table.Limited})
			release := func(ch quota.Change, e quota.Ended) func() *quota.Release {
				ch.Account, ch.Tenant, ch.StoreID = account, "t", store
				r := c.Reserve(ch)
				return func() *quota.Release {
					made, err := r.Release(t.Context(), e)
					if err != nil {
						t.Fatal(err)
					}
					return made
				}
			}
			order(
				release(quota.Change{Secrets: 1}, quota.Ended{Made: []string{"a"}, Done: true}),
				release(quota.Change{DeletesStore: true}, quota.Ended{Done: true}),
				func(r *quota.Release) {
					err := kept.Commit(t.Context(), r.Keys(), func(now map[string]storing.Record) (storing.Changes, error) {
						changes := map[string]*storing.Record{}
						err := r.Apply(now, changes)
						return storing.Changes{Records: changes}, err
					})
					if err != nil {
						t.Fatal(err)
					}
				},
			)
			if n, _, err := c.UsageOf(t.Context(), account, "t"); err != nil || n.Secrets != 0 {
				t.Errorf("%+v, %v", n, err)
			}
		})
	}
}
