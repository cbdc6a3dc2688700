package reconcile

import (
	"context"
	"maps"
	"slices"

	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/upstream"
)

// createSecrets makes secrets. When the answer was lost, those of them that are
// there are adopted and given the values, scopes and comments that were asked
// for, and those that are missing are sent again. Where Cloudflare refuses the
// rest, what is there is left as it is.
func (t *run) createSecrets() procedure {
	b := &batchCreate{run: t, wanted: t.op().Secrets, made: make([]*upstream.Secret, len(t.op().Secrets))}
	b.repeats = len(set(t.op().Names())) < len(b.wanted)
	return procedure{
		send:  func(ctx context.Context) (change.Result, error) { return b.send(ctx, b.missing(nil)) },
		round: b.round, inspect: b.inspect,
	}
}

// batchCreate is a list of secrets that are being made.
type batchCreate struct {
	*run

	wanted []change.NewSecret
	// made are those that are there and as they were asked for, by their place.
	made []*upstream.Secret
	// repeats says that a name is in the batch twice, so that Cloudflare cannot
	// have made it.
	repeats bool
	// refused is what Cloudflare said to the last attempt.
	refused error
}

// missing gives the places of what is neither made nor found.
func (b *batchCreate) missing(found map[int]upstream.Secret) []int {
	var missing []int
	for i := range b.wanted {
		if _, ok := found[i]; !ok && b.made[i] == nil {
			missing = append(missing, i)
		}
	}
	return missing
}

// send makes the secrets at some places.
func (b *batchCreate) send(ctx context.Context, places []int) (change.Result, error) {
	op, values := *b.op(), b.change.Values
	if len(places) < len(b.wanted) {
		op, values = change.Part(b.op(), values, places)
	}
	r, err := b.sendAs(ctx, op, values)
	if err != nil {
		return r, err
	}
	// Who made them keeps them when nobody can say otherwise.
	mine, err := b.mine(ctx, r.IDs())
	for _, secret := range r.Secrets {
		if err == nil && !mine[secret.ID] {
			return change.Result{}, taken("secret", secret.Name)
		}
	}
	return r, nil
}

// round sends what is missing and then adopts what was found, so that nothing
// that was found is changed when the rest is refused.
func (b *batchCreate) round(ctx context.Context) (change.Result, error) {
	found, foreign, err := b.find(ctx)
	if err != nil {
		return change.Result{}, err
	}
	missing := b.missing(found)
	switch {
	case len(missing) == 0:
	case b.refused != nil && (foreign || b.repeats || !isNameTaken(b.refused)):
		return change.Result{}, b.refused
	default:
		r, err := b.sendAgain(ctx, missing, foreign)
		if err != nil || len(missing) == len(b.wanted) {
			return r, err
		}
	}
	return b.adopt(ctx, found)
}

// sendAgain sends what is missing. A refusal counts only after another look,
// unless it is what the last one showed: an earlier request may have landed
// just before.
func (b *batchCreate) sendAgain(ctx context.Context, missing []int, foreign bool) (change.Result, error) {
	b.refused = nil
	r, err := b.send(ctx, missing)
	if len(missing) < len(b.wanted) {
		err = moved(err, missing)
	}
	switch {
	case final(err) && foreign && isNameTaken(err):
		return r, err
	case final(err):
		b.refused = err
		return r, errAgain
	case err != nil:
		return r, err
	}
	for i, place := range missing {
		b.made[place] = &r.Secrets[i]
	}
	return r, nil
}

// adopt brings what was found to what was asked for. Somebody else may have
// made it in between, so that its value is set too.
func (b *batchCreate) adopt(ctx context.Context, found map[int]upstream.Secret) (change.Result, error) {
	var ray string
	for _, place := range slices.Sorted(maps.Keys(found)) {
		_, value := change.Part(b.op(), b.change.Values, []int{place})
		r, err := b.bringTo(ctx, found[place].ID, b.wanted[place], value)
		switch {
		case isNotFound(err):
			return change.Result{}, errAgain
		case err != nil:
			return change.Result{}, within(err, place)
		}
		adopted := r.Secret()
		b.made[place], ray = &adopted, r.Ray
	}
	whole := change.Result{Secrets: make([]upstream.Secret, len(b.made)), Ray: ray}
	for i, secret := range b.made {
		whole.Secrets[i] = *secret
	}
	return whole, nil
}

// inspect takes the batch for done only where all of it is there and as it was
// asked for, values aside, which cannot be seen.
func (b *batchCreate) inspect(ctx context.Context) (change.Result, error) {
	found, _, err := b.list(ctx)
	switch {
	case err != nil:
		return change.Result{}, err
	case len(found) == 0:
		return change.Result{}, change.ErrNotDone
	}
	made := make([]upstream.Secret, 0, len(found))
	for i, wanted := range b.wanted {
		secret, ok := found[i]
		if !ok || !sameScopes(secret.Scopes, wanted.Scopes) || !sameComment(secret.Comment, wanted.Comment) {
			return change.Result{}, change.ErrPartlyDone
		}
		made = append(made, secret)
	}
	mine, err := b.mine(ctx, identifiers(made))
	if err != nil || len(mine) < len(made) {
		return change.Result{}, orNotDone(err)
	}
	return change.Result{Secrets: made}, nil
}

// find gives what this change made, by place, without what is known to be made.
// foreign says that one of the names is somebody else's.
func (b *batchCreate) find(ctx context.Context) (found map[int]upstream.Secret, foreign bool, err error) {
	found, foreign, err = b.list(ctx)
	if err != nil {
		return nil, false, err
	}
	mine, err := b.mine(ctx, identifiers(slices.Collect(maps.Values(found))))
	if err != nil {
		return nil, false, err
	}
	all := len(found)
	maps.DeleteFunc(found, func(_ int, s upstream.Secret) bool { return !mine[s.ID] })
	return found, foreign || len(found) < all, nil
}

// list gives what this change can have made, by place.
func (b *batchCreate) list(ctx context.Context) (found map[int]upstream.Secret, foreign bool, err error) {
	named, err := b.secrets(ctx)
	if err != nil {
		return nil, false, err
	}
	found = map[int]upstream.Secret{}
	for i, wanted := range b.wanted {
		secret, ok := named[wanted.Name]
		switch {
		case !ok || b.made[i] != nil:
		case !b.repeats && b.change.Baseline.CanHaveMadeSecret(secret):
			found[i] = secret
		default:
			foreign = true
		}
	}
	return found, foreign, nil
}

func identifiers(secrets []upstream.Secret) []string {
	ids := make([]string, len(secrets))
	for i, secret := range secrets {
		ids[i] = secret.ID
	}
	return ids
}
