package main

import (
	"context"
	"net/http"
	"slices"
	"testing"

	"platform.internal/storekeeper/internal/upstream"
)

type lateKey struct{}

// TestEachLateChangeOfABatchRaisesAnAlarm sends three changes in one request. The
// leases of two have ended when the answer arrives.
func TestEachLateChangeOfABatchRaisesAnAlarm(t *testing.T) {
	t.Parallel()
	p := spending(t, spenders(), nil)
	var late []any
	p.late = func(ctx context.Context, _ upstream.Attempt) { late = append(late, ctx.Value(lateKey{})) }
	ended := false
	p.ours = func(ctx context.Context) error {
		if ended && ctx.Value(lateKey{}) != nil {
			return errUnknown
		}
		return nil
	}
	changes := []context.Context{
		context.WithValue(t.Context(), lateKey{}, "first"), t.Context(), context.WithValue(t.Context(), lateKey{}, "third"),
	}
	done, err := p.admit(upstream.WithBatch(t.Context(), changes), upstream.Ask{Operation: "CreateSecrets", Account: "main", Changes: true})
	must(t, err)
	ended = true
	done(upstream.Attempt{Operation: "CreateSecrets", Status: http.StatusOK})
	if !slices.Equal(late, []any{"first", "third"}) {
		t.Errorf("there are alarms about %v, want one about the first and one about the third change", late)
	}
}
