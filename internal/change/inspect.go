package change

import (
	"context"
	"errors"
	"fmt"

	"platform.internal/storekeeper/internal/fault"
)

// Inspect finds out what became of a change whose process is gone. The change
// goes through the steps again, and nothing is sent. The error is ErrNotDone,
// ErrUnproven, or a refusal with ErrNeverThere, which looking proves. After any
// other error Cloudflare must be asked again.
func (s Steps) Inspect(ctx context.Context, a *Attempt) (Result, error) {
	inspected := *a
	inspected.InspectOnly = true
	r, err := s.Apply(ctx, &inspected)
	switch {
	case err == nil, errors.Is(err, ErrNeverThere), errors.Is(err, ErrNotDone), errors.Is(err, ErrUnproven):
		return r, err
	case isDefinite(err):
		// A refusal of the looking itself, as of an account that is not served any
		// more, says nothing of the change, and would not change by waiting.
		return Result{}, fmt.Errorf("%w: %w", ErrUnproven, err)
	}
	return Result{}, err
}

// isDefinite says whether a fault is one that asking again would give again.
func isDefinite(err error) bool {
	switch fault.From(err).Kind {
	case fault.BadInput, fault.TooLarge, fault.NotFound, fault.NameTaken, fault.LimitReached, fault.NotEmpty:
		return true
	default:
		return false
	}
}
