package reconcile

import (
	"context"
	"slices"

	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/upstream"
)

// createStore creates a store. If the answer was lost, it adopts a store created under the name since the
// baseline.
func (t *run) createStore() *singleCreate {
	return &singleCreate{
		run: t, sort: "store", name: t.op().StoreName, find: (*singleCreate).findStore,
		// A store has no properties except its name.
		asked: func(change.Result) bool { return true },
	}
}

func (n *singleCreate) findStore(ctx context.Context) (found *change.Result, ours bool, err error) {
	stores, err := n.stores(ctx)
	at := slices.IndexFunc(stores, func(s upstream.Store) bool { return s.Name == n.name })
	if err != nil || at < 0 {
		return nil, false, err
	}
	return &change.Result{Store: &stores[at]}, n.change.Baseline.CanHaveMadeStore(stores[at]), nil
}

// storeDeletion deletes a store. A store that is gone after a lost answer counts as deleted, unless the
// baseline lacks the store.
type storeDeletion struct{ *run }

func (t storeDeletion) round(ctx context.Context) (change.Result, error) {
	r, err := t.send(ctx)
	return gone(r, err, t.lacked())
}

func (t storeDeletion) inspect(ctx context.Context) (change.Result, error) {
	stores, err := t.stores(ctx)
	if err != nil {
		return change.Result{}, err
	}
	if slices.ContainsFunc(stores, func(s upstream.Store) bool { return s.ID == t.op().StoreID }) {
		return change.Result{}, change.ErrNotDone
	}
	return gone(change.Result{}, missing("store"), t.lacked())
}

func (t storeDeletion) lacked() bool { return t.change.Baseline.LacksStore(t.op().StoreID) }

// gone turns NotFound into success, unless the baseline lacks the object.
func gone(r change.Result, err error, lacked bool) (change.Result, error) {
	if isNotFound(err) && !lacked {
		return change.Result{}, nil
	}
	return r, err
}
