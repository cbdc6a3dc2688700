package server

import (
	"context"
	"strings"

	"platform.internal/storekeeper/internal/authz"
	"platform.internal/storekeeper/internal/upstream"
)

const (
	// createSecret is the action of making a secret, which copying one does too.
	createSecret = "secret.create"
	// aboutSecrets begins every action on secrets.
	aboutSecrets = "secret."
)

// maxObjects is how many objects of a call are judged, which is as many as a
// batch may have.
const maxObjects = 100

// object is one thing that a call is about, and what is to be done to it.
type object struct {
	action string
	// id is the identifier of a secret that exists.
	id string
	// name is the name of a secret; nil until a rule wants to know it, and where
	// the request fails to give one; "" where the action is about a store or an
	// account.
	name   *string
	scopes []string
}

// decideObjects judges each object of the call, and refuses the call if one of them
// is not allowed.
func (j *authorization) decideObjects(ctx context.Context) error {
	objects := j.objects()
	if len(objects) > maxObjects {
		// Validation refuses a batch that is too long, and until then it must
		// not cost much. Should it ever let one pass, the intent is refused.
		objects, j.audit.incomplete = objects[:maxObjects], true
	}
	var refused []*object
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
			// It has no name, which validation is to say.
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

// objects lists what the call is about: first the secrets that exist, in the
// order of the request, then those to be made. Copying a secret is something
// done to the one and the making of another. Of a batch that is too long it
// lists one more than is judged.
func (j *authorization) objects() []object {
	ids := j.target.SecretIDs[:min(len(j.target.SecretIDs), maxObjects+1)]
	made := j.target.Secrets[:min(len(j.target.Secrets), maxObjects+1)]
	list := make([]object, 0, max(1, len(ids)+len(made)))
	for _, id := range ids {
		list = append(list, object{action: j.method.Action, id: id, scopes: j.target.Scopes})
	}
	for i := range made {
		o := object{action: createSecret, scopes: made[i].Scopes}
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

// parentResource is the object of a call that names no secret: a store, an account, or a
// secret that the request fails to name.
func (j *authorization) parentResource() object {
	if j.target.StoreID == "" {
		j.store = &j.target.StoreName
	}
	o := object{action: j.method.Action}
	if !strings.HasPrefix(j.method.Action, aboutSecrets) {
		o.name = new(string)
	}
	return o
}

func (j *authorization) decideObject(o *object) authz.Decision {
	q := j.question(o.action)
	q.Secret, q.Scopes = o.name, o.scopes
	return j.rights.Rules.Decide(q)
}

// learn finds the names behind the identifiers of the call. It is done only
// when a rule could depend on them, since it may cost a call to Cloudflare.
func (j *authorization) learn(ctx context.Context, objects []object) error {
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
	for i := range names {
		objects[i].name = &names[i]
	}
	j.audit.setSecretNames(names)
	return nil
}
