package guarantees_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/emulator"
	"platform.internal/storekeeper/test/guarantees/calls"
	"platform.internal/storekeeper/test/guarantees/fleet"
)

func TestTwoTenantsCannotTakeTheSameLastPlace(t *testing.T) {
	t.Parallel()
	const places, mine = 12, 9
	w := build(t, plan{
		replicas: 2,
		settings: fleet.Settings{
			Callers:      []fleet.Caller{{Name: "a", Tenant: "ta"}, {Name: "b", Tenant: "tb"}},
			SecretQuotas: map[string]int{"ta": mine, "tb": mine},
		},
		cloudflare: emulator.Config{Accounts: []emulator.Account{{ID: fleet.Account, SecretLimit: places}}},
	})
	var all sync.WaitGroup
	var made, refused atomic.Int64
	for i := range 24 {
		tenant, r := []string{"a", "b"}[i%2], w.replicas[i/2%2]
		all.Go(func() {
			a := w.settled(w.rest(tenant, r), fmt.Sprintf("%s-%d", tenant, i))
			switch a.Verdict {
			case calls.Done:
				made.Add(1)
			case calls.Full:
				refused.Add(1)
			default:
				t.Errorf("an answer that should never come: %s", a.Said)
			}
		})
	}
	all.Wait()
	a, b := len(w.at("a-")), len(w.at("b-"))
	t.Logf("the tenants have %d and %d of %d places, %d were refused", a, b, places, refused.Load())
	if a > mine || b > mine || a+b != places || int64(a+b) != made.Load() {
		t.Errorf("%d and %d secrets, %d answers said made; want at most %d each and %d together", a, b, made.Load(), mine, places)
	}
}

// settled creates a secret, and retries while the answer asks for a retry.
func (w *world) settled(client calls.Client, name string) calls.Answer {
	key := calls.Mark{Key: "key-" + name}
	end := time.Now().Add(takeover)
	for {
		a := client.Create(w.t.Context(), key, name, calls.Write{Value: "v", Comment: "c", Scopes: "workers"})
		if a.Verdict != calls.Later && a.Verdict != calls.Lost || time.Now().After(end) {
			return a
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// enoughMade is how many secrets the tenants must have made.
const enoughMade = 10

func TestNoTenantIsEverAboveItsLimit(t *testing.T) {
	t.Parallel()
	limits := map[string]int{"ta": 5, "tb": 3}
	w := build(t, plan{replicas: 2, settings: fleet.Settings{
		Callers:      []fleet.Caller{{Name: "a", Tenant: "ta"}, {Name: "b", Tenant: "tb"}},
		SecretQuotas: limits,
	}})
	w.inject(upsets()...)
	var made, full atomic.Int64
	ctx, cancel := lastingFor(t.Context(), length(t, 6*time.Second), func() bool {
		return made.Load() >= enoughMade && full.Load() == int64(len(limits))
	})
	defer cancel()
	most := map[string]int{}
	var all sync.WaitGroup
	for _, tenant := range []string{"a", "b"} {
		for i := range 4 {
			all.Go(func() { w.churn(ctx, tenant, i, &made) })
		}
	}
	for ctx.Err() == nil {
		count := map[string]int{}
		for _, s := range w.at("") {
			tenant, _, _ := strings.Cut(s.Name, "-")
			count["t"+tenant]++
		}
		for tenant, n := range count {
			if n > most[tenant] && n > limits[tenant] {
				t.Errorf("%s has %d secrets, %d allowed", tenant, n, limits[tenant])
			}
			if n == limits[tenant] && most[tenant] < n {
				full.Add(1)
			}
			most[tenant] = max(most[tenant], n)
		}
		time.Sleep(5 * time.Millisecond)
	}
	all.Wait()
	for tenant, limit := range limits {
		t.Logf("%s had at most %d of %d", tenant, most[tenant], limit)
		if most[tenant] < limit {
			t.Errorf("%s never had more than %d, so it was not held against its limit of %d", tenant, most[tenant], limit)
		}
	}
	if made.Load() < enoughMade {
		t.Errorf("only %d secrets were made", made.Load())
	}
	t.Logf("%d secrets were made and deleted", made.Load())
}

// churn creates and deletes secrets, and counts the created secrets.
func (w *world) churn(ctx context.Context, tenant string, number int, made *atomic.Int64) {
	var mine []string
	for i := 0; ctx.Err() == nil; i++ {
		client := w.rest(tenant, w.replicas[rand.IntN(2)])
		if len(mine) > 0 && rand.IntN(2) == 0 {
			if client.Delete(ctx, calls.Mark{}, mine[0]).Verdict != calls.Later {
				mine = mine[1:]
			}
			continue
		}
		a := client.Create(ctx, calls.Mark{}, fmt.Sprintf("%s-%d-%d", tenant, number, i), calls.Write{Value: "v", Scopes: "workers"})
		switch a.Verdict {
		case calls.Done:
			made.Add(1)
			mine = append(mine, a.Secrets[0].ID)
		case calls.Full, calls.Later, calls.Lost:
		default:
			w.t.Errorf("an answer that should never come: %s", a.Said)
		}
		time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
	}
}
