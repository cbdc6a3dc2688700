package quota

import (
	"context"

	"platform.internal/storekeeper/internal/fault"
)

// Check gives the fault that the change would be refused with now since its tenant
// has reached its own limit, nil where it would not. It holds no places, so the
// change can be refused yet.
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
