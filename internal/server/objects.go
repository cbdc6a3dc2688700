package server

import (
	"context"
	"strings"

	"platform.internal/storekeeper/internal/authz"
	"platform.internal/storekeeper/internal/upstream"
)

const (
	// createSecret is the action of creating a secret. Duplicating a secret
	// needs it too.
	createSecret = "secret.create"
	// aboutSecrets begins every action on secrets.
	aboutSecrets = "secret."
)

// maxObjects is the number of objects of a call that are authorised, which is
// the largest batch.
const maxObjects = 100

// callObject is one object of a call, and the action on it.
type callObject struct {
	action string
	// or is another action that is enough, "" for none.
	or string
	// id is the identifier of an existing secret.
	id string
	// name is the name of a secret. It is nil until a rule needs it, and if the
	// request has none. It is "" for an action on a store or an account.
	name   *string
	scopes []string
}

// decideObjects authorises each object of the call. It refuses the call if one
// of them is refused.
func (j *authorization) decideObjects(ctx context.Context) error {
	objects := j.objects()
	if len(objects) > maxObjects {
		// Validation refuses a batch that is too long. Until then it must not
		// cost much. If validation should fail to refuse it, the idempotent step does.
		objects, j.audit.incomplete = objects[:maxObjects], true
	}
	var refused []*callObject
	for i := range objects {
		o := &objects[i]
		d := j.decideObject(o)
		if !d.Allowed && d.NeedsName {
			if err := j.learn(ctx, objects); err != nil {
				return err
			}
			d = j.decideObject(o)
		}
		switch {
		case d.Allowed:
			j.audit.addAllowed(d)
		case d.NeedsName:
			// The object has no name. Validation reports that.
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

// objects lists the objects of the call: first the existing secrets in the
// order of the request, then the new ones. A duplicate is an action on the
// source and the creation of the copy. Of a batch that is too long, objects
// lists one more than maxObjects.
func (j *authorization) objects() []callObject {
	ids := j.target.SecretIDs[:min(len(j.target.SecretIDs), maxObjects+1)]
	made := j.target.Secrets[:min(len(j.target.Secrets), maxObjects+1)]
	list := make([]callObject, 0, max(1, len(ids)+len(made)))
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

// parentResource is the object of a call that names no secret: a store, an
// account, or a secret whose name is missing in the request.
func (j *authorization) parentResource() callObject {
	if j.target.StoreID == "" && j.store == nil {
		j.store = &j.target.StoreName
	}
	o := callObject{action: j.method.Action, or: j.method.OrAction}
	if !strings.HasPrefix(j.method.Action, aboutSecrets) {
		o.name = new(string)
	}
	return o
}

func (j *authorization) decideObject(o *callObject) authz.Decision {
	q := j.question(o.action)
	q.Secret, q.Scopes = o.name, o.scopes
	return j.rights.decideAction(q, o.or)
}

// learn resolves the identifiers of the call to names. It is called only if a
// rule depends on them, because it may cost a call to Cloudflare.
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
