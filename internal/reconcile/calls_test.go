package reconcile_test

import (
	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/change/changetest"
	"platform.internal/storekeeper/internal/reconcile"
)

// settler makes changes by the calls to Cloudflare, and settles them.
type settler struct {
	*reconcile.Reconciler
	changetest.Calls
}

func newSettler(c reconcile.Config, to change.Cloudflare) settler {
	s := reconcile.New(c)
	return settler{s, changetest.Through(s.Apply, to)}
}

// target is the object of a change.
type target struct {
	Account, StoreID, StoreName string
	SecretNames, SecretIDs      []string
}

func (t target) op() *change.Op {
	op := &change.Op{Account: t.Account, StoreID: t.StoreID, StoreName: t.StoreName, SecretIDs: t.SecretIDs}
	for _, name := range t.SecretNames {
		op.Secrets = append(op.Secrets, change.NewSecret{Name: name})
	}
	return op
}
