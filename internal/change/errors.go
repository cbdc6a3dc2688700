package change

import (
	"errors"
	"fmt"
)

var (
	// ErrNotDone is returned by Steps.Inspect if no effect of the change is visible. It does not prove that
	// the change was not made: Cloudflare may execute a request late, and another client may have deleted the
	// object.
	ErrNotDone = errors.New("the change was not done")
	// ErrUnproven is returned by Steps.Inspect if Cloudflare's state proves neither that the change was made
	// nor the opposite. The change must be reported as unknown.
	ErrUnproven = errors.New("it cannot be seen whether the change was done")
	// ErrPartlyDone is an ErrUnproven: a part of the change was made, or an object of the change was changed
	// afterwards. Only the same change with Attempt.Resume and the same Attempt.Baseline can finish it.
	ErrPartlyDone = fmt.Errorf("a part of it is there: %w", ErrUnproven)
	// ErrNeverThere is in the fault of an inspection that proves that the change was not made: the object
	// does not exist and did not exist before. Any other fault means that the inspection failed.
	ErrNeverThere = errors.New("the object was not there before the change")
	// ErrAgain is in the fault of a change that was decided on an outdated state. No part of the change was
	// made. The caller must decide again.
	ErrAgain = errors.New("the state is not the one that the change was decided on")
	// ErrSentBefore is in the fault of a change that was refused when it was sent again after a lost answer.
	// The first request may have taken effect, and another client may have undone the effect.
	ErrSentBefore = errors.New("it was sent before, and that answer was lost")
)
