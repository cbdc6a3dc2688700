package quota

import "platform.internal/storekeeper/internal/store/fields"

// note is stored with the intent of a reservation.
type note struct {
	Account string
	// Tenant is the key of the tenant with the places. Nil: the account alone.
	Tenant       *string
	Kind         resourceState
	Places       int // the number of objects to be made
	StoreID      string
	DeletesStore bool
	Deletes      []string
}

// encode encodes a note for readNote.
func (n *note) encode() []byte {
	b := fields.Text(fields.Begin(recordVersion, 128), n.Account)
	if b = fields.Bool(b, n.Tenant != nil); n.Tenant != nil {
		b = fields.Text(b, *n.Tenant)
	}
	b = fields.Text(fields.Int(fields.Int(b, n.Kind), n.Places), n.StoreID)
	return fields.Texts(fields.Bool(b, n.DeletesStore), n.Deletes)
}

func readNote(kept []byte) (note, error) {
	r := fields.Read(kept, recordVersion)
	n := note{Account: r.Text()}
	if r.Bool() {
		tenant := r.Text()
		n.Tenant = &tenant
	}
	n.Kind, n.Places, n.StoreID = resourceState(r.Int()), int(r.Int()), r.Text()
	n.DeletesStore, n.Deletes = r.Bool(), r.Texts()
	return n, r.End()
}

func (n *note) empty() bool { return n.Places == 0 && !n.DeletesStore && len(n.Deletes) == 0 }

// asked is what a change took. Of the limit only whether there is one counts.
func (n *note) asked() asked {
	a := asked{account: n.Account, kind: n.Kind, n: n.Places}
	if n.Tenant != nil {
		a.tenant, a.tenantKey, a.limit = *n.Tenant, tenantKey(n.Account, *n.Tenant), new(int)
	}
	return a
}
