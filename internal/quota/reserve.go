package quota

import (
	"context"
	"errors"
	"time"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/store"
)

const (
	// contention is how long a change waits for others that may need the last
	// places or not.
	contention = 2 * time.Second
	// glance is how often it looks meanwhile.
	glance = 20 * time.Millisecond
)

// Why places are not given.
var (
	errTenantFull  = errors.New("the tenant has all that its limit allows")
	errAccountFull = errors.New("the account has all that its plan allows")
	errContended   = errors.New("others may need the last places of the account")
	errNoReading   = errors.New("the quota of the account is not known")
)

// Reservation is the part of a change in the commit that begins it: the places
// that it is about to use.
type Reservation struct {
	*Counter
	asked
	note note
	// since is when the change asked.
	since time.Time
	// seen is the record of the account that it was judged by.
	seen balance
	// checked says that the tenant's objects were looked for.
	checked bool
	// blind says that the quota of the account cannot be read, so that Cloudflare
	// alone judges.
	blind bool
}

// Reserve returns the reservation of a change, nil where the change counts for
// nothing. It asks nothing.
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

// Note describes the reservation for Release. It survives the process.
func (r *Reservation) Note() []byte { return r.note.encode() }

// Release returns the release of the change.
func (r *Reservation) Release(ctx context.Context, e Ended) (*Release, error) {
	return r.releaseOf(ctx, r.note, r.asked, e)
}

// Keys are the records that Take decides about.
func (r *Reservation) Keys() []string { return r.keys(0) }

// counts reports whether a change is counted anywhere.
func (a asked) counts() bool { return a.limit != nil || a.kind == secrets && a.n > 0 }

// keys are the records that a change is counted in, with room for some more.
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

// Take takes the places if they are free. Its error is for Wait.
func (r *Reservation) Take(now map[string]store.Record, changes map[string]*store.Record) error {
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

// judge asks the account for the places.
func (r *Reservation) judge(b balance, at time.Time) error {
	switch {
	case r.blind:
		return nil
	case !b.known(at):
		return errNoReading
	}
	return b.room(r.n)
}

// Wait acts on a refusal of Take: it looks what is still there, reads the quota
// of the account anew or waits for other changes. It returns nil where Take may
// succeed now, and else the fault for the caller.
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

// tenantFull looks once whether the tenant's objects are still there, and
// refuses the change where all are.
func (r *Reservation) tenantFull(ctx context.Context) error {
	if !r.checked {
		r.checked = true
		if gone, err := r.verify(ctx, r.asked); err != nil || gone {
			return err
		}
	}
	return tenantFault(r.kind, *r.limit)
}

// exact reports whether an account that looks full is. A reading from before the
// change asked is too old to say so, and what was made since may count twice.
func (r *Reservation) exact(b balance) bool { return !b.Read.Before(r.since) && b.Made == b.Base }

// accountFull asks Cloudflare where what is known may be wrong, and refuses the
// change otherwise.
func (r *Reservation) accountFull(ctx context.Context, deadline time.Time) error {
	if !r.exact(r.seen) && r.c.Clock().Before(deadline) {
		return r.refresh(ctx, r.exact)
	}
	return accountFault(r.seen.Quota)
}

// contended waits until another change has ended, and refuses the change where
// none does.
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

// pause waits, or gives up with the context.
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
