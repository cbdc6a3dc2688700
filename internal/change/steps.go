package change

import "context"

// Steps are the steps of a change between its two commits: begin has made the
// intent and the locks durable, and finish makes the answer durable. A step that
// is nil is left out.
type Steps struct {
	// Publish tells the cache and the other replicas what became of the change.
	Publish Step
	// Reconcile finds out what became of a change whose answer was lost.
	Reconcile Step
	// Batch lets creates that wait for a permit leave in one request.
	Batch Step
	// Send sends the change to Cloudflare.
	Send Next
}

// steps is the way that every change takes, outer to inner.
func (s Steps) steps() []Step {
	return []Step{
		// Around all that can make something, and before the caller hears of it: no
		// read that begins after the answer may show less than the answer said.
		s.Publish,
		// Around what can lose an answer, so that a lost one is looked up, and the
		// change adopted or sent again, before anybody is told that it failed.
		s.Reconcile,
		// Last before the request, when its permit is waited for: what was sent alone
		// after a lost answer, and what is found out, waits for no company.
		s.Batch,
	}
}

// Do makes a change. What else is known of it comes with the context (see With).
// Errors are faults.
func (s Steps) Do(ctx context.Context, op Op, values Values) (Result, error) {
	a := &Attempt{}
	if known := From(ctx); known != nil {
		own := *known
		a = &own
	}
	op.Caller, op.Tenant = a.Op.Caller, a.Op.Tenant
	a.Op, a.Values = op, values
	return s.Apply(ctx, a)
}

// Apply makes a change. Its errors are those of the steps.
func (s Steps) Apply(ctx context.Context, a *Attempt) (Result, error) {
	return through(s.steps(), s.Send)(ctx, a)
}

// through puts steps before what sends a change.
func through(steps []Step, send Next) Next {
	for i := len(steps) - 1; i >= 0; i-- {
		step, next := steps[i], send
		if step == nil {
			continue
		}
		send = func(ctx context.Context, a *Attempt) (Result, error) { return step(ctx, a, next) }
	}
	return send
}
