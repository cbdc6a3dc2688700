package change

import (
	"time"

	"platform.internal/storekeeper/internal/upstream"
)

// Margin is the uncertainty about Cloudflare's clock: an object may seem older
// than its change by this much.
const Margin = 5 * time.Second

// Baseline is the state before a change, restricted to the objects of the change. It holds no value and can
// be encoded as JSON.
type Baseline struct {
	// Since is when the baseline was taken, by Cloudflare's clock.
	Since time.Time `json:"since,omitzero"`
	// Stores maps names to identifiers of the stores that had a requested name,
	// or that the change is about.
	Stores map[string]string `json:"stores,omitzero"`
	// Secrets maps names to identifiers of the secrets that had a requested
	// name.
	Secrets map[string]string `json:"secrets,omitzero"`
	// Modified maps the identifiers of the secrets of the change to their last
	// modification.
	Modified map[string]time.Time `json:"modified,omitzero"`
}

// CanHaveMadeStore reports whether the change can have created a store.
func (b Baseline) CanHaveMadeStore(store upstream.Store) bool {
	return store.ID != b.Stores[store.Name] && b.recent(store.Created)
}

// CanHaveMadeSecret reports whether the change can have created a secret.
func (b Baseline) CanHaveMadeSecret(secret upstream.Secret) bool {
	return secret.ID != b.Secrets[secret.Name] && b.recent(secret.Created)
}

// recent reports whether a time can be after the baseline.
func (b Baseline) recent(at time.Time) bool { return !at.Before(b.Since.Add(-Margin)) }

// LacksSecret reports whether a secret is known not to have existed before.
func (b Baseline) LacksSecret(secretID string) bool {
	_, known := b.Modified[secretID]
	return b.Modified != nil && !known
}

// LacksStore reports whether a store is known not to have existed before.
func (b Baseline) LacksStore(storeID string) bool {
	for _, id := range b.Stores {
		if id == storeID {
			return false
		}
	}
	return b.Stores != nil
}
