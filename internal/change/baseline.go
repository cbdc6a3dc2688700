package change

import (
	"time"

	"platform.internal/storekeeper/internal/upstream"
)

// Margin is by how much an object may seem older than the change that made it:
// what is known of Cloudflare's clock is that inexact.
const Margin = 5 * time.Second

// Baseline is what was there before a change, as far as the change can meet
// it. It holds no value, and survives being written as JSON.
type Baseline struct {
	// Since is when the baseline was taken, by Cloudflare's clock.
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

// CanHaveMadeStore says whether the change can have made a store.
func (b Baseline) CanHaveMadeStore(store upstream.Store) bool {
	return store.ID != b.Stores[store.Name] && b.recent(store.Created)
}

// CanHaveMadeSecret says whether the change can have made a secret.
func (b Baseline) CanHaveMadeSecret(secret upstream.Secret) bool {
	return secret.ID != b.Secrets[secret.Name] && b.recent(secret.Created)
}

// recent says whether something can have happened since the baseline.
func (b Baseline) recent(at time.Time) bool { return !at.Before(b.Since.Add(-Margin)) }

// LacksSecret says whether it is known that a secret was not there before.
func (b Baseline) LacksSecret(secretID string) bool {
	_, known := b.Modified[secretID]
	return b.Modified != nil && !known
}

// LacksStore says whether it is known that a store was not there before.
func (b Baseline) LacksStore(storeID string) bool {
	for _, id := range b.Stores {
		if id == storeID {
			return false
		}
	}
	return b.Stores != nil
}
