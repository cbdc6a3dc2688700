package quota

import (
	"encoding/json"
	"time"

	"platform.internal/storekeeper/internal/store"
)

// kind is what is counted.
type kind int

const (
	stores kind = iota
	secrets
)

const (
	tenantPrefix  = "quota/count/"
	accountPrefix = "quota/account/"
	ownerPrefix   = "quota/object/"
)

// tenantKey names the record of a tenant in an account. The tenant stands last:
// it may hold a slash, and the account may not.
func tenantKey(account, tenant string) string { return tenantPrefix + account + "/" + tenant }

func accountKey(account string) string { return accountPrefix + account }

// ownersKey begins the names of the records of the secrets of a store, or of the
// stores of an account where there is no store. Whoever deletes one knows where it
// is, and all that go with a store stand together.
func ownersKey(account, store string) string { return ownerPrefix + account + "/" + store + "/" }

func ownerKey(account, store, id string) string { return ownersKey(account, store) + id }

// holding is the record of a tenant in an account: how much it has made, and how
// much it is about to make. What it has made stands in the records of the
// objects, so that a change costs the same however much a tenant has.
type holding struct {
	Stores  int `json:"stores,omitempty"`
	Secrets int `json:"secrets,omitempty"`
	// HeldStores and HeldSecrets are the places of changes that have not ended.
	HeldStores  int `json:"held_stores,omitempty"`
	HeldSecrets int `json:"held_secrets,omitempty"`
}

// owner is the record of an object: who made it.
type owner struct {
	Tenant string `json:"tenant"`
	// Since is when it began to count. A listing from before may lack it.
	Since time.Time `json:"since"`
}

// readOwner gives the record of an object, and false where there is none.
func readOwner(e store.Record) (owner, bool, error) {
	var o owner
	err := read(e, &o)
	return o, len(e.Value) > 0, err
}

// readHolding gives the record of a tenant.
func readHolding(r store.Record) (h holding, err error) {
	return h, read(r, &h)
}

// count is how many objects of a kind the tenant has.
func (h *holding) count(k kind) *int {
	if k == stores {
		return &h.Stores
	}
	return &h.Secrets
}

// held is how many places of a kind the tenant's changes hold.
func (h *holding) held(k kind) *int {
	if k == stores {
		return &h.HeldStores
	}
	return &h.HeldSecrets
}

// used counts what the tenant has and what it is about to make.
func (h *holding) used(k kind) int { return *h.count(k) + *h.held(k) }

// record is the record as it is kept: none where it says nothing.
func (h *holding) record() *store.Record {
	if *h == (holding{}) {
		return nil
	}
	return &store.Record{Value: written(*h)}
}

func read(r store.Record, into any) error {
	if len(r.Value) == 0 {
		return nil
	}
	return json.Unmarshal(r.Value, into)
}

// written encodes a record. Those of this package hold nothing that JSON has
// not.
func written[R holding | balance | owner | note](r R) []byte {
	text, _ := json.Marshal(r) //nolint:errchkjson // texts, numbers and times of this century
	return text
}
