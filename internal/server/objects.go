package server

import (
	"context"
	"slices"
	"strings"

	"platform.internal/storekeeper/internal/authz"
	"platform.internal/storekeeper/internal/upstream"
)

const (
	// createSecret is the action of creating a secret. Duplicating a secret also needs this action.
	createSecret = "secret.create"
	// aboutSecrets is the prefix of every action on secrets.
	aboutSecrets = "secret."
)

// maxObjects is the maximum number of objects of a call that are authorised, which is the size of
// the largest batch.
const maxObjects = 100

// callObject is one object of a call, and the action on it.
type callObject struct {
	action string
	// or is an alternative action that is sufficient, or "".
	or string
	// id is the identifier of an existing secret.
	id string
	// name is the name of a secret. It is nil until a rule needs the name, and if the request has
	// no name. It is "" for an action on a store or an account.
	name   *string
	scopes []string
}

// decideObjects authorises each object of the call. If any object is refused, the call is refused.
func (j *authorization) decideObjects(ctx context.Context) error {
	objects := j.objects()
	if len(objects) > maxObjects {
		// Validation refuses a batch that is too long. Until then, the batch must be cheap. If
		// validation should miss the batch, the idempotent step refuses it.
		objects, j.audit.incomplete = objects[:maxObjects], true
	}
	var refused []*callObject
	for i := range objects {
		o := &objects[i]
		d := j.decideObject(o)
		if !d.Allowed && d.NeedsName {
			if err := j.learnOrRecall(ctx, objects); err != nil {
				return err
			}
			d = j.decideObject(o)
		}
		switch {
		case d.Allowed:
			j.audit.addAllowed(d)
		case d.NeedsName:
			// The object has no name. Validation reports the missing name.
			j.audit.incomplete = true
		default:
			j.audit.setPolicy(d)
			refused = append(refused, o)
		}
	}
	if len(refused) > 0 {
		return j.denial(refused)
	}
	return nil
}

// objects lists the objects of the call: first the existing secrets in the order of the request,
// then the new secrets. A duplicate is an action on the source and the creation of the copy. Of a
// batch that is too long, objects lists maxObjects and one more.
func (j *authorization) objects() []callObject {
	ids := j.target.SecretIDs[:min(len(j.target.SecretIDs), maxObjects+1)]
	made := j.target.Secrets[:min(len(j.target.Secrets), maxObjects+1)]
	list := slices.Grow(j.room[:0], max(1, len(ids)+len(made)))
	for _, id := range ids {
		o := callObject{action: j.method.Action, id: id, scopes: j.target.Scopes}
		if name, given := j.audit.given[id]; given {
			o.name = &name
		}
		list = append(list, o)
	}
	for i := range made {
		o := callObject{action: createSecret, scopes: made[i].Scopes}
		if j.method.ByName {
			o.action, o.or = j.method.Action, j.method.OrAction
		}
		if made[i].Name != "" {
			o.name = &made[i].Name
		}
		list = append(list, o)
	}
	if len(list) == 0 {
		list = append(list, j.parentResource())
	}
	return list
}

// parentResource is the object of a call that names no secret: a store, an account, or a secret
// without a name in the request.
func (j *authorization) parentResource() callObject {
	if j.target.StoreID == "" && j.store == nil {
		j.store = &j.target.StoreName
	}
	o := callObject{action: j.method.Action, or: j.method.OrAction}
	if !strings.HasPrefix(j.method.Action, aboutSecrets) {
		o.name = &j.noName
	}
	return o
}

func (j *authorization) decideObject(o *callObject) authz.Decision {
	q := j.question(o.action)
	q.Secret, q.Scopes = o.name, o.scopes
	return j.rights.decideAction(&q, o.or)
}

// learnOrRecall is learn for a call that may be a repeat: the first call may have deleted the objects
// since this call began.
func (j *authorization) learnOrRecall(ctx context.Context, objects []callObject) error {
	err := j.learn(ctx, objects)
	if ignoreNotFound(err) != nil || err == nil || j.audit.repeatable == nil {
		return err
	}
	known, failed := j.audit.repeatable.recallNames(ctx)
	switch {
	case failed != nil:
		return failed
	case known:
		return j.learn(ctx, objects)
	}
	return err
}

// learn resolves the identifiers of the call to names. It is called only if a rule depends on
// names, because a resolution may cost a call to Cloudflare.
func (j *authorization) learn(ctx context.Context, objects []callObject) error {
	if err := j.learnStore(ctx); err != nil {
		return err
	}
	if len(j.target.SecretIDs) == 0 || objects[0].name != nil {
		return nil
	}
	ids := j.target.SecretIDs[:min(len(j.target.SecretIDs), len(objects))]
	names, err := j.rights.Names.Secrets(ctx, upstream.StoreParams{Account: j.account, StoreID: j.target.StoreID}, ids)
	if err != nil {
		return err
	}
	for i := range objects {
		if i < len(names) {
			objects[i].name = &names[i]
		}
	}
	j.audit.setSecretNames(names)
	return nil
}
