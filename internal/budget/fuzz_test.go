package budget_test

import (
	"context"
	"testing"

	"platform.internal/storekeeper/internal/budget"
)

func FuzzHeadersStopNothing(f *testing.F) {
	f.Add(`"default";r=50;t=30`, `"default";q=1200;w=300`)
	f.Add(`"default";r=0`, `"burst";q=100;w=60, "default";q=1200;w=300`)
	f.Add(`;;=r`, `"default";q=1200;w=9223372036854775807`)
	f.Fuzz(func(t *testing.T, limit, policy string) {
		s := budget.New(budget.Config{})
		defer s.Close()
		for range 3 {
			permit, err := s.Acquire(context.Background(), budget.Ask{})
			if err != nil {
				t.Fatal(err)
			}
			permit.Done(budget.Result{Sent: true, Answered: true, Limit: limit, Policy: policy})
		}
		if got := s.State(); got.Outside < 0 || got.Limit < 600 {
			t.Errorf("headers %q and %q leave %d slots", limit, policy, got.Limit)
		}
	})
}
