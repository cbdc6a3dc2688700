package change_test

import (
	"context"
	"errors"
	"testing"

	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/fault"
)

// TestWhatAnInspectionMayFind has a step that reconciles end in every way.
func TestWhatAnInspectionMayFind(t *testing.T) {
	away := fault.New(fault.Unavailable, "UPSTREAM_UNAVAILABLE", "away")
	never := fault.New(fault.NotFound, "SECRET_NOT_FOUND", "none").Because(change.ErrNeverThere)
	for name, tc := range map[string]struct{ found, want error }{
		"it was made":                 {nil, nil},
		"it was not made":             {change.ErrNotDone, change.ErrNotDone},
		"it was made in part":         {change.ErrPartlyDone, change.ErrUnproven},
		"it cannot be seen":           {change.ErrUnproven, change.ErrUnproven},
		"its object was never there":  {never, change.ErrNeverThere},
		"Cloudflare is away":          {away, away},
		"the looking itself refused":  {fault.New(fault.NotFound, "STORE_NOT_FOUND", "none"), change.ErrUnproven},
		"the account is not served":   {fault.New(fault.Denied, "ACCOUNT_NOT_ALLOWED", "none"), nil},
		"the account is over a limit": {fault.New(fault.LimitReached, "MAXIMUM", "none"), change.ErrUnproven},
	} {
		steps := change.Steps{
			Reconcile: func(_ context.Context, a *change.Attempt, _ change.Next) (change.Result, error) {
				if !a.InspectOnly || a.ID != "1" {
					t.Errorf("%s: it goes on with %+v", name, a)
				}
				return change.Result{Ray: "ray"}, tc.found
			},
			Send: func(context.Context, *change.Attempt) (change.Result, error) {
				t.Errorf("%s: it is sent", name)
				return change.Result{}, nil
			},
		}
		a := &change.Attempt{ID: "1"}
		_, err := steps.Compose().Inspect(t.Context(), a)
		known := errors.Is(err, change.ErrNotDone) || errors.Is(err, change.ErrUnproven) || errors.Is(err, change.ErrNeverThere)
		if tc.want != nil && !errors.Is(err, tc.want) || (err == nil) != (tc.found == nil) || known != (tc.want != nil && !errors.Is(tc.want, away)) || a.InspectOnly {
			t.Errorf("%s: got %v, want %v", name, err, tc.want)
		}
	}
}
