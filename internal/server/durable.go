package server

import (
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/idempotency"
)

const (
	// perChange is the approximate size of the records of a change in state and
	// trail, beside its request, in bytes.
	perChange = 3 << 10
	// perSecret is the approximate size that each further secret adds: its
	// names, identifiers and answer.
	perSecret = 1 << 10
	// maxTenants is the number of tenants with a limiter of their own.
	maxTenants = 10_000
)

// Durable limits how many bytes the changes of each tenant write per hour. It
// is safe for concurrent use. The zero value and nil have no limit.
type Durable struct {
	// PerHour is the maximum number of bytes. 0 means no limit.
	PerHour int64
	// Observe is called with the bytes of each change of a tenant, and whether the change was
	// refused. Nil means no call.
	Observe func(tenant string, bytes int64, refused bool)

	mu      sync.Mutex
	tenants map[string]*rate.Limiter
}

// durableBytes returns the approximate number of bytes that a change writes: the intent with the
// request and the answer in the state, and two records in the trail.
func durableBytes(i idempotency.Intent, secrets int) int64 {
	return int64(2*len(i.Op) + len(i.Baseline) + perChange + secrets*perSecret)
}

// take counts the bytes of a change, or refuses the change with a retry delay. A change larger than
// the limit uses the whole limit.
func (d *Durable) take(tenant string, bytes int64) error {
	if d == nil {
		return nil
	}
	wait := d.wait(tenant, bytes, time.Now())
	if d.Observe != nil {
		d.Observe(tenant, bytes, wait > 0)
	}
	if wait <= 0 {
		return nil
	}
	f := fault.New(fault.Throttled, fault.ReasonTenantBytesSpent,
		"The changes of your tenant have written as much as they may in an hour; nothing was changed. Try again later.")
	f.RetryAfter = max(wait.Round(time.Second), time.Second)
	return f
}

// wait counts the bytes and returns 0, or returns how long to wait.
func (d *Durable) wait(tenant string, bytes int64, now time.Time) time.Duration {
	if d.PerHour <= 0 {
		return 0
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	limiter := d.of(tenant, now)
	r := limiter.ReserveN(now, int(min(bytes, int64(limiter.Burst()))))
	wait := r.DelayFrom(now)
	if wait > 0 {
		r.CancelAt(now)
	}
	return wait
}

// of returns the limiter of a tenant. Tenants that have written nothing for an
// hour are dropped.
func (d *Durable) of(tenant string, now time.Time) *rate.Limiter {
	if l := d.tenants[tenant]; l != nil {
		return l
	}
	if d.tenants == nil {
		d.tenants = map[string]*rate.Limiter{}
	}
	if len(d.tenants) >= maxTenants {
		for name, l := range d.tenants {
			if l.TokensAt(now) >= float64(l.Burst()) {
				delete(d.tenants, name)
			}
		}
	}
	burst := int(min(d.PerHour, math.MaxInt32))
	l := rate.NewLimiter(rate.Limit(float64(d.PerHour)/time.Hour.Seconds()), burst)
	d.tenants[tenant] = l
	return l
}
