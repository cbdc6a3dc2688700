package change

import (
	"context"
	"errors"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/upstream"
)

// Cloudflare makes changes. Errors are faults. After a fault with the reason
// fault.ReasonUpstreamAnswerLost the change may have been made.
type Cloudflare interface {
	CreateStore(context.Context, upstream.CreateStoreParams) (upstream.Answer[upstream.Store], error)
	DeleteStore(context.Context, upstream.DeleteStoreParams) (upstream.Answer[upstream.None], error)
	CreateSecrets(context.Context, upstream.CreateSecretsParams) (upstream.Answer[[]upstream.Secret], error)
	UpdateSecret(context.Context, upstream.UpdateSecretParams) (upstream.Answer[upstream.Secret], error)
	DeleteSecret(context.Context, upstream.SecretParams) (upstream.Answer[upstream.None], error)
	DeleteSecrets(context.Context, upstream.DeleteSecretsParams) (upstream.Answer[upstream.None], error)
	DuplicateSecret(context.Context, upstream.DuplicateSecretParams) (upstream.Answer[upstream.Secret], error)
}

var (
	errValues = errors.New("a change does not have the values that it needs")
	errShape  = errors.New("a change does not name what it is about")
)

// Send returns the step that sends a change to Cloudflare. No other code does.
// A change that was read from a record has no values and cannot be sent.
func Send(to Cloudflare) Next {
	return func(ctx context.Context, a *Attempt) (Result, error) {
		op := &a.Op
		if len(a.Values) != op.valuesOf() {
			return Result{}, fault.From(errValues)
		}
		ctx = With(ctx, a)
		switch op.Kind {
		case CreateStore:
			answer, err := to.CreateStore(ctx, upstream.CreateStoreParams{Account: op.Account, Name: op.StoreName})
			return made(answer, err, Result{Store: &answer.Result})
		case DeleteStore:
			answer, err := to.DeleteStore(ctx, upstream.DeleteStoreParams{Account: op.Account, StoreID: op.StoreID, Force: op.Force})
			return made(answer, err, Result{})
		case CreateSecrets:
			answer, err := to.CreateSecrets(ctx, op.createParams(a.Values))
			return made(answer, err, Result{Secrets: answer.Result})
		case DeleteSecrets:
			answer, err := to.DeleteSecrets(ctx, upstream.DeleteSecretsParams{Account: op.Account, StoreID: op.StoreID, IDs: distinct(op.SecretIDs)})
			return made(answer, err, Result{})
		case UpdateSecret, DeleteSecret, DuplicateSecret:
			return sendOne(ctx, to, a)
		}
		return Result{}, fault.From(errShape)
	}
}

// sendOne sends a change of one existing secret.
func sendOne(ctx context.Context, to Cloudflare, a *Attempt) (Result, error) {
	op := &a.Op
	switch {
	case len(op.SecretIDs) != 1, op.Kind == DuplicateSecret && len(op.Secrets) != 1:
	case op.Kind == UpdateSecret:
		answer, err := to.UpdateSecret(ctx, op.updateParams(a.Values))
		return made(answer, err, Result{Secrets: []upstream.Secret{answer.Result}})
	case op.Kind == DeleteSecret:
		answer, err := to.DeleteSecret(ctx, upstream.SecretParams{Account: op.Account, StoreID: op.StoreID, SecretID: op.SecretIDs[0]})
		return made(answer, err, Result{})
	case op.Kind == DuplicateSecret:
		copied := op.Secrets[0]
		answer, err := to.DuplicateSecret(ctx, upstream.DuplicateSecretParams{
			Account: op.Account, StoreID: op.StoreID, SecretID: op.SecretIDs[0],
			Name: copied.Name, Scopes: copied.Scopes, Comment: copied.Comment,
		})
		return made(answer, err, Result{Secrets: []upstream.Secret{answer.Result}})
	}
	return Result{}, fault.From(errShape)
}

func (o *Op) createParams(values Values) upstream.CreateSecretsParams {
	p := upstream.CreateSecretsParams{Account: o.Account, StoreID: o.StoreID, Secrets: make([]upstream.NewSecret, len(o.Secrets))}
	for i, s := range o.Secrets {
		p.Secrets[i] = upstream.NewSecret{Name: s.Name, Value: values[i], Scopes: s.Scopes, Comment: s.Comment}
	}
	return p
}

func (o *Op) updateParams(values Values) upstream.UpdateSecretParams {
	p := upstream.UpdateSecretParams{
		Account: o.Account, StoreID: o.StoreID, SecretID: o.SecretIDs[0], Scopes: o.Update.Scopes, Comment: o.Update.Comment,
	}
	if o.Update.Value {
		p.Value = &values[0]
	}
	return p
}

// distinct returns the strings in their order, each once.
func distinct(texts []string) []string {
	var list []string
	seen := make(map[string]bool, len(texts))
	for _, t := range texts {
		if !seen[t] {
			seen[t] = true
			list = append(list, t)
		}
	}
	return list
}

// made returns the result of a change from Cloudflare's answer.
func made[T any](answer upstream.Answer[T], err error, r Result) (Result, error) {
	if err != nil {
		return Result{}, err
	}
	r.Info, r.Notices, r.Ray = answer.Info, answer.Notices, answer.Ray
	return r, nil
}
