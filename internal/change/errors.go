package change

import (
	"errors"
	"fmt"
)

var (
	// ErrNotDone is returned by Steps.Inspect if no effect of the change is
	// visible. It does not prove that the change was not made: Cloudflare may
	// execute a request late, and someone outside Storekeeper may have deleted
	// the object.
	ErrNotDone = errors.New("the change was not done")
	// ErrUnproven is returned by Steps.Inspect if Cloudflare shows neither that
	// the change was made nor that it was not. The change must be reported as
	// unknown.
	ErrUnproven = errors.New("it cannot be seen whether the change was done")
	// ErrPartlyDone is an ErrUnproven: a part of the change was made, or an
	// object of the change was changed afterwards. Only the same change with
	// Attempt.Resume and the same Attempt.Baseline can finish it.
	ErrPartlyDone = fmt.Errorf("a part of it is there: %w", ErrUnproven)
	// ErrNeverThere is in the fault of an inspection that proves that the
	// change was not made: its object does not exist and did not exist before.
	// Any other fault of an inspection is about the inspection itself.
	ErrNeverThere = errors.New("the object was not there before the change")
	// ErrAgain is in the fault of a change that was decided on by a state that is
	// not there any more. Nothing of it was made, and it must be decided on again.
	ErrAgain = errors.New("the state is not the one that the change was decided on")
	// ErrSentBefore is in the fault of a change that was refused when it was
	// sent again after a lost answer. The first request may have been made, and
	// its effect undone by others.
	ErrSentBefore = errors.New("it was sent before, and that answer was lost")
)
