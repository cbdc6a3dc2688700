package quota

import (
	"context"

	"platform.internal/storekeeper/internal/fault"
)

// Check returns the fault of a tenant that has reached its own limit, or nil. It reserves nothing, so Take
// can still refuse the change.
func (r *Reservation) Check(ctx context.Context) error {
	if r.n == 0 || r.limit == nil {
		return nil
	}
	now, err := r.c.Store.Get(ctx, r.tenantKey)
	if err != nil {
		return fault.From(err)
	}
	h, err := readHolding(now[r.tenantKey])
	if err != nil {
		return fault.From(err)
	}
	if h.used(r.kind)+r.n <= *r.limit {
		return nil
	}
	if err := r.tenantFull(ctx); err != nil {
		return fault.From(err)
	}
	return nil
}
