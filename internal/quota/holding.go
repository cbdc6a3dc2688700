package quota

import (
	"encoding/json"
	"time"

	"platform.internal/storekeeper/internal/records"
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

// holding is the record of a tenant in an account: how much it has made, and what
// it is making. What that is stands in the records of the objects, so that a
// change costs the same however much a tenant has.
type holding struct {
	Stores  int `json:"stores,omitempty"`
	Secrets int `json:"secrets,omitempty"`
	// Reserved are the places of changes that are not known to have ended, by
	// their operations.
	Reserved map[string]claim `json:"reserved,omitempty"`
}

// claim is the places that a change holds.
type claim struct {
	Stores  int       `json:"stores,omitempty"`
	Secrets int       `json:"secrets,omitempty"`
	Until   time.Time `json:"until"`
}

func (l claim) of(k kind) int {
	if k == stores {
		return l.Stores
	}
	return l.Secrets
}

// owner is the record of an object: who made it.
type owner struct {
	Tenant string `json:"tenant"`
	// Since is when it began to count. A listing from before may lack it.
	Since time.Time `json:"since"`
}

// readOwner gives the record of an object, and false where there is none.
func readOwner(e records.Entry) (owner, bool, error) {
	var o owner
	err := read(e, &o)
	return o, len(e.Value) > 0, err
}

// readHolding gives the record of a tenant without the claims that have lapsed.
func readHolding(e records.Entry, now time.Time) (holding, error) {
	h := holding{}
	if err := read(e, &h); err != nil {
		return h, err
	}
	h.Reserved = current(h.Reserved, now)
	return h, nil
}

// current gives the claims that have not lapsed.
func current(all map[string]claim, now time.Time) map[string]claim {
	left := map[string]claim{}
	for op, l := range all {
		if now.Before(l.Until) {
			left[op] = l
		}
	}
	return left
}

// count is how many objects of a kind the tenant has.
func (h *holding) count(k kind) *int {
	if k == stores {
		return &h.Stores
	}
	return &h.Secrets
}

// used counts what the tenant has and what it is making, but for one operation.
func (h *holding) used(k kind, but string) int {
	return *h.count(k) + reserved(h.Reserved, k, but)
}

// reserved counts the places that are held, but for those of one operation.
func reserved(all map[string]claim, k kind, but string) int {
	n := 0
	for op, l := range all {
		if op != but {
			n += l.of(k)
		}
	}
	return n
}

// entry is the record as it is kept: none where it says nothing.
func (h *holding) entry() *records.Entry {
	if h.Stores+h.Secrets+len(h.Reserved) == 0 {
		return nil
	}
	return &records.Entry{Value: written(*h)}
}

func read(e records.Entry, into any) error {
	if len(e.Value) == 0 {
		return nil
	}
	return json.Unmarshal(e.Value, into)
}

// written encodes a record. Those of this package hold nothing that JSON has
// not.
func written[R holding | balance | owner](r R) []byte {
	text, _ := json.Marshal(r) //nolint:errchkjson // maps, texts, numbers and times of this century
	return text
}
