package reconcile

import (
	"context"
	"maps"
	"slices"

	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/upstream"
)

// createSecrets creates secrets. If the answer was lost, it adopts the secrets that exist, sets their values,
// scopes and comments, and sends the missing secrets again. If Cloudflare refuses the missing secrets, the
// existing secrets stay unchanged.
func (t *run) createSecrets() *batchCreate {
	return &batchCreate{run: t, wanted: t.op().Secrets, made: make([]*upstream.Secret, len(t.op().Secrets))}
}

// batchCreate is a batch of secrets in creation.
type batchCreate struct {
	*run

	wanted []change.NewSecret
	// made are the secrets that exist as requested, by index.
	made []*upstream.Secret
	// refused is Cloudflare's refusal of the last attempt.
	refused error
}

// repeats reports whether the batch has a name twice. Cloudflare cannot have created such a batch.
func (b *batchCreate) repeats() bool { return len(set(b.op().Names())) < len(b.wanted) }

// missing returns the indices of secrets that are neither made nor found.
func (b *batchCreate) missing(found map[int]upstream.Secret) []int {
	var missing []int
	for i := range b.wanted {
		if _, ok := found[i]; !ok && b.made[i] == nil {
			missing = append(missing, i)
		}
	}
	return missing
}

// send creates all secrets.
func (b *batchCreate) send(ctx context.Context) (change.Result, error) {
	return b.sendPart(ctx, *b.op(), b.change.Values)
}

// sendPart creates some of the secrets.
func (b *batchCreate) sendPart(ctx context.Context, op change.Op, values change.Values) (change.Result, error) {
	r, err := b.sendAs(ctx, op, values)
	if err != nil {
		return r, err
	}
	// If Owners fails, the change that created the secrets keeps them.
	others, err := b.take(ctx, r.IDs())
	for _, secret := range r.Secrets {
		if err == nil && slices.Contains(others, secret.ID) {
			return change.Result{}, taken("secret", secret.Name)
		}
	}
	return r, nil
}

// round first sends what is missing and then adopts what was found. If the send is refused, the found secrets
// stay unchanged.
func (b *batchCreate) round(ctx context.Context) (change.Result, error) {
	found, foreign, err := b.find(ctx)
	if err != nil {
		return change.Result{}, err
	}
	missing := b.missing(found)
	switch {
	case len(missing) == 0:
	case b.refused != nil && (foreign || b.repeats() || !isNameTaken(b.refused)):
		return change.Result{}, b.refused
	default:
		r, err := b.sendAgain(ctx, missing, foreign)
		if err != nil || len(missing) == len(b.wanted) {
			return r, err
		}
	}
	return b.adopt(ctx, found)
}

// sendAgain sends what is missing. A refusal is final only after another lookup, because an earlier request
// may have taken effect just before. A refusal that the last lookup explains is final at once.
func (b *batchCreate) sendAgain(ctx context.Context, missing []int, foreign bool) (change.Result, error) {
	b.refused = nil
	var r change.Result
	var err error
	if len(missing) == len(b.wanted) {
		r, err = b.send(ctx)
	} else {
		op, values := change.Part(b.op(), b.change.Values, missing)
		r, err = b.sendPart(ctx, op, values)
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

// adopt updates the found secrets to the request. It also sets the values, because another client may have
// created the secrets in the meantime.
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

// inspect considers the batch done only if all secrets exist with the requested scopes and comments. Values
// cannot be read.
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
	others, err := b.take(ctx, identifiers(made))
	if err != nil || len(others) > 0 {
		return change.Result{}, orNotDone(err)
	}
	return change.Result{Secrets: made}, nil
}

// find returns the secrets that this change created and that are not in made, by index. foreign says that one
// of the names belongs to another change.
func (b *batchCreate) find(ctx context.Context) (found map[int]upstream.Secret, foreign bool, err error) {
	found, foreign, err = b.list(ctx)
	if err != nil {
		return nil, false, err
	}
	others, err := b.take(ctx, identifiers(slices.Collect(maps.Values(found))))
	if err != nil {
		return nil, false, err
	}
	all := len(found)
	maps.DeleteFunc(found, func(_ int, s upstream.Secret) bool { return slices.Contains(others, s.ID) })
	return found, foreign || len(found) < all, nil
}

// list returns the secrets that this change can have created, by index.
func (b *batchCreate) list(ctx context.Context) (found map[int]upstream.Secret, foreign bool, err error) {
	named, err := b.secrets(ctx)
	if err != nil {
		return nil, false, err
	}
	found = map[int]upstream.Secret{}
	repeats := b.repeats()
	for i, wanted := range b.wanted {
		secret, ok := named[wanted.Name]
		switch {
		case !ok || b.made[i] != nil:
		case !repeats && b.change.Baseline.CanHaveMadeSecret(secret):
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
