package settle

import (
	"context"
	"errors"
	"fmt"
	"time"
)

var (
	// ErrNotDone is what an inspection returns when nothing of the change is
	// seen. That is no proof for the trail: Cloudflare may carry out a request
	// late, and an outsider may have deleted what it made.
	ErrNotDone = errors.New("the change was not done")
	// ErrUnproven is what an inspection returns when Cloudflare shows neither
	// that the change was done nor that it was not done. The change must be
	// reported as unknown.
	ErrUnproven = errors.New("it cannot be seen whether the change was done")
	// ErrPartlyDone is an ErrUnproven: a part of the change was done, or an
	// object that the change made was changed since. Only the same change, made
	// again with Operation.Resume and the same Operation.Baseline, can finish it.
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

// Operation says how a change is to be made. Its zero value is an ordinary
// change that begins now.
type Operation struct {
	// ID tells the change from all others, for Claims. Empty means that
	// nothing but this call belongs to the change.
	ID string
	// Baseline is what was there before the change. Without one, everything
	// that was made before this call is older than the change.
	Baseline Baseline
	// Resume says that an earlier run of the same change may have sent it, and
	// that Baseline is that run's: what is there is looked at before anything
	// is sent.
	Resume bool
	// InspectOnly finds out what became of a change and sends none. The values
	// of the change are not needed. The call returns the answer of the change
	// if it was done, ErrNotDone if it was not, ErrUnproven if Cloudflare cannot
	// show it, and any other fault when Cloudflare could not be asked.
	InspectOnly bool
	// NotBefore is, for InspectOnly, when nothing could happen to the change any
	// more: a listing that was read at or after it is good enough, so that many
	// changes share one. Zero: only a listing that is read from now on is.
	NotBefore time.Time
	// Held says whether the change is still this call's to make. Nothing is
	// sent once it is not. Nil means that it always is.
	Held func() bool
	// Unsent is called once, before settling begins: the time in which nothing
	// can have been sent has ended. It must be quick. Nil means that nobody
	// cares.
	Unsent func()
}

type (
	operationKey struct{}
	urgentKey    struct{}
	identityKey  struct{}
	resentKey    struct{}
)

// WithOperation returns a context for the call that makes a change.
func WithOperation(ctx context.Context, o *Operation) context.Context {
	return context.WithValue(ctx, operationKey{}, o)
}

func operationFrom(ctx context.Context) Operation {
	if o, ok := ctx.Value(operationKey{}).(*Operation); ok && o != nil {
		return *o
	}
	return Operation{}
}

// Urgent says whether a call serves to settle a change. Such calls go before
// new work, since their budget is spent in vain otherwise.
func Urgent(ctx context.Context) bool {
	urgent, _ := ctx.Value(urgentKey{}).(bool)
	return urgent
}

// Resent says how often something was sent for the same change before.
func Resent(ctx context.Context) int {
	times, _ := ctx.Value(resentKey{}).(int)
	return times
}

// Identity tells, to an implementation of Claims, which change a context
// belongs to: Operation.ID, or a text of the call's own that is not kept
// beyond the process.
func Identity(ctx context.Context) string {
	id, _ := ctx.Value(identityKey{}).(string)
	return id
}
