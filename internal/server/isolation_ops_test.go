package server_test

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	identityv1 "platform.internal/storekeeper/gen/storekeeper/identity/v1"
	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/server/servertest"
)

// attempt is a call with the result expected by the model.
type attempt struct {
	method  string
	request proto.Message
	// codes are the permitted codes of the call. There are several if the order of two refusals is
	// unspecified.
	codes []codes.Code
	// allowed reports that the caller has all rights that the call needs.
	allowed bool
	// changes says that a success changes something.
	changes bool
	// acts are secrets that the answer may contain for any caller.
	acts []*item
	// accepted are words of the answer that check found to be visible to the caller.
	accepted []string
	// check checks the answer of a success and updates the model.
	check func(proto.Message) string
}

// expect sets the permitted codes. OK means that the caller has the rights.
func (a *attempt) expect(c ...codes.Code) *attempt {
	a.codes = c
	a.allowed = !slices.Contains(c, codes.PermissionDenied)
	return a
}

// caller is a tenant that makes calls.
type caller struct {
	*model
	authn.Principal

	r *rand.Rand
}

func (c *caller) chance(percent int) bool { return c.r.IntN(100) < percent }

func choose[T any](r *rand.Rand, of []T) T { return of[r.IntN(len(of))] }

// next makes up a call.
func (c *caller) next() *attempt {
	switch n := c.r.IntN(100); {
	case n < 10:
		return c.aboutSelf()
	case n < 20:
		return c.getSecret()
	case n < 30:
		return c.listSecrets()
	case n < 48:
		return c.createSecrets()
	case n < 62:
		return c.updateSecret()
	case n < 70:
		return c.deleteSecrets(false)
	case n < 79:
		return c.deleteSecrets(true)
	case n < 87:
		return c.duplicateSecret()
	case n < 90:
		return c.listChanges()
	case n < 96:
		return c.byName()
	default:
		return c.others()
	}
}

// missing sets the expectation for a secret that does not exist: a caller with a right in the store
// learns that. For other callers the result is unspecified, as for callers that had no right on the
// secret while it existed.
func (c *caller) missing(a *attempt, at spot, ids ...string) *attempt {
	action := map[bool]string{false: "secret.get", true: "secret.delete"}[a.changes]
	var scopes []string
	if r, is := a.request.(*secretsstorev1.UpdateSecretRequest); is {
		action, scopes = "secret.update", r.GetScopes()
	}
	hadNoRight := func(id string) bool {
		it := c.byID[id]
		return it != nil && it.in == at.modelStore && !c.may(c.Principal, action, it.place(), scopes...)
	}
	if at.modelStore == nil || !c.some(c.Principal, action, at.modelStore.account, at.modelStore.name) || slices.ContainsFunc(ids, hadNoRight) {
		return a.expect(codes.NotFound, codes.PermissionDenied)
	}
	return a.expect(codes.NotFound)
}

func (c *caller) getSecret() *attempt {
	at := c.anyStore()
	id, it := c.anySecret(at)
	a := &attempt{method: "GetSecret", request: &secretsstorev1.GetSecretRequest{AccountId: at.account, StoreId: at.store, SecretId: id}}
	switch {
	case !at.served:
		return a.expect(codes.PermissionDenied)
	case it == nil:
		return c.missing(a, at, id)
	case !c.may(c.Principal, "secret.get", it.place()):
		return a.expect(codes.PermissionDenied)
	}
	a.check = func(reply proto.Message) string {
		return same(it, reply.(*secretsstorev1.GetSecretResponse).GetSecret())
	}
	return a.expect(ok)
}

func (c *caller) updateSecret() *attempt {
	at := c.anyStore()
	id, it := c.anySecret(at)
	r := &secretsstorev1.UpdateSecretRequest{AccountId: at.account, StoreId: at.store, SecretId: id}
	next := item{}
	if it != nil {
		next = *it
	}
	if c.chance(70) {
		next.value = c.fresh("val")
		r.Value = &next.value
	}
	if c.chance(30) {
		r.Scopes = c.newScopes()
		next.scopes = r.GetScopes()
	}
	if c.chance(40) {
		next.comment = c.newComment()
		if r.Comment = next.comment; r.Comment == nil {
			r.UpdateMask = &fieldmaskpb.FieldMask{Paths: []string{"comment"}}
			if r.Value != nil {
				r.UpdateMask.Paths = append(r.UpdateMask.Paths, "value")
			}
			if r.Scopes != nil {
				r.UpdateMask.Paths = append(r.UpdateMask.Paths, "scopes")
			}
		}
	}
	bad := r.Value == nil && r.Scopes == nil && r.Comment == nil && r.UpdateMask == nil
	if c.chance(4) {
		r.Value, bad = proto.String(""), true
	}
	if c.chance(8) {
		r.Name = proto.String(c.newName())
		bad = bad || it != nil && it.name != r.GetName()
	}
	a := &attempt{method: "UpdateSecret", request: r, changes: true}
	switch {
	case !at.served:
		return a.expect(codes.PermissionDenied)
	case it == nil && bad:
		return a.expect(codes.NotFound, codes.InvalidArgument, codes.PermissionDenied)
	case it == nil:
		return c.missing(a, at, id)
	case !c.may(c.Principal, "secret.update", it.place(), r.GetScopes()...):
		return a.expect(codes.PermissionDenied)
	case bad:
		return a.expect(codes.InvalidArgument)
	}
	a.acts = []*item{it}
	a.check = func(reply proto.Message) string {
		*it = next
		c.mark(it)
		return same(it, reply.(*secretsstorev1.UpdateSecretResponse).GetSecret())
	}
	return a.expect(ok)
}

func (c *caller) deleteSecrets(several bool) *attempt {
	at := c.anyStore()
	id, it := c.anySecret(at)
	a := &attempt{changes: true, method: "DeleteSecret", request: &secretsstorev1.DeleteSecretRequest{AccountId: at.account, StoreId: at.store, SecretId: id}}
	ids, items := []string{id}, []*item{it}
	if several {
		for range c.r.IntN(4) {
			another, its := c.anySecret(at)
			if its == nil && c.chance(70) {
				continue
			}
			ids, items = append(ids, another), append(items, its)
		}
		if c.chance(3) {
			ids, items = nil, nil
		}
		a.method, a.request = "DeleteSecrets", &secretsstorev1.DeleteSecretsRequest{AccountId: at.account, StoreId: at.store, Ids: ids}
	}
	switch {
	case !at.served:
		return a.expect(codes.PermissionDenied)
	case len(items) == 0:
		return a.expect(codes.InvalidArgument, codes.NotFound, codes.PermissionDenied)
	case slices.Contains(items, nil):
		return c.missing(a, at, ids...)
	case slices.ContainsFunc(items, func(it *item) bool { return !c.may(c.Principal, "secret.delete", it.place()) }):
		return a.expect(codes.PermissionDenied)
	}
	a.check = func(proto.Message) string {
		for _, it := range items {
			it.gone = true
		}
		return ""
	}
	return a.expect(ok)
}

func (c *caller) createSecrets() *attempt {
	at := c.anyStore()
	r := &secretsstorev1.CreateSecretsRequest{AccountId: at.account, StoreId: at.store}
	a := &attempt{method: "CreateSecrets", request: r, changes: true}
	var made []*item
	var bad, nameless, denied, taken bool
	for range 1 + c.r.IntN(3) {
		it := &item{in: at.modelStore, name: c.newName(), value: c.fresh("val"), comment: c.newComment(), scopes: c.newScopes()}
		wire := &secretsstorev1.NewSecret{Name: it.name, Value: it.value, Comment: it.comment, Scopes: it.scopes}
		switch n := c.r.IntN(100); {
		case n < 2:
			wire.Name, it.name, nameless = "", "", true
		case n < 4:
			wire.Value, bad = "", true
		case n < 6:
			wire.Scopes, bad = nil, true
		case n < 8:
			wire.Scopes, bad = []string{"moon"}, true
		}
		if at.modelStore != nil {
			denied = denied || it.name != "" && !c.may(c.Principal, "secret.create", it.place(), wire.GetScopes()...)
			taken = taken || c.at(at.modelStore, it.name) != nil || slices.ContainsFunc(made, func(m *item) bool { return m.name == it.name })
		}
		r.Secrets, made = append(r.Secrets, wire), append(made, it)
	}
	switch {
	case !at.served:
		return a.expect(codes.PermissionDenied)
	case at.modelStore == nil:
		return a.expect(codes.NotFound, codes.InvalidArgument, codes.PermissionDenied)
	case denied:
		return a.expect(codes.PermissionDenied)
	case nameless:
		return a.expect(codes.InvalidArgument, codes.PermissionDenied)
	case bad:
		return a.expect(codes.InvalidArgument)
	case taken:
		return a.expect(codes.AlreadyExists)
	}
	a.acts = made
	a.check = func(reply proto.Message) string {
		answer := reply.(*secretsstorev1.CreateSecretsResponse).GetSecrets()
		if len(answer) != len(made) {
			return fmt.Sprintf("%d secrets, want %d", len(answer), len(made))
		}
		var wrong string
		for i, it := range made {
			it.id = answer[i].GetId()
			c.addItem(it)
			wrong += same(it, answer[i])
		}
		return wrong
	}
	return a.expect(ok)
}

func (c *caller) duplicateSecret() *attempt {
	at := c.anyStore()
	id, it := c.anySecret(at)
	copied := &item{in: at.modelStore, name: c.newName(), comment: c.newComment(), scopes: c.newScopes()}
	a := &attempt{method: "DuplicateSecret", changes: true, request: &secretsstorev1.DuplicateSecretRequest{
		AccountId: at.account, StoreId: at.store, SecretId: id, Name: copied.name, Scopes: copied.scopes, Comment: copied.comment,
	}}
	switch {
	case !at.served:
		return a.expect(codes.PermissionDenied)
	case it == nil:
		return a.expect(codes.NotFound, codes.PermissionDenied)
	case !c.may(c.Principal, "secret.duplicate", it.place()), !c.may(c.Principal, "secret.create", copied.place(), copied.scopes...):
		return a.expect(codes.PermissionDenied)
	case c.at(at.modelStore, copied.name) != nil:
		return a.expect(codes.AlreadyExists)
	}
	copied.value = it.value
	a.acts = []*item{copied}
	a.check = func(reply proto.Message) string {
		answer := reply.(*secretsstorev1.DuplicateSecretResponse).GetSecret()
		copied.id = answer.GetId()
		c.addItem(copied)
		return same(copied, answer)
	}
	return a.expect(ok)
}

// others are the calls that are about no secret.
func (c *caller) others() *attempt {
	switch c.r.IntN(8) {
	case 0:
		return c.createStore()
	case 1:
		return c.getStore()
	case 2:
		return c.deleteStore()
	case 3:
		return c.quota()
	case 4:
		return c.listAccounts()
	case 5:
		account := choose(c.r, []string{"", main, otherID, servertest.UnservedID})
		a := &attempt{method: "VerifyToken", request: &identityv1.VerifyTokenRequest{AccountId: account}}
		if account == servertest.UnservedID {
			return a.expect(codes.PermissionDenied)
		}
		return a.expect(ok)
	default:
		return c.listStores()
	}
}

// same describes a difference between an answer and the model.
func same(it *item, got *secretsstorev1.Secret) string {
	if got.GetId() == it.id && got.GetStoreId() == it.in.id && got.GetName() == it.name && slices.Equal(got.GetScopes(), it.scopes) &&
		(got.Comment == nil) == (it.comment == nil) && (it.comment == nil || got.GetComment() == *it.comment) {
		return ""
	}
	return fmt.Sprintf("the answer is %v, want %+v", got, *it)
}
