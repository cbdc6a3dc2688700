package quota

import (
	"time"

	"platform.internal/storekeeper/internal/store"
	"platform.internal/storekeeper/internal/store/fields"
)

// resourceState is what is counted.
type resourceState int

const (
	stores resourceState = iota
	secrets
)

// recordVersion is the version of the layouts of all records and of the note.
const recordVersion = 1

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

func ownerKey(account, store, id string) string {
	return ownerPrefix + account + "/" + store + "/" + id
}

// holding is the record of a tenant in an account: how much it has made, and how
// much it is about to make. What it has made stands in the records of the
// objects, so that a change costs the same however much a tenant has.
type holding struct {
	Stores  int
	Secrets int
	// HeldStores and HeldSecrets are the places of changes that have not ended.
	HeldStores  int
	HeldSecrets int
}

// owner is the record of an object: who made it.
type owner struct {
	Tenant string
	// Since is when it began to count. A listing from before may lack it.
	Since time.Time
}

// readOwner gives the record of an object, and false where there is none.
func readOwner(e store.Record) (owner, bool, error) {
	if len(e.Value) == 0 {
		return owner{}, false, nil
	}
	r := fields.Read(e.Value, recordVersion)
	o := owner{Tenant: r.Text(), Since: r.Time()}
	return o, true, r.End()
}

func (o *owner) record() *store.Record {
	return &store.Record{Value: fields.Time(fields.Text(fields.Begin(recordVersion, 32+len(o.Tenant)), o.Tenant), o.Since)}
}

// readHolding gives the record of a tenant.
func readHolding(e store.Record) (holding, error) {
	if len(e.Value) == 0 {
		return holding{}, nil
	}
	r := fields.Read(e.Value, recordVersion)
	h := holding{int(r.Int()), int(r.Int()), int(r.Int()), int(r.Int())}
	return h, r.End()
}

// count is how many objects of a kind the tenant has.
func (h *holding) count(k resourceState) *int {
	if k == stores {
		return &h.Stores
	}
	return &h.Secrets
}

// held is how many places of a kind the tenant's changes hold.
func (h *holding) held(k resourceState) *int {
	if k == stores {
		return &h.HeldStores
	}
	return &h.HeldSecrets
}

// used counts what the tenant has and what it is about to make.
func (h *holding) used(k resourceState) int { return *h.count(k) + *h.held(k) }

// record is the record as it is kept: none where it says nothing.
func (h *holding) record() *store.Record {
	if *h == (holding{}) {
		return nil
	}
	b := fields.Int(fields.Int(fields.Begin(recordVersion, 24), h.Stores), h.Secrets)
	return &store.Record{Value: fields.Int(fields.Int(b, h.HeldStores), h.HeldSecrets)}
}
