package quota

import (
	"context"
	"errors"
	"time"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/records"
)

const (
	// claimAge is how long a change holds its places when nobody says what
	// became of it. It is longer than any change takes.
	claimAge = 10 * time.Minute
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

// reservation is the way of one change to its places.
type reservation struct {
	*Client
	asked
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

// reserve holds places for a change, or refuses it with a fault.
func (c *Client) reserve(ctx context.Context, a asked) error {
	r := &reservation{Client: c, asked: a, since: c.c.Clock()}
	deadline := r.since.Add(contention)
	for {
		err := r.claim(ctx)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, errTenantFull):
			err = r.tenantFull(ctx)
		case errors.Is(err, errNoReading):
			err = r.refresh(ctx, func(balance) bool { return true })
		case errors.Is(err, errAccountFull):
			err = r.accountFull(ctx, deadline)
		case errors.Is(err, errContended):
			err = r.contended(ctx, deadline)
		}
		if err != nil {
			return fault.From(err)
		}
	}
}

// keys are the records that the change is counted in.
func (a asked) keys() []string {
	var keys []string
	if a.limit != nil {
		keys = append(keys, tenantKey(a.account, a.tenant))
	}
	if a.kind == secrets {
		keys = append(keys, accountKey(a.account))
	}
	return keys
}

// claim takes the places if they are free.
func (r *reservation) claim(ctx context.Context) error {
	return r.c.Records.Change(ctx, r.keys(), func(now map[string]records.Entry) (map[string]*records.Entry, error) {
		at := r.c.Clock()
		changes := map[string]*records.Entry{}
		if r.limit != nil {
			key := tenantKey(r.account, r.tenant)
			h, err := readHolding(now[key], at)
			if err != nil {
				return nil, err
			}
			if !r.forced && h.used(r.kind, r.op)+r.n > *r.limit {
				return nil, errTenantFull
			}
			h.Reserved[r.op] = r.places(at)
			changes[key] = h.entry()
		}
		if r.kind == stores {
			return changes, nil
		}
		key := accountKey(r.account)
		b, err := readBalance(now[key], at)
		if r.seen = b; err == nil {
			err = r.judge(b, at)
		}
		if err != nil {
			return nil, err
		}
		b.Reserved[r.op] = r.places(at)
		changes[key] = b.entry(at)
		return changes, nil
	})
}

// places are those that the change holds from now on.
func (r *reservation) places(at time.Time) claim {
	if r.kind == stores {
		return claim{Stores: r.n, Until: at.Add(claimAge)}
	}
	return claim{Secrets: r.n, Until: at.Add(claimAge)}
}

// judge asks the account for the places.
func (r *reservation) judge(b balance, at time.Time) error {
	switch {
	case r.forced || r.blind:
		return nil
	case !b.known(at):
		return errNoReading
	}
	return b.room(r.n, r.op)
}

// tenantFull looks once whether the tenant's objects are still there, and
// refuses the change where all are.
func (r *reservation) tenantFull(ctx context.Context) error {
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
func (r *reservation) exact(b balance) bool { return !b.Read.Before(r.since) && b.Made == b.Base }

// accountFull asks Cloudflare where what is known may be wrong, and refuses the
// change otherwise.
func (r *reservation) accountFull(ctx context.Context, deadline time.Time) error {
	if !r.exact(r.seen) && r.c.Clock().Before(deadline) {
		return r.refresh(ctx, r.exact)
	}
	return accountFault(r.seen.Quota)
}

// contended waits until another change has ended, and refuses the change where
// none does.
func (r *reservation) contended(ctx context.Context, deadline time.Time) error {
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
		if b.Made != r.seen.Made || len(b.Reserved) != len(r.seen.Reserved) || !b.Read.Equal(r.seen.Read) {
			return nil
		}
	}
	return accountFault(r.seen.Quota)
}

// balance reads the record of the account.
func (r *reservation) balance(ctx context.Context) (balance, error) {
	key := accountKey(r.account)
	entries, err := r.c.Records.Get(ctx, key)
	if err != nil {
		return balance{}, err
	}
	return readBalance(entries[key], r.c.Clock())
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
