package quota_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
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

// memory is a store.Store that is forgotten.
type memory struct {
	mu      sync.Mutex
	entries map[string]storing.Record
	// fails, if set, may refuse a commit of keys.
	fails func(keys []string) error
}

func newMemory() *memory { return &memory{entries: map[string]storing.Record{}} }

func (m *memory) Get(_ context.Context, keys ...string) (map[string]storing.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.get(keys), nil
}

func (m *memory) get(keys []string) map[string]storing.Record {
	found := map[string]storing.Record{}
	for _, key := range keys {
		if e, ok := m.entries[key]; ok && (e.Expires.IsZero() || time.Now().Before(e.Expires)) {
			found[key] = e
		}
	}
	return found
}

func (m *memory) Commit(ctx context.Context, keys []string, decide storing.Decide, _ ...storing.Lazy) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if m.fails != nil {
		if err := m.fails(keys); err != nil {
			return err
		}
	}
	// A store may ask several times.
	if _, err := decide(m.get(keys)); err != nil {
		return err
	}
	changes, err := decide(m.get(keys))
	if err == nil {
		err = errors.Join(storing.CheckKeys(keys), storing.CheckChanges(keys, changes.Records))
	}
	if err != nil {
		return err
	}
	for key, e := range changes.Records {
		if e == nil {
			delete(m.entries, key)
		} else {
			m.entries[key] = *e
		}
	}
	return nil
}

func (m *memory) Scan(_ context.Context, prefix string, visit func(string, storing.Record) error) error {
	m.mu.Lock()
	all := maps.Clone(m.entries)
	m.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if strings.HasPrefix(key, prefix) && all[key].Expires.IsZero() {
			if err := visit(key, all[key]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (*memory) Trail(context.Context, uint64, func([]byte) error) error { return nil }

func (*memory) Events(context.Context, string, storing.Position) ([][]byte, storing.Position, bool, error) {
	return nil, "", true, nil
}

func (*memory) Healthy(context.Context) error { return nil }

func (*memory) Close() error { return nil }

// cloudflare has secrets and stores, and a limit of secrets.
type cloudflare struct {
	mu      sync.Mutex
	limit   int
	stores  map[string]bool
	secrets map[string]string // identifiers to stores
	next    int
	// refused counts what did not fit.
	refused, readings, sent int
	// answers are what the next changes end in, nil being a success.
	answers []error
	// done says that a change whose answer is lost was made all the same.
	done bool
	// slow, if set, is how long a change takes, before and after it is made.
	slow func() time.Duration
	// slowRead is the same for a reading of the quota.
	slowRead func() time.Duration
	// unreadable is what a reading of the quota ends in.
	unreadable error
}

func newCloudflare(limit int) *cloudflare {
	return &cloudflare{limit: limit, stores: map[string]bool{store: true, other: true}, secrets: map[string]string{}}
}

func (*cloudflare) Accounts() []upstream.AccountInfo {
	return []upstream.AccountInfo{{ID: account, Name: "main"}}
}

// fill makes secrets that nobody here made.
func (f *cloudflare) fill(n int) {
	for i := range n {
		f.secrets[fmt.Sprintf("filled-%d", i)] = store
	}
}

func wait(slow func() time.Duration) {
	if slow != nil {
		time.Sleep(slow())
	}
}

// outcome is what the next change ends in.
func (f *cloudflare) outcome() (err error) {
	if f.sent++; len(f.answers) > 0 {
		err, f.answers = f.answers[0], f.answers[1:]
	}
	return err
}

func (f *cloudflare) make(storeID string, n int) ([]upstream.Secret, error) {
	wait(f.slow)
	defer wait(f.slow)
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.outcome()
	if err != nil && !f.done {
		return nil, err
	}
	if len(f.secrets)+n > f.limit {
		f.refused++
		return nil, fault.New(fault.LimitReached, "MAXIMUM_SECRETS_EXCEEDED", "Cloudflare refused.")
	}
	var made []upstream.Secret
	for range n {
		f.next++
		id := fmt.Sprintf("secret-%d", f.next)
		f.secrets[id] = storeID
		made = append(made, upstream.Secret{ID: id, StoreID: storeID})
	}
	return made, err
}

func (f *cloudflare) CreateSecrets(_ context.Context, p upstream.CreateSecretsParams) (upstream.Answer[[]upstream.Secret], error) {
	made, err := f.make(p.StoreID, len(p.Secrets))
	return upstream.Answer[[]upstream.Secret]{Result: made}, err
}

func (f *cloudflare) DuplicateSecret(_ context.Context, p upstream.DuplicateSecretParams) (upstream.Answer[upstream.Secret], error) {
	made, err := f.make(p.StoreID, 1)
	if err != nil {
		return upstream.Answer[upstream.Secret]{}, err
	}
	return upstream.Answer[upstream.Secret]{Result: made[0]}, nil
}

func (f *cloudflare) CreateStore(context.Context, upstream.CreateStoreParams) (upstream.Answer[upstream.Store], error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.outcome(); err != nil {
		return upstream.Answer[upstream.Store]{}, err
	}
	f.next++
	id := fmt.Sprintf("store-%d", f.next)
	f.stores[id] = true
	return upstream.Answer[upstream.Store]{Result: upstream.Store{ID: id}}, nil
}

func (f *cloudflare) DeleteSecrets(_ context.Context, p upstream.DeleteSecretsParams) (upstream.Answer[upstream.None], error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, id := range p.IDs {
		if f.secrets[id] != p.StoreID {
			return upstream.Answer[upstream.None]{}, fault.New(fault.NotFound, "SECRET_NOT_FOUND", "There is none.")
		}
	}
	for _, id := range p.IDs {
		delete(f.secrets, id)
	}
	return upstream.Answer[upstream.None]{}, nil
}

func (f *cloudflare) DeleteSecret(ctx context.Context, p upstream.SecretParams) (upstream.Answer[upstream.None], error) {
	return f.DeleteSecrets(ctx, upstream.DeleteSecretsParams{Account: p.Account, StoreID: p.StoreID, IDs: []string{p.SecretID}})
}

func (f *cloudflare) DeleteStore(_ context.Context, p upstream.DeleteStoreParams) (upstream.Answer[upstream.None], error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.stores[p.StoreID] {
		return upstream.Answer[upstream.None]{}, fault.New(fault.NotFound, "STORE_NOT_FOUND", "There is none.")
	}
	delete(f.stores, p.StoreID)
	maps.DeleteFunc(f.secrets, func(_, in string) bool { return in == p.StoreID })
	return upstream.Answer[upstream.None]{}, nil
}

func (f *cloudflare) Quota(context.Context, string) (upstream.Answer[upstream.Quota], error) {
	wait(f.slowRead)
	defer wait(f.slowRead)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.readings++
	usage := upstream.QuotaUsage{Quota: int64(f.limit), Usage: int64(len(f.secrets))}
	return upstream.Answer[upstream.Quota]{Result: upstream.Quota{Secrets: usage}}, f.unreadable
}

// Secrets and Stores make it a Listings that always looks.
func (f *cloudflare) Secrets(_ context.Context, _, storeID string, _ time.Time) (all []upstream.Secret, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.unreadable != nil {
		return nil, f.unreadable
	}
	if !f.stores[storeID] {
		return nil, fault.New(fault.NotFound, "STORE_NOT_FOUND", "There is none.")
	}
	for id, in := range f.secrets {
		if in == storeID {
			all = append(all, upstream.Secret{ID: id})
		}
	}
	return all, nil
}

func (f *cloudflare) Stores(context.Context, string, time.Time) (all []upstream.Store, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for id := range f.stores {
		all = append(all, upstream.Store{ID: id})
	}
	return all, f.unreadable
}

// rules limit each tenant to some stores and secrets.
func rules(stores, secrets int) []quota.Rule {
	return []quota.Rule{{Tenant: quota.Everybody, Limit: quota.Limit{Stores: &stores, Secrets: &secrets}}}
}

// service is what makes the changes.
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
	// open are the notes of changes of which nobody knows whether they were made.
	open [][]byte
}

// client makes a client with limits for everybody.
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

// run makes a change: it begins, is sent and ends.
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

// settle ends the changes of which nobody knew whether they were made.
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

// must is create where it has to succeed.
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
