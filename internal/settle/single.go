package settle

import (
	"context"

	"platform.internal/storekeeper/internal/upstream"
)

// single is one new object that is being made under a name.
type single[R any] struct {
	*trial

	// sort is the word for it, and name its name.
	sort, name string
	// create sends it.
	create func(context.Context) (upstream.Answer[R], error)
	// find lists what there is and gives what has the name, nil if nothing has.
	// ours says whether this change can have made it.
	find func(context.Context) (found *R, ours bool, err error)
	// idOf gives the identifier.
	idOf func(R) string
	// asked says whether it is as it was asked for, and adopt makes it so.
	asked func(R) bool
	adopt func(context.Context, R) (upstream.Answer[R], error)

	// refused is what Cloudflare said to the last attempt.
	refused error
}

func (n *single[R]) course() course[R] {
	return course[R]{send: n.send, round: n.round, inspect: n.inspect}
}

// send makes it. Another change may have adopted it before the answer came; it
// is that one's then.
func (n *single[R]) send(ctx context.Context) (upstream.Answer[R], error) {
	answer, err := n.create(ctx)
	if err != nil {
		return answer, err
	}
	id := n.idOf(answer.Result)
	// Who made it keeps it when nobody can say otherwise.
	if mine, err := n.mine(ctx, []string{id}); err == nil && !mine[id] {
		return upstream.Answer[R]{}, taken(n.sort, n.name)
	}
	return answer, nil
}

// round adopts it or sends again. A refusal counts only after another look: an
// earlier request may have landed just before.
func (n *single[R]) round(ctx context.Context) (upstream.Answer[R], error) {
	found, ours, err := n.look(ctx)
	switch {
	case err != nil:
		return upstream.Answer[R]{}, err
	case ours && n.asked(*found):
		return upstream.Answer[R]{Result: *found}, nil
	case ours:
		answer, err := send(ctx, n.trial, func(ctx context.Context) (upstream.Answer[R], error) { return n.adopt(ctx, *found) })
		if isNotFound(err) {
			err = errAgain
		}
		return answer, err
	case n.refused != nil && (found != nil || !isNameTaken(n.refused)):
		return upstream.Answer[R]{}, n.refused
	}
	n.refused = nil
	answer, err := send(ctx, n.trial, n.send)
	if !final(err) || found != nil && isNameTaken(err) {
		return answer, err
	}
	n.refused = err
	return answer, errAgain
}

// look finds it, and takes it for its own where it is nobody else's.
func (n *single[R]) look(ctx context.Context) (found *R, ours bool, err error) {
	found, ours, err = n.find(ctx)
	if err != nil || !ours {
		return found, false, err
	}
	id := n.idOf(*found)
	mine, err := n.mine(ctx, []string{id})
	return found, mine[id], err
}

func (n *single[R]) inspect(ctx context.Context) (upstream.Answer[R], error) {
	found, ours, err := n.find(ctx)
	switch {
	case err != nil:
		return upstream.Answer[R]{}, err
	case !ours:
		return upstream.Answer[R]{}, ErrNotDone
	case !n.asked(*found):
		return upstream.Answer[R]{}, ErrPartlyDone
	}
	id := n.idOf(*found)
	mine, err := n.mine(ctx, []string{id})
	if err != nil || !mine[id] {
		return upstream.Answer[R]{}, orNotDone(err)
	}
	return upstream.Answer[R]{Result: *found}, nil
}
