package change

import (
	"context"
	"errors"
	"fmt"

	"platform.internal/storekeeper/internal/fault"
)

// Inspect determines whether a change of an ended process was made. It runs the steps without sending. The
// error is ErrNotDone, ErrUnproven, or a refusal with ErrNeverThere. After any other error the inspection
// must be repeated.
func (c Changer) Inspect(ctx context.Context, a *Attempt) (Result, error) {
	inspected := *a
	inspected.InspectOnly = true
	r, err := c.Apply(ctx, &inspected)
	switch {
	case err == nil, errors.Is(err, ErrNeverThere), errors.Is(err, ErrNotDone), errors.Is(err, ErrUnproven):
		return r, err
	case isDefinite(err):
		// A refusal of the inspection itself, for example because the account
		// is not served any more, says nothing about the change, and waiting
		// would not help.
		return Result{}, fmt.Errorf("%w: %w", ErrUnproven, err)
	}
	return Result{}, err
}

// isDefinite reports whether a repeated request would get the same fault.
func isDefinite(err error) bool {
	switch fault.From(err).Kind {
	case fault.BadInput, fault.TooLarge, fault.NotFound, fault.NameTaken, fault.LimitReached, fault.NotEmpty:
		return true
	default:
		return false
	}
}
