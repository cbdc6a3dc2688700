package reconcile

import (
	"context"
	"slices"

	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/upstream"
)

// createStore creates a store. If the answer was lost, it adopts a store created under the name since the
// baseline.
func (t *run) createStore() procedure {
	name := t.op().StoreName
	n := &singleCreate{
		run: t, sort: "store", name: name,
		find: func(ctx context.Context) (*change.Result, bool, error) {
			stores, err := t.stores(ctx)
			at := slices.IndexFunc(stores, func(s upstream.Store) bool { return s.Name == name })
			if err != nil || at < 0 {
				return nil, false, err
			}
			return &change.Result{Store: &stores[at]}, t.change.Baseline.CanHaveMadeStore(stores[at]), nil
		},
		// A store has no properties except its name.
		asked: func(change.Result) bool { return true },
	}
	return n.course()
}

// deleteStore deletes a store. A store that is gone after a lost answer counts as deleted, unless the
// baseline lacks the store.
func (t *run) deleteStore() procedure {
	id := t.op().StoreID
	lacked := t.change.Baseline.LacksStore(id)
	return procedure{
		send: t.send,
		round: func(ctx context.Context) (change.Result, error) {
			r, err := t.send(ctx)
			return gone(r, err, lacked)
		},
		inspect: func(ctx context.Context) (change.Result, error) {
			stores, err := t.stores(ctx)
			if err != nil {
				return change.Result{}, err
			}
			if slices.ContainsFunc(stores, func(s upstream.Store) bool { return s.ID == id }) {
				return change.Result{}, change.ErrNotDone
			}
			return gone(change.Result{}, missing("store"), lacked)
		},
	}
}

// gone turns NotFound into success, unless the baseline lacks the object.
func gone(r change.Result, err error, lacked bool) (change.Result, error) {
	if isNotFound(err) && !lacked {
		return change.Result{}, nil
	}
	return r, err
}
