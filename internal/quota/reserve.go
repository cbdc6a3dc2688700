package quota

import (
	"context"
	"errors"
	"time"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/store"
)

const (
	// contention is the maximum wait for other changes that may use or free the last places.
	contention = 2 * time.Second
	// glance is the poll interval during that wait.
	glance = 20 * time.Millisecond
)

// Reasons why Take refuses places.
var (
	errTenantFull  = errors.New("the tenant has all that its limit allows")
	errAccountFull = errors.New("the account has all that its plan allows")
	errContended   = errors.New("others may need the last places of the account")
	errNoReading   = errors.New("the quota of the account is not known")
)

// Reservation is the part of a change in the commit that begins the change. It reserves places.
type Reservation struct {
	*Counter
	asked
	note note
	// since is the start of the change.
	since time.Time
	// seen is the account record of the last Take.
	seen balance
	// checked says that the tenant's objects were verified.
	checked bool
	// blind says that the quota of the account cannot be read, so that only Cloudflare checks the quota.
	blind bool
}

// Reserve returns the reservation of a change, nil if the change is not counted. It reads nothing.
func (c *Counter) Reserve(ch Change) *Reservation {
	id, ok := c.counted(ch.Account)
	if !ok {
		return nil
	}
	r := &Reservation{
		Counter: c, since: c.c.Clock(),
		note: note{Account: id, StoreID: ch.StoreID, DeletesStore: ch.DeletesStore, Deletes: ch.Deletes},
	}
	n := &r.note
	if ch.Stores+ch.Secrets > 0 {
		r.asked = c.ask(id, ch)
		n.Kind, n.Places = r.kind, r.n
		if r.limit != nil {
			n.Tenant = &r.tenant
		}
	}
	if n.empty() || n.Places > 0 && !r.counts() {
		return nil
	}
	return r
}

// Note encodes the reservation for Counter.Release after a restart.
func (r *Reservation) Note() []byte { return r.note.encode() }

// Release returns the release of the change.
func (r *Reservation) Release(ctx context.Context, e Ended) (*Release, error) {
	return r.releaseOf(ctx, r.note, r.asked, e)
}

// Keys are the records that Take reads and changes.
func (r *Reservation) Keys() []string {
	if r.note.DeletesStore {
		return []string{deletionKey(r.note.Account, r.note.StoreID)}
	}
	return r.keys(0)
}

// counts reports whether a create is counted.
func (a asked) counts() bool { return a.limit != nil || a.kind == secrets && a.n > 0 }

// keys returns the records that count a create, with capacity for more.
func (a asked) keys(more int) []string {
	keys := make([]string, 0, 2+more)
	if a.limit != nil {
		keys = append(keys, a.tenantKey)
	}
	if a.kind == secrets && a.n > 0 {
		keys = append(keys, accountKey(a.account))
	}
	return keys
}

// Take reserves the places if they are free. Pass its error to Wait.
func (r *Reservation) Take(now map[string]store.Record, changes map[string]*store.Record) error {
	if r.note.DeletesStore {
		return r.note.beginDeletion(now, changes)
	}
	if r.n == 0 {
		return nil
	}
	at := r.c.Clock()
	if r.limit != nil {
		key := r.tenantKey
		h, err := readHolding(now[key])
		if err != nil {
			return err
		}
		if h.used(r.kind)+r.n > *r.limit {
			return errTenantFull
		}
		*h.held(r.kind) += r.n
		changes[key] = h.record()
	}
	if r.kind == stores {
		return nil
	}
	key := accountKey(r.account)
	b, err := readBalance(now[key])
	if r.seen = b; err == nil {
		err = r.judge(b, at)
	}
	if err != nil {
		return err
	}
	b.Held += int64(r.n)
	changes[key] = b.record(at)
	return nil
}

// judge returns an error if the account has no room.
func (r *Reservation) judge(b balance, at time.Time) error {
	switch {
	case r.blind:
		return nil
	case !b.known(at):
		return errNoReading
	}
	return b.room(r.n)
}

// Wait handles a refusal of Take: it verifies the tenant's objects, reads the quota of the account again, or
// waits for other changes. It returns nil if Take may succeed now, and otherwise the fault for the caller.
func (r *Reservation) Wait(ctx context.Context, refusal error) error {
	deadline := r.since.Add(contention)
	err := refusal
	switch {
	case errors.Is(refusal, errTenantFull):
		err = r.tenantFull(ctx)
	case errors.Is(refusal, errNoReading):
		err = r.refresh(ctx, func(balance) bool { return true })
	case errors.Is(refusal, errAccountFull):
		err = r.accountFull(ctx, deadline)
	case errors.Is(refusal, errContended):
		err = r.contended(ctx, deadline)
	}
	if err != nil {
		return fault.From(err)
	}
	return nil
}

// tenantFull verifies once whether the tenant's objects still exist. It returns the fault if all do.
func (r *Reservation) tenantFull(ctx context.Context) error {
	if !r.checked {
		r.checked = true
		if gone, err := r.verify(ctx, r.asked); err != nil || gone {
			return err
		}
	}
	return tenantFault(r.kind, *r.limit)
}

// exact reports whether b proves that an account is full. A reading from before the change is too old, and
// objects created since the reading may count twice.
func (r *Reservation) exact(b balance) bool { return !b.Read.Before(r.since) && b.Made == b.Base }

// accountFull reads the quota again if the record may be inexact. Otherwise it returns the fault.
func (r *Reservation) accountFull(ctx context.Context, deadline time.Time) error {
	if !r.exact(r.seen) && r.c.Clock().Before(deadline) {
		return r.refresh(ctx, r.exact)
	}
	return accountFault(r.seen.Quota)
}

// contended waits until another change has ended. It returns the fault if none ends in time.
func (r *Reservation) contended(ctx context.Context, deadline time.Time) error {
	if !r.exact(r.seen) && r.c.Clock().Before(deadline) {
		return r.refresh(ctx, r.exact)
	}
	for r.c.Clock().Before(deadline) {
		if err := pause(ctx, glance); err != nil {
			return err
		}
		b, err := r.balance(ctx)
		if err != nil {
			return err
		}
		if b.Made != r.seen.Made || b.Held != r.seen.Held || !b.Read.Equal(r.seen.Read) {
			return nil
		}
	}
	return accountFault(r.seen.Quota)
}

// balance reads the record of the account.
func (r *Reservation) balance(ctx context.Context) (balance, error) {
	key := accountKey(r.account)
	found, err := r.c.Store.Get(ctx, key)
	if err != nil {
		return balance{}, err
	}
	return readBalance(found[key])
}

// pause waits for d or until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
