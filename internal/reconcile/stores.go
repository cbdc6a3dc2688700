package reconcile

import (
	"context"
	"slices"

	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/upstream"
)

// createStore makes a store. What was made under the name since the baseline
// is adopted when the answer was lost.
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
		// There is nothing to a store but its name.
		asked: func(change.Result) bool { return true },
	}
	return n.course()
}

// deleteStore deletes a store. A store that is gone after a lost answer was
// deleted, unless it was not there before.
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

// gone makes a success of something that is not there any more, unless it was
// not there before either.
func gone(r change.Result, err error, lacked bool) (change.Result, error) {
	if isNotFound(err) && !lacked {
		return change.Result{}, nil
	}
	return r, err
}
