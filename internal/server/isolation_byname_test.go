package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	storekeeperv1 "platform.internal/storekeeper/gen/storekeeper/v1"
)

// byName makes up a call of the service that finds secrets by their names.
func (c *caller) byName() *attempt {
	at, name := c.anyStore(), c.newName()
	if at.modelStore != nil && c.chance(60) {
		if all := c.inside(at.modelStore); len(all) > 0 {
			name = choose(c.r, all).name
		}
	}
	if at.modelStore != nil && c.chance(50) {
		at.store = at.modelStore.name
	}
	switch n := c.r.IntN(10); {
	case n < 3:
		return c.getByName(at, name)
	case n < 5:
		return c.deleteByName(at, name)
	default:
		return c.putByName(at, name)
	}
}

// nowhere is expected of a call by name about a store that there is not.
func (c *caller) nowhere(a *attempt, at spot) *attempt {
	switch {
	case !at.served:
		return a.expect(codes.PermissionDenied)
	case at.modelStore == nil:
		return a.expect(codes.NotFound, codes.PermissionDenied, codes.InvalidArgument)
	}
	return nil
}

func (c *caller) getByName(at spot, name string) *attempt {
	a := &attempt{method: "ByName/GetSecret", request: &storekeeperv1.GetSecretRequest{Account: at.account, Store: at.store, Name: name}}
	if is := c.nowhere(a, at); is != nil {
		return is
	}
	it := c.at(at.modelStore, name)
	switch {
	case !c.may(c.Principal, "secret.get", (&item{in: at.modelStore, name: name}).place()):
		return a.expect(codes.PermissionDenied)
	case it == nil:
		return a.expect(codes.NotFound)
	}
	a.check = func(reply proto.Message) string {
		return sameByName(it, reply.(*storekeeperv1.GetSecretResponse).GetSecret())
	}
	return a.expect(ok)
}

func (c *caller) deleteByName(at spot, name string) *attempt {
	r := &storekeeperv1.DeleteSecretRequest{Account: at.account, Store: at.store, Name: name, AllowMissing: c.chance(50)}
	a := &attempt{method: "ByName/DeleteSecret", request: r}
	if is := c.nowhere(a, at); is != nil {
		return is
	}
	it := c.at(at.modelStore, name)
	switch {
	case !c.may(c.Principal, "secret.delete", (&item{in: at.modelStore, name: name}).place()):
		return a.expect(codes.PermissionDenied)
	case it == nil && !r.GetAllowMissing():
		return a.expect(codes.NotFound)
	}
	a.changes = it != nil
	a.check = func(reply proto.Message) string {
		if got := reply.(*storekeeperv1.DeleteSecretResponse).GetDeleted(); got != a.changes {
			return fmt.Sprintf("deleted is %t", got)
		}
		if it != nil {
			it.gone = true
		}
		return ""
	}
	return a.expect(ok)
}

func (c *caller) putByName(at spot, name string) *attempt {
	next := &item{in: at.modelStore, name: name, value: c.fresh("val"), comment: c.newComment(), scopes: c.newScopes()}
	r := &storekeeperv1.PutSecretRequest{Account: at.account, Store: at.store, Name: name, Value: next.value, Comment: next.comment, Scopes: next.scopes}
	bad := false
	switch n := c.r.IntN(100); {
	case n < 2:
		r.Value, bad = "", true
	case n < 4:
		r.Scopes, bad = nil, true
	}
	r.IfAbsent, r.ValidateOnly = c.chance(15), c.chance(10)
	a := &attempt{method: "ByName/PutSecret", request: r}
	if is := c.nowhere(a, at); is != nil {
		return is
	}
	old := c.at(at.modelStore, name)
	create := c.may(c.Principal, "secret.create", next.place(), r.GetScopes()...)
	update := c.may(c.Principal, "secret.update", next.place(), r.GetScopes()...)
	updates := old != nil && !r.GetIfAbsent()
	switch {
	case !create && !update:
		return a.expect(codes.PermissionDenied)
	case bad:
		return a.expect(codes.InvalidArgument)
	case updates && !update, !updates && !create:
		return a.expect(codes.PermissionDenied)
	case old != nil && r.GetIfAbsent():
		return a.expect(codes.AlreadyExists)
	}
	a.expect(ok)
	if a.changes = !r.GetValidateOnly(); a.changes {
		a.acts = []*item{next}
	}
	if updates {
		// A caller that may update the secret may learn whether the secret exists.
		a.acts = append(a.acts, old)
	}
	a.check = func(reply proto.Message) string {
		return c.wasPut(reply.(*storekeeperv1.PutSecretResponse), a, old, next)
	}
	if !r.GetIfAbsent() && c.chance(20) {
		c.inABatch(a, r)
	}
	return a
}

// inABatch makes a put that is expected to succeed the only item of a batch.
func (*caller) inABatch(a *attempt, r *storekeeperv1.PutSecretRequest) {
	one := a.check
	a.method, a.request = "ByName/PutSecrets", &storekeeperv1.PutSecretsRequest{
		Account: r.GetAccount(), Store: r.GetStore(), ValidateOnly: r.GetValidateOnly(),
		Secrets: []*storekeeperv1.SecretPut{{Name: r.GetName(), Value: r.GetValue(), Scopes: r.GetScopes(), Comment: r.Comment}},
	}
	a.check = func(reply proto.Message) string {
		results := reply.(*storekeeperv1.PutSecretsResponse).GetResults()
		if len(results) != 1 || results[0].GetError() != nil || results[0].GetName() != r.GetName() {
			return fmt.Sprintf("the results are %v", results)
		}
		return one(&storekeeperv1.PutSecretResponse{Outcome: results[0].GetOutcome(), Secret: results[0].GetSecret()})
	}
}

// wasPut takes the answer to a put over into the model.
func (c *caller) wasPut(got *storekeeperv1.PutSecretResponse, a *attempt, old, next *item) string {
	want := storekeeperv1.PutSecretResponse_CREATED
	if old != nil {
		want = storekeeperv1.PutSecretResponse_UPDATED
	}
	if got.GetOutcome() != want {
		return fmt.Sprintf("the outcome is %s, want %s", got.GetOutcome(), want)
	}
	switch {
	case !a.changes && old == nil:
		return ""
	case !a.changes:
		return sameByName(old, got.GetSecret())
	case old == nil:
		next.id = got.GetSecret().GetId()
		c.addItem(next)
		return sameByName(next, got.GetSecret())
	}
	old.value, old.scopes = next.value, next.scopes
	if next.comment != nil {
		old.comment = next.comment
	}
	c.mark(old)
	return sameByName(old, got.GetSecret())
}

// sameByName describes a difference between an answer and the model.
func sameByName(it *item, got *storekeeperv1.Secret) string {
	if got.GetId() == it.id && got.GetName() == it.name && slices.Equal(got.GetScopes(), it.scopes) &&
		(got.Comment == nil) == (it.comment == nil) && (it.comment == nil || got.GetComment() == *it.comment) {
		return ""
	}
	return fmt.Sprintf("the answer is %v, want %+v", got, *it)
}

// isByName reports whether a method finds secrets by their names.
func (m rpcMethod) isByName() bool {
	return strings.HasPrefix(m.name, "/storekeeper.v1.SecretService/")
}

// requestByName encodes a request according to its HTTP rule, in plain JSON.
func (m rpcMethod) requestByName(request proto.Message) *http.Request {
	text, err := protojson.Marshal(request)
	if err != nil {
		panic(err)
	}
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(text, &fields); err != nil {
		panic(err)
	}
	method, path := http.MethodGet, m.rule.GetGet()
	for _, other := range [][2]string{{http.MethodPut, m.rule.GetPut()}, {http.MethodPost, m.rule.GetPost()}, {http.MethodDelete, m.rule.GetDelete()}} {
		if other[1] != "" {
			method, path = other[0], other[1]
		}
	}
	for _, name := range []string{"account", "store", "name"} {
		var value string
		_ = json.Unmarshal(fields[name], &value)
		path = strings.ReplaceAll(path, "{"+name+"}", url.PathEscape(value))
		delete(fields, name)
	}
	body := ""
	if m.rule.GetBody() == "*" {
		rest, _ := json.Marshal(fields)
		body, fields = string(rest), nil
	}
	query := url.Values{}
	for name, value := range fields {
		query.Set(name, strings.Trim(string(value), `"`))
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return httptest.NewRequest(method, path, strings.NewReader(body))
}
