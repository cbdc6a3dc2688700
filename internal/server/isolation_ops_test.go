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
