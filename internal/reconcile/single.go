package reconcile

import (
	"context"

	"platform.internal/storekeeper/internal/change"
)

// singleCreate is one new object that is being made under a name.
type singleCreate struct {
	*run

	// sort is the word for it, and name its name.
	sort, name string
	// find lists what there is and gives what has the name, nil if nothing has.
	// ours says whether this change can have made it.
	find func(context.Context) (found *change.Result, ours bool, err error)
	// asked says whether it is as it was asked for, and adopt makes it so.
	asked func(change.Result) bool
	adopt func(context.Context, change.Result) (change.Result, error)

	// refused is what Cloudflare said to the last attempt.
	refused error
}

func (n *singleCreate) course() procedure {
	return procedure{send: n.send, round: n.round, inspect: n.inspect}
}

// send makes it. Another change may have adopted it before the answer came; it
// is that one's then.
func (n *singleCreate) send(ctx context.Context) (change.Result, error) {
	r, err := n.run.send(ctx)
	if err != nil {
		return r, err
	}
	// Who made it keeps it when nobody can say otherwise.
	if mine, err := n.mine(ctx, r.IDs()); err == nil && len(mine) == 0 {
		return change.Result{}, taken(n.sort, n.name)
	}
	return r, nil
}

// round adopts it or sends again. A refusal counts only after another look: an
// earlier request may have landed just before.
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

// findOwn finds it, and takes it for its own where it is nobody else's.
func (n *singleCreate) findOwn(ctx context.Context) (found *change.Result, ours bool, err error) {
	found, ours, err = n.find(ctx)
	if err != nil || !ours {
		return found, false, err
	}
	mine, err := n.mine(ctx, found.IDs())
	return found, len(mine) > 0, err
}

func (n *singleCreate) inspect(ctx context.Context) (change.Result, error) {
	found, ours, err := n.find(ctx)
	switch {
	case err != nil:
		return change.Result{}, err
	case !ours:
		return change.Result{}, change.ErrNotDone
	case !n.asked(*found):
		return change.Result{}, change.ErrPartlyDone
	}
	mine, err := n.mine(ctx, found.IDs())
	if err != nil || len(mine) == 0 {
		return change.Result{}, orNotDone(err)
	}
	return *found, nil
}
