package spending_test

import (
	"context"
	"net/http"
	"slices"
	"testing"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/upstream"
)

type lateKey struct{}

// TestEachLateChangeOfABatchRaisesAnAlarm sends three changes in one request. The
// leases of two have ended when the answer arrives.
func TestEachLateChangeOfABatchRaisesAnAlarm(t *testing.T) {
	t.Parallel()
	var late []any
	ended := false
	c := spenders()
	c.Late = func(ctx context.Context, _ upstream.Attempt) { late = append(late, ctx.Value(lateKey{})) }
	c.Owned = func(ctx context.Context) error {
		if ended && ctx.Value(lateKey{}) != nil {
			return fault.New(fault.Unavailable, "STATE_UNAVAILABLE", "The lease has ended.")
		}
		return nil
	}
	p := open(t, c)
	changes := []context.Context{
		context.WithValue(t.Context(), lateKey{}, "first"), t.Context(), context.WithValue(t.Context(), lateKey{}, "third"),
	}
	done, err := p.Admit(upstream.WithBatch(t.Context(), changes), upstream.Ask{Operation: "CreateSecrets", Account: "main", Changes: true})
	must(t, err)
	ended = true
	done(upstream.Attempt{Operation: "CreateSecrets", Status: http.StatusOK})
	if !slices.Equal(late, []any{"first", "third"}) {
		t.Errorf("there are alarms about %v, want one about the first and one about the third change", late)
	}
}
