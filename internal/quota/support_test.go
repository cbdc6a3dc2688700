package quota_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/quota"
	"platform.internal/storekeeper/internal/scope"
	storing "platform.internal/storekeeper/internal/store"
	"platform.internal/storekeeper/internal/upstream"
)

const (
	account = "023e105f4ecef8ad9ca31a8372d0c353"
	store   = "3fd85f74b32742f1bff64a85009dda07"
	other   = "4fd85f74b32742f1bff64a85009dda07"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func wait(slow func() time.Duration) {
	if slow != nil {
		time.Sleep(slow())
	}
}

// rules limit each tenant to some stores and secrets.
func rules(stores, secrets int) []quota.Rule {
	return []quota.Rule{{Tenant: quota.Everybody, Limit: quota.Limit{Stores: &stores, Secrets: &secrets}}}
}

// service is the API that makes the changes.
type service interface {
	CreateStore(context.Context, upstream.CreateStoreParams) (upstream.Answer[upstream.Store], error)
	DeleteStore(context.Context, upstream.DeleteStoreParams) (upstream.Answer[upstream.None], error)
	CreateSecrets(context.Context, upstream.CreateSecretsParams) (upstream.Answer[[]upstream.Secret], error)
	DeleteSecret(context.Context, upstream.SecretParams) (upstream.Answer[upstream.None], error)
	DeleteSecrets(context.Context, upstream.DeleteSecretsParams) (upstream.Answer[upstream.None], error)
	DuplicateSecret(context.Context, upstream.DuplicateSecretParams) (upstream.Answer[upstream.Secret], error)
	Quota(ctx context.Context, account string) (upstream.Answer[upstream.Quota], error)
	Accounts() []upstream.AccountInfo
}

// counted makes changes between the two commits that count them.
type counted struct {
	*quota.Counter
	next service
	kept storing.Store

	mu sync.Mutex
	// open are the notes of changes with an unknown outcome.
	open [][]byte
}

// client makes a client with limits for every tenant.
func client(next service, kept storing.Store, limits []quota.Rule) *counted {
	return with(next, config(next, kept, limits))
}

func with(next service, c quota.Config) *counted {
	return &counted{Counter: quota.New(c), next: next, kept: c.Store}
}

func config(next service, kept storing.Store, limits []quota.Rule) quota.Config {
	table := quota.NewTable(limits, next.Accounts())
	return quota.Config{
		Accounts: next.Accounts(), Quota: next.Quota, Store: kept, Limits: table.Limit, Limited: table.Limited,
	}
}

// refusal is the error of a commit that a reservation has refused.
type refusal struct{ error }

// run makes a change: reserve, send and release.
func (c *counted) run(ctx context.Context, ch quota.Change, send func() (made []string, err error)) error {
	ch.Tenant = scope.Tenant(ctx)
	r := c.Reserve(ch)
	if r == nil {
		_, err := send()
		return err
	}
	if err := c.begin(ctx, r); err != nil {
		return err
	}
	made, err := send()
	if err != nil && upstream.Unproven(fault.From(err)) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.open = append(c.open, r.Note())
		return err
	}
	gone := err != nil && fault.From(err).Kind == fault.NotFound
	return errors.Join(err, c.release(r.Note(), quota.Ended{Made: made, Done: err == nil, Gone: gone}))
}

func (c *counted) begin(ctx context.Context, r *quota.Reservation) error {
	for {
		err := c.kept.Commit(ctx, r.Keys(), func(now map[string]storing.Record) (storing.Changes, error) {
			changes := map[string]*storing.Record{}
			if err := r.Take(now, changes); err != nil {
				return storing.Changes{}, refusal{err}
			}
			return storing.Changes{Records: changes}, nil
		})
		refused, ok := errors.AsType[refusal](err)
		if !ok {
			return err
		}
		if err := r.Wait(ctx, refused.error); err != nil {
			return err
		}
	}
}

func (c *counted) release(note []byte, e quota.Ended) error {
	r, err := c.Release(context.Background(), note, e)
	if err != nil {
		return err
	}
	return c.kept.Commit(context.Background(), r.Keys(), func(now map[string]storing.Record) (storing.Changes, error) {
		changes := map[string]*storing.Record{}
		return storing.Changes{Records: changes}, r.Apply(now, changes)
	})
}

// settle ends the changes with an unknown outcome.
func (c *counted) settle(t *testing.T, e quota.Ended) {
	t.Helper()
	for _, note := range c.open {
		if err := c.release(note, e); err != nil {
			t.Fatal(err)
		}
	}
	c.open = nil
}

func (c *counted) CreateStore(ctx context.Context, p upstream.CreateStoreParams) (a upstream.Answer[upstream.Store], err error) {
	err = c.run(ctx, quota.Change{Account: p.Account, Stores: 1}, func() ([]string, error) {
		a, err = c.next.CreateStore(ctx, p)
		return []string{a.Result.ID}, err
	})
	return a, err
}

func (c *counted) CreateSecrets(ctx context.Context, p upstream.CreateSecretsParams) (a upstream.Answer[[]upstream.Secret], err error) {
	err = c.run(ctx, quota.Change{Account: p.Account, StoreID: p.StoreID, Secrets: len(p.Secrets)}, func() (ids []string, err error) {
		a, err = c.next.CreateSecrets(ctx, p)
		for _, s := range a.Result {
			ids = append(ids, s.ID)
		}
		return ids, err
	})
	return a, err
}

func (c *counted) DuplicateSecret(ctx context.Context, p upstream.DuplicateSecretParams) (a upstream.Answer[upstream.Secret], err error) {
	err = c.run(ctx, quota.Change{Account: p.Account, StoreID: p.StoreID, Secrets: 1}, func() ([]string, error) {
		a, err = c.next.DuplicateSecret(ctx, p)
		return []string{a.Result.ID}, err
	})
	return a, err
}

func (c *counted) DeleteSecret(ctx context.Context, p upstream.SecretParams) (a upstream.Answer[upstream.None], err error) {
	err = c.run(ctx, quota.Change{Account: p.Account, StoreID: p.StoreID, Deletes: []string{p.SecretID}}, func() ([]string, error) {
		a, err = c.next.DeleteSecret(ctx, p)
		return nil, err
	})
	return a, err
}

func (c *counted) DeleteSecrets(ctx context.Context, p upstream.DeleteSecretsParams) (a upstream.Answer[upstream.None], err error) {
	err = c.run(ctx, quota.Change{Account: p.Account, StoreID: p.StoreID, Deletes: p.IDs}, func() ([]string, error) {
		a, err = c.next.DeleteSecrets(ctx, p)
		return nil, err
	})
	return a, err
}

func (c *counted) DeleteStore(ctx context.Context, p upstream.DeleteStoreParams) (a upstream.Answer[upstream.None], err error) {
	err = c.run(ctx, quota.Change{Account: p.Account, StoreID: p.StoreID, DeletesStore: true}, func() ([]string, error) {
		a, err = c.next.DeleteStore(ctx, p)
		return nil, err
	})
	return a, err
}

func as(name string) context.Context { return scope.WithTenant(context.Background(), name) }

// create makes n secrets and gives their identifiers.
func create(ctx context.Context, c *counted, n int) ([]string, error) {
	answer, err := c.CreateSecrets(ctx, upstream.CreateSecretsParams{Account: account, StoreID: store, Secrets: make([]upstream.NewSecret, n)})
	var ids []string
	for _, s := range answer.Result {
		ids = append(ids, s.ID)
	}
	return ids, err
}

// must creates objects and fails the test on an error.
func must(t *testing.T, c *counted, name string, n int) []string {
	t.Helper()
	ids, err := create(as(name), c, n)
	if err != nil {
		t.Fatalf("%s cannot make %d more: %v", name, n, err)
	}
	return ids
}

// refused expects that a tenant can make no more.
func refused(t *testing.T, c *counted, name string, n int) {
	t.Helper()
	if _, err := create(as(name), c, n); fault.From(err).Kind != fault.LimitReached || err == nil {
		t.Fatalf("%s asked for %d more and got %v, want a limit", name, n, err)
	}
}
