package change

import (
	"errors"
	"fmt"
)

var (
	// ErrNotDone is what Steps.Inspect returns when nothing of the change is
	// seen. That is no proof for the trail: Cloudflare may carry out a request
	// late, and an outsider may have deleted what it made.
	ErrNotDone = errors.New("the change was not done")
	// ErrUnproven is what Steps.Inspect returns when Cloudflare shows neither
	// that the change was done nor that it was not done. The change must be
	// reported as unknown.
	ErrUnproven = errors.New("it cannot be seen whether the change was done")
	// ErrPartlyDone is an ErrUnproven: a part of the change was done, or an
	// object that the change made was changed since. Only the same change, made
	// again with Attempt.Resume and the same Attempt.Baseline, can finish it.
	ErrPartlyDone = fmt.Errorf("a part of it is there: %w", ErrUnproven)
	// ErrNeverThere is in the fault of an inspection which proves that the change
	// was not made: its object is not there, and was not there before. Any other
	// fault of an inspection is about the looking.
	ErrNeverThere = errors.New("the object was not there before the change")
	// ErrSentBefore is in the fault of a change that was refused when it was sent
	// again after its answer had been lost. The refusal is the answer, and says
	// nothing of the time before: that may have been made, and undone by others.
	ErrSentBefore = errors.New("it was sent before, and that answer was lost")
)
