package quota_test

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/upstream"
)

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
