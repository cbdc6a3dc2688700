package reconcile

import (
	"context"

	"platform.internal/storekeeper/internal/change"
)

// singleCreate is the creation of one object under a name.
type singleCreate struct {
	*run

	// sort is the kind of object, and name its name.
	sort, name string
	// find returns the object with the name, nil if there is none. ours says whether this change can have
	// created the object.
	find func(*singleCreate, context.Context) (found *change.Result, ours bool, err error)
	// asked reports whether the object is as requested, and adopt updates the object to the request.
	asked func(change.Result) bool
	adopt func(context.Context, change.Result) (change.Result, error)

	// refused is Cloudflare's refusal of the last attempt.
	refused error
}

// send creates the object. If another change has adopted the object before the answer came, the object
// belongs to that change.
func (n *singleCreate) send(ctx context.Context) (change.Result, error) {
	r, err := n.run.send(ctx)
	if err != nil {
		return r, err
	}
	// If Owners fails, the change that created the object keeps the object.
	if mine, err := n.owns(ctx, &r); err == nil && !mine {
		return change.Result{}, taken(n.sort, n.name)
	}
	return r, nil
}

// owns claims the object for this change and reports whether this change owns the object.
func (n *singleCreate) owns(ctx context.Context, made *change.Result) (bool, error) {
	ids := made.IDs()
	others, err := n.take(ctx, ids)
	return err == nil && len(others) < len(ids), err
}

// round adopts the object or sends the create again. A refusal is final only after another lookup, because an
// earlier request may have taken effect just before.
func (n *singleCreate) round(ctx context.Context) (change.Result, error) {
	found, ours, err := n.findOwn(ctx)
	switch {
	case err != nil:
		return change.Result{}, err
	case ours && n.asked(*found):
		return *found, nil
	case ours:
		r, err := n.adopt(ctx, *found)
		if isNotFound(err) {
			err = errAgain
		}
		return r, err
	case n.refused != nil && (found != nil || !isNameTaken(n.refused)):
		return change.Result{}, n.refused
	}
	n.refused = nil
	r, err := n.send(ctx)
	if !final(err) || found != nil && isNameTaken(err) {
		return r, err
	}
	n.refused = err
	return r, errAgain
}

// findOwn finds the object and takes ownership, unless another change owns the object.
func (n *singleCreate) findOwn(ctx context.Context) (found *change.Result, ours bool, err error) {
	found, ours, err = n.find(n, ctx)
	if err != nil || !ours {
		return found, false, err
	}
	ours, err = n.owns(ctx, found)
	return found, ours, err
}

func (n *singleCreate) inspect(ctx context.Context) (change.Result, error) {
	found, ours, err := n.find(n, ctx)
	switch {
	case err != nil:
		return change.Result{}, err
	case !ours:
		return change.Result{}, change.ErrNotDone
	case !n.asked(*found):
		return change.Result{}, change.ErrPartlyDone
	}
	if mine, err := n.owns(ctx, found); err != nil || !mine {
		return change.Result{}, orNotDone(err)
	}
	return *found, nil
}
