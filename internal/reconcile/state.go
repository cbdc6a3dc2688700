package reconcile

import (
	"context"
	"strconv"
	"time"

	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/upstream"
)

// run is one change in progress.
type run struct {
	*Reconciler

	change *change.Attempt
	next   change.Next
	began  time.Time

	looks int
	// outcome is the last reported conclusion.
	outcome Conclusion
}

// begin starts a change.
func (s *Reconciler) begin(a *change.Attempt, next change.Next) *run {
	t := &run{Reconciler: s, change: a, next: next, began: s.clock()}
	if t.change.Baseline.Since.IsZero() {
		t.change.Baseline.Since = t.began.Add(s.ahead(a.Op.Account))
	}
	if t.change.ID == "" {
		t.change.ID = "#" + strconv.FormatUint(s.calls.Add(1), 10)
	}
	return t
}

// op returns the operation of the change.
func (t *run) op() *change.Op { return &t.change.Op }

// send makes one attempt to send the change.
func (t *run) send(ctx context.Context) (change.Result, error) {
	return t.sendAs(ctx, t.change.Op, t.change.Values)
}

// sendAs sends an operation for the change once, unless this process does not own the change any more.
func (t *run) sendAs(ctx context.Context, op change.Op, values change.Values) (change.Result, error) {
	if !t.change.Owned() {
		return change.Result{}, errNotHeld
	}
	a := *t.change
	a.Op, a.Values = op, values
	t.change.Sends++
	ctx, cancel := t.bounded(ctx)
	defer cancel()
	return t.next(ctx, &a)
}

// bounded returns a context that ends at the latest after the limit of an attempt. It returns ctx if ctx ends
// earlier.
func (t *run) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if end, ok := ctx.Deadline(); ok && time.Until(end) <= t.limit {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, t.limit)
}

// look returns a context for a listing.
func (t *run) look(ctx context.Context) (context.Context, context.CancelFunc) {
	t.looks++
	return t.bounded(change.With(ctx, t.change))
}

// notBefore returns the earliest acceptable time of a listing.
func (t *run) notBefore() time.Time {
	if t.change.InspectOnly && !t.change.NotBefore.IsZero() {
		return t.change.NotBefore
	}
	return t.clock()
}

// secrets lists the store as of now, by name. A store that does not exist has no secrets: the next request to
// the store returns the fault.
func (t *run) secrets(ctx context.Context) (map[string]upstream.Secret, error) {
	ctx, cancel := t.look(ctx)
	defer cancel()
	listed, err := t.listings.Secrets(ctx, t.op().Account, t.op().StoreID, t.notBefore())
	if err != nil && !isNotFound(err) {
		return nil, err
	}
	named := make(map[string]upstream.Secret, len(listed))
	for _, secret := range listed {
		named[secret.Name] = secret
	}
	return named, nil
}

// stores lists the stores as of now.
func (t *run) stores(ctx context.Context) ([]upstream.Store, error) {
	ctx, cancel := t.look(ctx)
	defer cancel()
	return t.listings.Stores(ctx, t.op().Account, t.notBefore())
}

// take claims objects for this change and returns those that another change owns.
func (t *run) take(ctx context.Context, ids []string) (others []string, err error) {
	if len(ids) == 0 {
		return nil, nil
	}
	ctx, cancel := t.bounded(ctx)
	defer cancel()
	return t.owners.Take(ctx, t.change.ID, t.op().Account, ids)
}
