package main

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"platform.internal/storekeeper/internal/config"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/spending"
	"platform.internal/storekeeper/internal/store/postgrestest"
	"platform.internal/storekeeper/internal/upstream"
)

// Replicas find the budget of a credential by the names of its accounts, and
// each budget only learns of its own refusals.
func TestReplicasTellEachOtherOfRefusals(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t)
	key := t.TempDir() + "/key"
	written(t, key, strings.Repeat("k", 32))
	named := func(id, name, file string) config.Account {
		return config.Account{ID: id, Name: name, Credential: config.Credential{APITokenFile: file}}
	}
	c := &config.Config{
		Accounts: []config.Account{named("1", "main", "/a"), named("2", "other", "/b"), named("3", "test", "/a"), {ID: "5", Name: "dev"}},
		Budget:   config.Budget{Calls: 1200, Window: 5 * time.Minute, MaxWait: 20 * time.Second},
	}
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	var both []*spending.Budgets
	for range 2 {
		s, err := openState(ctx, settings{config: sharedState(key, server.Address())}, zap.NewNop())
		must(t, err)
		defer func() { must(t, s.Close()) }()
		e := &engine{state: s, log: zap.NewNop()}
		e.budgets = newBudgets(settings{config: c}, e)
		e.budgets.Open(ctx)
		both = append(both, e.budgets)
		all.Go(func() { e.budgets.Run(ctx) })
	}
	defer all.Wait()
	defer cancel()
	// Both replicas get slots within seconds.
	for _, one := range both {
		for _, account := range []string{"test", "other", "dev"} {
			must(t, spends(ctx, one, account, upstream.Attempt{Unsent: true}))
		}
	}
	f := fault.New(fault.Throttled, "UPSTREAM_THROTTLED", "Too many.")
	f.RetryAfter = 5 * time.Minute
	must(t, spends(ctx, both[0], "main", upstream.Attempt{Status: http.StatusTooManyRequests, Err: f}))
	blocked := func(account string) bool {
		return both[1].Check(ctx, account, false) != nil
	}
	for late := time.After(patience); !blocked("test"); {
		select {
		case <-late:
			t.Fatal("the other replica does not hear of it")
		case <-time.After(5 * time.Millisecond):
		}
	}
	for _, account := range []string{"other", "dev"} {
		if blocked(account) {
			t.Errorf("%s is blocked too", account)
		}
	}
}

// spends makes one call with the given result.
func spends(ctx context.Context, b *spending.Budgets, account string, end upstream.Attempt) error {
	for begun := time.Now(); ; {
		ended, err := b.Admit(ctx, upstream.Ask{Operation: "GetSecret", Account: account})
		switch {
		case err == nil:
			ended(end)
			return nil
		case time.Since(begun) > patience:
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
}
