package server_test

import (
	"fmt"
	"slices"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
)

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
