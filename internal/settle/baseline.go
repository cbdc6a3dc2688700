package settle

import (
	"context"
	"slices"
	"time"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/upstream"
)

// margin is by how much an object may seem older than the change that made it:
// what is known of Cloudflare's clock is that inexact.
const margin = 5 * time.Second

// Baseline is what was there before a change, as far as the change can meet
// it. It holds no value, and survives being written as JSON.
type Baseline struct {
	// Since is when it was taken, by Cloudflare's clock.
	Since time.Time `json:"since,omitzero"`
	// Stores has the identifiers of the stores that had a wanted name, or that
	// the change is about, by name.
	Stores map[string]string `json:"stores,omitzero"`
	// Secrets has the identifiers of the secrets that had a wanted name, by
	// name.
	Secrets map[string]string `json:"secrets,omitzero"`
	// Modified says of the secrets that the change is about when they were
	// changed last, by identifier.
	Modified map[string]time.Time `json:"modified,omitzero"`
}

// Target is what a change is about.
type Target struct {
	// Account is the identifier or name of the account.
	Account string
	// StoreID is the store in which secrets change, or the one that is deleted
	// if no secrets are named. Empty for a new store.
	StoreID string
	// StoreName is the name of a new store. It says nothing where secrets are
	// named.
	StoreName string
	// SecretNames are the names of new secrets.
	SecretNames []string
	// SecretIDs are the secrets that change or go.
	SecretIDs []string
}

// Baseline takes down what is there before a change. It asks the library for
// what it has at any age, and for something newer only where an object that is
// to change is not in that. An object that is not there is no error.
func (s *Settler) Baseline(ctx context.Context, at Target) (Baseline, error) {
	var b Baseline
	var err error
	if len(at.SecretNames)+len(at.SecretIDs) == 0 {
		err = s.storesBefore(ctx, at, &b)
	} else {
		err = s.secretsBefore(ctx, at, &b)
	}
	b.Since = s.clock().Add(s.ahead(at.Account))
	return b, err
}

func (s *Settler) storesBefore(ctx context.Context, at Target, b *Baseline) error {
	return s.survey(at.StoreID == "", func(notBefore time.Time) (bool, error) {
		stores, err := s.storesOf(ctx, at, notBefore)
		b.Stores = map[string]string{}
		for _, store := range stores {
			if store.ID == at.StoreID || at.StoreName != "" && store.Name == at.StoreName {
				b.Stores[store.Name] = store.ID
			}
		}
		return len(b.Stores) > 0, err
	})
}

func (s *Settler) secretsBefore(ctx context.Context, at Target, b *Baseline) error {
	return s.survey(len(at.SecretIDs) == 0, func(notBefore time.Time) (bool, error) {
		secrets, err := s.secretsOf(ctx, at, notBefore)
		b.Secrets, b.Modified = map[string]string{}, map[string]time.Time{}
		known := 0
		for _, secret := range secrets {
			if slices.Contains(at.SecretNames, secret.Name) {
				b.Secrets[secret.Name] = secret.ID
			}
			if slices.Contains(at.SecretIDs, secret.ID) {
				b.Modified[secret.ID] = secret.Modified
				known++
			}
		}
		return known >= len(at.SecretIDs), err
	})
}

// survey reads at any age, and once more anew if that did not show all and more
// is needed.
func (s *Settler) survey(enough bool, read func(notBefore time.Time) (bool, error)) error {
	all, err := read(time.Time{})
	if !all && !enough && (err == nil || isNotFound(err)) {
		_, err = read(s.clock())
	}
	if isNotFound(err) {
		// The change itself will say so.
		return nil
	}
	return err
}

// madeStore says whether a store can have been made by the change.
func (b Baseline) madeStore(store upstream.Store) bool {
	return store.ID != b.Stores[store.Name] && b.recent(store.Created)
}

// madeSecret says whether a secret can have been made by the change.
func (b Baseline) madeSecret(secret upstream.Secret) bool {
	return secret.ID != b.Secrets[secret.Name] && b.recent(secret.Created)
}

// recent says whether something can have happened since the baseline.
func (b Baseline) recent(at time.Time) bool { return !at.Before(b.Since.Add(-margin)) }

// stranger says whether it is known that a secret was not there before.
func (b Baseline) stranger(secretID string) bool {
	_, known := b.Modified[secretID]
	return b.Modified != nil && !known
}

// strangeStore says whether it is known that a store was not there before.
func (b Baseline) strangeStore(storeID string) bool {
	for _, id := range b.Stores {
		if id == storeID {
			return false
		}
	}
	return b.Stores != nil
}

func isNotFound(err error) bool { return err != nil && fault.From(err).Kind == fault.NotFound }

// storesOf gives the stores that a change is about, and maybe others.
func (s *Settler) storesOf(ctx context.Context, at Target, notBefore time.Time) ([]upstream.Store, error) {
	if finder, ok := s.library.(Finder); ok && notBefore.IsZero() {
		return finder.FindStores(ctx, at.Account, oneOf(at.StoreName), oneOf(at.StoreID))
	}
	return s.library.Stores(ctx, at.Account, notBefore)
}

// oneOf lists a text, unless it is empty.
func oneOf(text string) []string {
	if text == "" {
		return nil
	}
	return []string{text}
}

// secretsOf gives the secrets that a change is about, and maybe others.
func (s *Settler) secretsOf(ctx context.Context, at Target, notBefore time.Time) ([]upstream.Secret, error) {
	if finder, ok := s.library.(Finder); ok && notBefore.IsZero() {
		return finder.FindSecrets(ctx, at.Account, at.StoreID, at.SecretNames, at.SecretIDs)
	}
	return s.library.Secrets(ctx, at.Account, at.StoreID, notBefore)
}
