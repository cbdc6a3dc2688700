package settle_test

import (
	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/change/changetest"
	"platform.internal/storekeeper/internal/settle"
)

// settler makes changes by the calls to Cloudflare, and settles them.
type settler struct {
	*settle.Settler
	changetest.Calls
}

func newSettler(c settle.Config, to change.Cloudflare) settler {
	s := settle.New(c)
	return settler{s, changetest.Through(s.Apply, to)}
}

// target is what a change is about.
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
