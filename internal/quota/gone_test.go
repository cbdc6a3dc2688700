package quota_test

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/quota"
	storing "platform.internal/storekeeper/internal/store"
	"platform.internal/storekeeper/internal/store/file"
	"platform.internal/storekeeper/internal/upstream"
)

// deleting is a create of a secret and a deletion of its store at the same time.
type deleting struct {
	t      *testing.T
	c      *quota.Counter
	kept   *file.Store
	create *quota.Reservation
	remove *quota.Reservation
}

func newDeleting(t *testing.T) *deleting {
	t.Helper()
	folder := t.TempDir()
	kept, err := file.Open(t.Context(), file.Config{
		Folder: filepath.Join(folder, "state"), Trail: file.TrailConfig{Path: filepath.Join(folder, "audit.log")},
		MaxWait: time.Minute, // the disk of a busy machine is slow
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = kept.Close() })
	accounts := []upstream.AccountInfo{{ID: account, Name: "main"}}
	table := quota.NewTable(rules(3, 3), accounts)
	d := &deleting{t: t, kept: kept, c: quota.New(quota.Config{Accounts: accounts, Store: kept, Limits: table.Limit, Limited: table.Limited})}
	d.create = d.c.Reserve(quota.Change{Account: account, Tenant: "t", StoreID: store, Secrets: 1})
	d.remove = d.c.Reserve(quota.Change{Account: account, Tenant: "t", StoreID: store, DeletesStore: true})
	d.begin()
	return d
}

// begin begins the deletion.
func (d *deleting) begin() {
	d.t.Helper()
	if err := d.commit(d.remove.Keys(), d.remove.Take); err != nil {
		d.t.Fatal(err)
	}
}

func (d *deleting) commit(keys []string, add func(now map[string]storing.Record, changes map[string]*storing.Record) error) error {
	return d.kept.Commit(d.t.Context(), keys, func(now map[string]storing.Record) (storing.Changes, error) {
		changes := map[string]*storing.Record{}
		err := add(now, changes)
		return storing.Changes{Records: changes}, err
	})
}

// read reads what the end of a change needs.
func (d *deleting) read(r *quota.Reservation, e quota.Ended) *quota.Release {
	d.t.Helper()
	read, err := r.Release(d.t.Context(), e)
	if err != nil {
		d.t.Fatal(err)
	}
	return read
}

// end ends a change, and begins anew if it was outdated.
func (d *deleting) end(r *quota.Reservation, e quota.Ended) {
	d.t.Helper()
	for {
		read := d.read(r, e)
		switch err := d.commit(read.Keys(), read.Apply); {
		case err == nil:
			return
		case !errors.Is(err, storing.ErrOutdated):
			d.t.Fatal(err)
		}
	}
}

// A create and a forced deletion of its store do not wait for each other, so their outcomes can be committed in
// any order.
func TestASecretThatWasDeletedWithItsStoreIsNotCounted(t *testing.T) {
	made, done := quota.Ended{Made: []string{"a"}, Done: true}, quota.Ended{Done: true}
	for name, test := range map[string]struct {
		order func(d *deleting)
		want  int
	}{
		"the create ends first": {order: func(d *deleting) {
			d.end(d.create, made)
			d.end(d.remove, done)
		}},
		"the deletion ends first": {order: func(d *deleting) {
			d.end(d.remove, done)
			d.end(d.create, made)
		}},
		"the create ends during the end of the deletion": {order: func(d *deleting) {
			read := d.read(d.remove, done)
			d.end(d.create, made)
			if err := d.commit(read.Keys(), read.Apply); !errors.Is(err, storing.ErrOutdated) {
				d.t.Errorf("the deletion ended with what it had read before: %v", err)
			}
			d.end(d.remove, done)
		}},
		"the deletion comes twice": {order: func(d *deleting) {
			d.end(d.remove, done)
			d.begin()
			d.end(d.remove, quota.Ended{Gone: true})
			d.end(d.create, made)
		}},
		"the deletion fails first": {want: 1, order: func(d *deleting) {
			d.end(d.remove, quota.Ended{})
			d.end(d.create, made)
		}},
		"the deletion fails at last": {want: 1, order: func(d *deleting) {
			d.end(d.create, made)
			d.end(d.remove, quota.Ended{})
		}},
		"Cloudflare does not show the store yet": {want: 1, order: func(d *deleting) {
			d.end(d.remove, quota.Ended{Gone: true})
			d.end(d.create, made)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDeleting(t)
			test.order(d)
			if n, _, err := d.c.UsageOf(t.Context(), account, "t"); err != nil || n.Secrets != test.want {
				t.Errorf("%+v, %v", n, err)
			}
		})
	}
}
