package budget_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"platform.internal/storekeeper/internal/budget"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestShareIsThatOfTheTenantsWhoCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := open()
		cfg.Weight = func(tenant string) float64 {
			if tenant == "b" {
				return 2
			}
			return 1
		}
		s := budget.New(cfg)
		defer s.Close()
		call := func(tenant string) {
			permit, err := s.Acquire(context.Background(), budget.Ask{Tenant: tenant})
			if err != nil {
				t.Fatal(err)
			}
			permit.Done(answered)
		}
		check := func(when, tenant string, want budget.Share) {
			t.Helper()
			want.Window = cfg.Window
			if got := s.Share(tenant); got != want {
				t.Errorf("%s: got %+v, want %+v", when, got, want)
			}
		}
		check("nobody called", "a", budget.Share{Quota: 1200, Remaining: 1176, Reset: cfg.Window})
		for range 100 {
			call("a")
		}
		time.Sleep(100 * time.Second)
		check("one called", "a", budget.Share{Quota: 1200, Remaining: 1076, Reset: 200 * time.Second})
		check("one called", "b", budget.Share{Quota: 800, Remaining: 800, Reset: cfg.Window})
		call("b")
		check("two called", "a", budget.Share{Quota: 400, Remaining: 300, Reset: 200 * time.Second})
		check("two called", "b", budget.Share{Quota: 800, Remaining: 799, Reset: cfg.Window})
		check("two called", "c", budget.Share{Quota: 300, Remaining: 300, Reset: cfg.Window})
		time.Sleep(200 * time.Second)
		check("the first calls no longer count", "b", budget.Share{Quota: 1200, Remaining: 1175, Reset: 100 * time.Second})
		time.Sleep(200 * time.Second)
		check("no call counts", "b", budget.Share{Quota: 1200, Remaining: 1176, Reset: cfg.Window})
		if got := s.State(); len(got.Tenants) != 0 {
			t.Errorf("tenants are still known: %v", got.Tenants)
		}
	})
}

func TestWeightsThatChangeCountAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, heavy := open(), 1.0
		cfg.Weight = func(tenant string) float64 { return map[string]float64{"b": heavy}[tenant] }
		s := budget.New(cfg)
		defer s.Close()
		for _, tenant := range []string{"a", "b"} {
			permit, err := s.Acquire(context.Background(), budget.Ask{Tenant: tenant})
			if err != nil {
				t.Fatal(err)
			}
			permit.Done(answered)
		}
		for _, test := range []struct {
			weight float64
			a, b   int
		}{{1, 600, 600}, {3, 300, 900}, {1, 600, 600}} {
			heavy = test.weight
			s.Reweigh()
			if a, b := s.Share("a").Quota, s.Share("b").Quota; a != test.a || b != test.b {
				t.Errorf("with weight %v: %d and %d, want %d and %d", test.weight, a, b, test.a, test.b)
			}
		}
	})
}

func TestShareWithoutRestTellsWhenTheNextCallGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := budget.New(open())
		defer s.Close()
		spendAll(s)
		time.Sleep(time.Minute)
		if got := s.Share("new"); got.Remaining != 0 || got.Reset < 4*time.Minute || got.Reset > 4*time.Minute+3*time.Second {
			t.Errorf("got %+v", got)
		}
	})
}
