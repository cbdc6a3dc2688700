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
	tenantPrefix  = "quota/tenant/"
	accountPrefix = "quota/account/"
	ownerPrefix   = "quota/owner/"
)

// tenantKey names the record of a tenant in an account. The tenant stands last:
// it may hold a slash, and the account may not.
func tenantKey(account, tenant string) string { return tenantPrefix + account + "/" + tenant }

func accountKey(account string) string { return accountPrefix + account }

func ownerKey(account, id string) string { return ownerPrefix + account + "/" + id }

// holding is the record of a tenant in an account: what it has made and what it
// is making.
type holding struct {
	Stores  map[string]object `json:"stores,omitempty"`
	Secrets map[string]object `json:"secrets,omitempty"`
	// Reserved are the places of changes that are not known to have ended, by
	// their operations.
	Reserved map[string]claim `json:"reserved,omitempty"`
}

// object is something that a tenant made.
type object struct {
	// Store is the store of a secret. Empty for a store.
	Store string `json:"store,omitempty"`
	// Since is when it began to count. A listing from before may lack it.
	Since time.Time `json:"since"`
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

// owner is the record of an object: who made it, and where it is.
type owner struct {
	Tenant string `json:"tenant"`
	Store  string `json:"store,omitempty"`
}

// readHolding gives the record of a tenant without the claims that have lapsed.
func readHolding(e records.Entry, now time.Time) (holding, error) {
	h := holding{}
	if err := read(e, &h); err != nil {
		return h, err
	}
	if h.Stores == nil {
		h.Stores = map[string]object{}
	}
	if h.Secrets == nil {
		h.Secrets = map[string]object{}
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

func (h holding) objects(k kind) map[string]object {
	if k == stores {
		return h.Stores
	}
	return h.Secrets
}

// used counts what the tenant has and what it is making, but for one operation.
func (h holding) used(k kind, but string) int {
	return len(h.objects(k)) + reserved(h.Reserved, k, but)
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
func (h holding) entry() *records.Entry {
	if len(h.Stores)+len(h.Secrets)+len(h.Reserved) == 0 {
		return nil
	}
	return &records.Entry{Value: written(h)}
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
