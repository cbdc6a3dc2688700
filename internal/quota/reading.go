package quota

import (
	"context"

	"platform.internal/storekeeper/internal/store"
)

// refresh reads the quota of the account, unless the last reading suffices. Concurrent changes share a
// reading. If the read fails, only Cloudflare checks the quota.
func (r *Reservation) refresh(ctx context.Context, enough func(balance) bool) error {
	turn := r.readings[r.account]
	select {
	case turn <- struct{}{}:
		defer func() { <-turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	began := r.c.Clock()
	before, err := r.balance(ctx)
	if err != nil {
		return err
	}
	if before.known(began) && enough(before) {
		return nil
	}
	answer, err := r.c.Quota(ctx, r.account)
	if err != nil {
		r.blind = true
		return ctx.Err()
	}
	key := accountKey(r.account)
	return r.c.Store.Commit(ctx, []string{key}, func(now map[string]store.Record) (store.Changes, error) {
		at := r.c.Clock()
		b, err := readBalance(now[key])
		if err != nil || b.Read.After(began) {
			return store.Changes{}, err
		}
		b.Quota, b.Usage, b.Read = answer.Result.Secrets.Quota, answer.Result.Secrets.Usage, began
		// The record may have been created anew during the read.
		b.Base = min(before.Made, b.Made)
		return store.Changes{Records: map[string]*store.Record{key: b.record(at)}}, nil
	})
}
