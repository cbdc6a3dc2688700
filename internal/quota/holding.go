package quota

import (
	"time"

	"platform.internal/storekeeper/internal/store"
	"platform.internal/storekeeper/internal/store/fields"
)

// resourceState is the kind of counted object: stores or secrets.
type resourceState int

const (
	stores resourceState = iota
	secrets
)

// recordVersion is the version of all record layouts and of the note.
const recordVersion = 1

const (
	tenantPrefix   = "quota/count/"
	accountPrefix  = "quota/account/"
	ownerPrefix    = "quota/object/"
	deletionPrefix = "quota/deletion/"
)

// tenantKey returns the record key of a tenant in an account. The tenant comes last because a tenant may
// contain a slash, and an account may not.
func tenantKey(account, tenant string) string { return tenantPrefix + account + "/" + tenant }

func accountKey(account string) string { return accountPrefix + account }

// ownersKey returns the key prefix of the records of the secrets of a store, or of the stores of an account
// if store is "". The record of an object can be found from its location, and the secrets of a store have a
// common prefix.
func ownersKey(account, store string) string { return ownerPrefix + account + "/" + store + "/" }

func ownerKey(account, store, id string) string {
	return ownerPrefix + account + "/" + store + "/" + id
}

// holding is the record of a tenant in an account: the number of existing objects and of reserved places. The
// objects have their own records, so the cost of a change does not grow with the number of objects.
type holding struct {
	Stores  int
	Secrets int
	// HeldStores and HeldSecrets are the places reserved by open changes.
	HeldStores  int
	HeldSecrets int
}

// owner is the record of an object. It names the tenant that created the object.
type owner struct {
	Tenant string
	// Since is the time at which the object began to count. A listing read before may lack the object.
	Since time.Time
}

// readOwner decodes the record of an object. It returns false if there is none.
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

// readHolding decodes the record of a tenant.
func readHolding(e store.Record) (holding, error) {
	if len(e.Value) == 0 {
		return holding{}, nil
	}
	r := fields.Read(e.Value, recordVersion)
	h := holding{int(r.Int()), int(r.Int()), int(r.Int()), int(r.Int())}
	return h, r.End()
}

// count returns the number of objects of a kind.
func (h *holding) count(k resourceState) *int {
	if k == stores {
		return &h.Stores
	}
	return &h.Secrets
}

// held returns the number of reserved places of a kind.
func (h *holding) held(k resourceState) *int {
	if k == stores {
		return &h.HeldStores
	}
	return &h.HeldSecrets
}

// used returns the number of objects plus reserved places.
func (h *holding) used(k resourceState) int { return *h.count(k) + *h.held(k) }

// record returns the record to store, nil if all counts are 0.
func (h *holding) record() *store.Record {
	if *h == (holding{}) {
		return nil
	}
	b := fields.Int(fields.Int(fields.Begin(recordVersion, 24), h.Stores), h.Secrets)
	return &store.Record{Value: fields.Int(fields.Int(b, h.HeldStores), h.HeldSecrets)}
}
