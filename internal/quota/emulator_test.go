package quota_test

import (
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/emulator"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/store/file"
	"platform.internal/storekeeper/internal/upstream"
)

// emulated is a client of an emulator with a store, and the emulator.
func emulated(t *testing.T, limit int) (*upstream.Client, *emulator.Emulator, string) {
	t.Helper()
	e := emulator.New(emulator.Config{Accounts: []emulator.Account{{ID: account, SecretLimit: limit}}})
	server := httptest.NewServer(e)
	t.Cleanup(server.Close)
	c, err := upstream.New(upstream.Config{Accounts: []upstream.Account{
		{ID: account, Name: "main", BaseURL: server.URL + "/client/v4", Token: upstream.NewToken("token")},
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	made, err := c.CreateStore(t.Context(), upstream.CreateStoreParams{Account: account, Name: "default"})
	if err != nil {
		t.Fatal(err)
	}
	return c, e, made.Result.ID
}

func TestLastPlacesOfARealAccount(t *testing.T) {
	next, e, storeID := emulated(t, 20)
	folder := t.TempDir()
	kept, err := file.Open(t.Context(), file.Config{
		Folder: filepath.Join(folder, "state"), Trail: file.TrailConfig{Path: filepath.Join(folder, "audit.log")},
		MaxWait: time.Minute, // the disk of a busy machine is slow
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = kept.Close() }()
	clients := []*counted{client(next, kept, rules(1, 3)), client(next, kept, rules(1, 3))}
	var all sync.WaitGroup
	var made atomic.Int64
	for i := range 40 {
		all.Go(func() {
			_, err := clients[i%2].CreateSecrets(as(fmt.Sprintf("tenant-%d", i%8)), upstream.CreateSecretsParams{
				Account: "main", StoreID: storeID, Secrets: []upstream.NewSecret{{Name: fmt.Sprintf("SECRET_%d", i), Value: "v", Scopes: []string{"workers"}}},
			})
			switch {
			case err == nil:
				made.Add(1)
			case want(err, fault.LimitReached) != nil:
				t.Error(err)
			}
		})
	}
	all.Wait()
	// 8 tenants with 3 each would be 24.
	if _, there := e.Counts(account); made.Load() != 20 || there != 20 {
		t.Errorf("%d were made, and there are %d, want 20", made.Load(), there)
	}
	if refused := e.Calls("secrets-store-secret-create") - 20; refused > 0 {
		t.Errorf("Cloudflare refused %d", refused)
	}
}

// TestLostAnswerOfARealAccountHoldsThePlace: after a lost answer the place stays reserved.
func TestLostAnswerOfARealAccountHoldsThePlace(t *testing.T) {
	next, e, storeID := emulated(t, 20)
	c := client(next, newMemory(), rules(1, 1))
	p := upstream.CreateSecretsParams{
		Account: account, StoreID: storeID, Secrets: []upstream.NewSecret{{Name: "A", Value: "v", Scopes: []string{"workers"}}},
	}
	if err := e.Inject(emulator.Fault{Kind: emulator.KindCut, Method: "POST", Times: 1, AfterCommit: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.CreateSecrets(as("a"), p); fault.From(err).Reason != fault.ReasonUpstreamAnswerLost {
		t.Fatal(err)
	}
	p.Secrets[0].Name = "B"
	if _, err := c.CreateSecrets(as("a"), p); want(err, fault.LimitReached) != nil {
		t.Error(err)
	}
	if _, there := e.Counts(account); there != 1 {
		t.Errorf("there are %d secrets", there)
	}
}
