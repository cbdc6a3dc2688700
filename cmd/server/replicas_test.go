package main

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"platform.internal/storekeeper/internal/config"
	"platform.internal/storekeeper/internal/records/valkeytest"
)

// Replicas find the budget of a credential by the names of its accounts, and
// each budget hears of its own refusals alone.
func TestReplicasTellEachOtherOfRefusals(t *testing.T) {
	t.Parallel()
	server := valkeytest.Start(t)
	key := t.TempDir() + "/key"
	written(t, key, strings.Repeat("k", 32))
	c := spenders()
	c.Budget.Replicas = 2
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	var both []*purses
	for i := range 2 {
		s, err := openState(ctx, config.Idempotency{
			Store: config.StoreValkey, KeyFile: key, Valkey: config.Valkey{Address: server.Address(), TLS: "off"},
		}, zap.NewNop())
		must(t, err)
		defer func() { must(t, s.Close()) }()
		e := &engine{purses: spending(t, c, nil), state: s, log: zap.NewNop(), replica: strconv.Itoa(i)}
		both = append(both, e.purses)
		all.Go(func() { e.share(ctx, c.Budget) })
	}
	defer all.Wait()
	defer cancel()
	both[0].call(t, "main", "", throttledFor(5*time.Minute))
	for late := time.After(patience); both[1].byAccount["test"].State().BlockedUntil.IsZero(); {
		select {
		case <-late:
			t.Fatal("the other replica does not hear of it")
		case <-time.After(5 * time.Millisecond):
		}
	}
	for _, account := range []string{"other", "key", "dev"} {
		if !both[1].byAccount[account].State().BlockedUntil.IsZero() {
			t.Errorf("%s is blocked too", account)
		}
	}
	if both[1].byAccount["main"].Refused() != 0 {
		t.Error("it would be passed on")
	}
}
