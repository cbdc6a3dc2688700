package settle

import (
	"context"
	"maps"
	"slices"

	"platform.internal/storekeeper/internal/upstream"
)

// CreateSecrets makes secrets. When the answer was lost, those of them that are
// there are adopted and given the values, scopes and comments that were asked
// for, and those that are missing are sent again. Where Cloudflare refuses the
// rest, what is there is left as it is.
func (s *Settler) CreateSecrets(ctx context.Context, p upstream.CreateSecretsParams) (upstream.Answer[[]upstream.Secret], error) {
	ctx, t := s.begin(ctx, "CreateSecrets", p.Account)
	b := &batch{trial: t, p: p, made: make([]*upstream.Secret, len(p.Secrets))}
	names := make([]string, len(p.Secrets))
	for i, secret := range p.Secrets {
		names[i] = secret.Name
	}
	b.repeats = len(set(names)) < len(names)
	return run(ctx, t, course[[]upstream.Secret]{
		send: func(ctx context.Context) (upstream.Answer[[]upstream.Secret], error) {
			return b.send(ctx, b.missing(nil))
		},
		round:   b.round,
		inspect: b.inspect,
	})
}

// batch is a list of secrets that are being made.
type batch struct {
	*trial

	p upstream.CreateSecretsParams
	// made are those that are there and as they were asked for, by their place.
	made []*upstream.Secret
	// repeats says that a name is in the batch twice, so that Cloudflare cannot
	// have made it.
	repeats bool
	// refused is what Cloudflare said to the last attempt.
	refused error
}

// missing gives the places of what is neither made nor found.
func (b *batch) missing(found map[int]upstream.Secret) []int {
	var missing []int
	for i := range b.p.Secrets {
		if _, ok := found[i]; !ok && b.made[i] == nil {
			missing = append(missing, i)
		}
	}
	return missing
}

// send makes the secrets at some places.
func (b *batch) send(ctx context.Context, places []int) (upstream.Answer[[]upstream.Secret], error) {
	p := b.p
	if len(places) < len(b.p.Secrets) {
		p.Secrets = make([]upstream.NewSecret, len(places))
		for i, place := range places {
			p.Secrets[i] = b.p.Secrets[place]
		}
	}
	answer, err := b.next.CreateSecrets(ctx, p)
	if err != nil {
		return answer, err
	}
	// Who made them keeps them when nobody can say otherwise.
	mine, err := b.mine(ctx, identifiers(answer.Result))
	for _, secret := range answer.Result {
		if err == nil && !mine[secret.ID] {
			return upstream.Answer[[]upstream.Secret]{}, taken("secret", secret.Name)
		}
	}
	return answer, nil
}

// round sends what is missing and then adopts what was found, so that nothing
// that was found is changed when the rest is refused.
func (b *batch) round(ctx context.Context) (upstream.Answer[[]upstream.Secret], error) {
	found, foreign, err := b.find(ctx)
	if err != nil {
		return upstream.Answer[[]upstream.Secret]{}, err
	}
	missing := b.missing(found)
	switch {
	case len(missing) == 0:
	case b.refused != nil && (foreign || b.repeats || !isNameTaken(b.refused)):
		return upstream.Answer[[]upstream.Secret]{}, b.refused
	default:
		answer, err := b.sendAgain(ctx, missing, foreign)
		if err != nil || len(missing) == len(b.p.Secrets) {
			return answer, err
		}
	}
	return b.adopt(ctx, found)
}

// sendAgain sends what is missing. A refusal counts only after another look,
// unless it is what the last one showed: an earlier request may have landed
// just before.
func (b *batch) sendAgain(ctx context.Context, missing []int, foreign bool) (upstream.Answer[[]upstream.Secret], error) {
	b.refused = nil
	answer, err := send(ctx, b.trial, func(ctx context.Context) (upstream.Answer[[]upstream.Secret], error) {
		return b.send(ctx, missing)
	})
	if len(missing) < len(b.p.Secrets) {
		err = moved(err, missing)
	}
	switch {
	case final(err) && foreign && isNameTaken(err):
		return answer, err
	case final(err):
		b.refused = err
		return answer, errAgain
	case err != nil:
		return answer, err
	}
	for i, place := range missing {
		b.made[place] = &answer.Result[i]
	}
	return answer, nil
}

// adopt brings what was found to what was asked for. Somebody else may have
// made it in between, so that its value is set too.
func (b *batch) adopt(ctx context.Context, found map[int]upstream.Secret) (upstream.Answer[[]upstream.Secret], error) {
	var ray string
	for _, place := range slices.Sorted(maps.Keys(found)) {
		wanted := b.p.Secrets[place]
		answer, err := send(ctx, b.trial, func(ctx context.Context) (upstream.Answer[upstream.Secret], error) {
			return b.next.UpdateSecret(ctx, upstream.UpdateSecretParams{
				Account: b.p.Account, StoreID: b.p.StoreID, SecretID: found[place].ID,
				Value: &wanted.Value, Scopes: wanted.Scopes,
				Comment: upstream.CommentChange{Change: true, Text: wanted.Comment},
			})
		})
		switch {
		case isNotFound(err):
			return upstream.Answer[[]upstream.Secret]{}, errAgain
		case err != nil:
			return upstream.Answer[[]upstream.Secret]{}, within(err, place)
		}
		b.made[place], ray = &answer.Result, answer.Ray
	}
	whole := upstream.Answer[[]upstream.Secret]{Result: make([]upstream.Secret, len(b.made)), Ray: ray}
	for i, secret := range b.made {
		whole.Result[i] = *secret
	}
	return whole, nil
}

// inspect takes the batch for done only where all of it is there and as it was
// asked for, values aside, which cannot be seen.
func (b *batch) inspect(ctx context.Context) (upstream.Answer[[]upstream.Secret], error) {
	found, _, err := b.list(ctx)
	switch {
	case err != nil:
		return upstream.Answer[[]upstream.Secret]{}, err
	case len(found) == 0:
		return upstream.Answer[[]upstream.Secret]{}, ErrNotDone
	}
	made := make([]upstream.Secret, 0, len(found))
	for i, wanted := range b.p.Secrets {
		secret, ok := found[i]
		if !ok || !sameScopes(secret.Scopes, wanted.Scopes) || !sameComment(secret.Comment, wanted.Comment) {
			return upstream.Answer[[]upstream.Secret]{}, ErrPartlyDone
		}
		made = append(made, secret)
	}
	mine, err := b.mine(ctx, identifiers(made))
	if err != nil || len(mine) < len(made) {
		return upstream.Answer[[]upstream.Secret]{}, orNotDone(err)
	}
	return upstream.Answer[[]upstream.Secret]{Result: made}, nil
}

// find gives what this change made, by place, without what is known to be made.
// foreign says that one of the names is somebody else's.
func (b *batch) find(ctx context.Context) (found map[int]upstream.Secret, foreign bool, err error) {
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
func (b *batch) list(ctx context.Context) (found map[int]upstream.Secret, foreign bool, err error) {
	named, err := b.secrets(ctx, b.p.StoreID)
	if err != nil {
		return nil, false, err
	}
	found = map[int]upstream.Secret{}
	for i, wanted := range b.p.Secrets {
		secret, ok := named[wanted.Name]
		switch {
		case !ok || b.made[i] != nil:
		case !b.repeats && b.operation.Baseline.madeSecret(secret):
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
