package settle

import (
	"context"
	"slices"

	"platform.internal/storekeeper/internal/upstream"
)

// CreateStore makes a store. What was made under the name since the baseline
// is adopted when the answer was lost.
func (s *Settler) CreateStore(ctx context.Context, p upstream.CreateStoreParams) (upstream.Answer[upstream.Store], error) {
	ctx, t := s.begin(ctx, "CreateStore", p.Account)
	n := &single[upstream.Store]{
		trial: t, sort: "store", name: p.Name,
		create: func(ctx context.Context) (upstream.Answer[upstream.Store], error) { return s.next.CreateStore(ctx, p) },
		find: func(ctx context.Context) (*upstream.Store, bool, error) {
			stores, err := t.stores(ctx)
			at := slices.IndexFunc(stores, func(s upstream.Store) bool { return s.Name == p.Name })
			if err != nil || at < 0 {
				return nil, false, err
			}
			return &stores[at], t.operation.Baseline.madeStore(stores[at]), nil
		},
		idOf: func(s upstream.Store) string { return s.ID },
		// There is nothing to a store but its name.
		asked: func(upstream.Store) bool { return true },
	}
	return run(ctx, t, n.course())
}

// DeleteStore deletes a store. A store that is gone after a lost answer was
// deleted, unless it was not there before.
func (s *Settler) DeleteStore(ctx context.Context, p upstream.DeleteStoreParams) (upstream.Answer[upstream.None], error) {
	ctx, t := s.begin(ctx, "DeleteStore", p.Account)
	remove := func(ctx context.Context) (upstream.Answer[upstream.None], error) { return s.next.DeleteStore(ctx, p) }
	strange := t.operation.Baseline.strangeStore(p.StoreID)
	return run(ctx, t, course[upstream.None]{
		send: remove,
		round: func(ctx context.Context) (upstream.Answer[upstream.None], error) {
			answer, err := send(ctx, t, remove)
			return gone(answer, err, strange)
		},
		inspect: func(ctx context.Context) (upstream.Answer[upstream.None], error) {
			stores, err := t.stores(ctx)
			if err != nil {
				return upstream.Answer[upstream.None]{}, err
			}
			if slices.ContainsFunc(stores, func(s upstream.Store) bool { return s.ID == p.StoreID }) {
				return upstream.Answer[upstream.None]{}, ErrNotDone
			}
			return gone(upstream.Answer[upstream.None]{}, missing("store"), strange)
		},
	})
}

// gone makes a success of something that is not there any more, unless it was
// not there before either.
func gone(answer upstream.Answer[upstream.None], err error, strange bool) (upstream.Answer[upstream.None], error) {
	if isNotFound(err) && !strange {
		return upstream.Answer[upstream.None]{}, nil
	}
	return answer, err
}
