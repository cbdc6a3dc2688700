package change

import (
	"context"
	"slices"
)

// Steps are the steps of a change between its two commits: begin has made the
// intent and the locks durable, and finish makes the answer durable. A nil step
// is skipped.
type Steps struct {
	// Publish reports the change to the cache and the other replicas.
	Publish Step
	// Reconcile determines whether a change whose answer was lost was made.
	Reconcile Step
	// Batch sends waiting creates of one store in one request.
	Batch Step
	// Send sends the change to Cloudflare.
	Send Next
}

// steps lists the steps of every change, outermost first.
func (s Steps) steps() []Step {
	return []Step{
		// Encloses every step that can change something, and runs before the
		// caller gets the answer: a read that begins after the answer must not
		// show less than the answer.
		s.Publish,
		// Encloses every step that can lose an answer. A lost answer leads to a lookup, and the change is
		// adopted or sent again, before the caller gets an error.
		s.Reconcile,
		// Last before the request, while the change waits for a permit. A change that is sent again after a
		// lost answer does not wait for a batch.
		s.Batch,
	}
}

// Compose returns what makes changes by these steps.
func (s Steps) Compose() Changer { return Changer{first: through(s.steps(), s.Send)} }

// Changer makes changes by steps that were composed once.
type Changer struct{ first Next }

// Do makes a change. The attempt in ctx holds what else is known about it (see
// With). Errors are faults.
func (c Changer) Do(ctx context.Context, op Op, values Values) (Result, error) {
	var a Attempt
	if known := From(ctx); known != nil {
		a = *known
	}
	op.Caller, op.Tenant = a.Op.Caller, a.Op.Tenant
	a.Op, a.Values = op, values
	return c.Apply(ctx, &a)
}

// Apply makes a change. Its errors are those of the steps.
func (c Changer) Apply(ctx context.Context, a *Attempt) (Result, error) { return c.first(ctx, a) }

// through composes steps around send.
func through(steps []Step, send Next) Next {
	for _, step := range slices.Backward(steps) {
		next := send
		if step == nil {
			continue
		}
		send = func(ctx context.Context, a *Attempt) (Result, error) { return step(ctx, a, next) }
	}
	return send
}
