package server_test

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	identityv1 "platform.internal/storekeeper/gen/storekeeper/identity/v1"
)

// mostShelves keeps the model small.
const mostShelves = 14

func (c *caller) createStore() *attempt {
	name := fmt.Sprintf("st-lab-%d-%d", c.r.IntN(5), c.r.IntN(3))
	account := choose(c.r, []string{main, main, other})
	r := &secretsstorev1.CreateStoreRequest{AccountId: account, Name: name}
	a := &attempt{method: "CreateStore", request: r, changes: true}
	live := 0
	taken := false
	for _, s := range c.modelStores {
		if !s.gone {
			live++
			taken = taken || s.account == account && s.name == name
		}
	}
	if !taken && live >= mostShelves {
		return c.getStore()
	}
	switch {
	case !c.may(c.Principal, "store.create", place{account: account, store: name}):
		return a.expect(codes.PermissionDenied)
	case taken:
		return a.expect(codes.AlreadyExists)
	}
	a.check = func(reply proto.Message) string {
		made := reply.(*secretsstorev1.CreateStoreResponse).GetStore()
		c.addShelf(&modelStore{id: made.GetId(), account: account, name: made.GetName()})
		if made.GetName() != name {
			return "another store: " + made.GetName()
		}
		return ""
	}
	return a.expect(ok)
}

func (c *caller) getStore() *attempt {
	at := c.anyStore()
	a := &attempt{method: "GetStore", request: &secretsstorev1.GetStoreRequest{AccountId: at.account, StoreId: at.store}}
	switch {
	case !at.served:
		return a.expect(codes.PermissionDenied)
	case at.modelStore == nil:
		return a.expect(codes.NotFound, codes.PermissionDenied)
	case !c.may(c.Principal, "store.get", place{account: at.modelStore.account, store: at.modelStore.name}):
		return a.expect(codes.PermissionDenied)
	}
	a.check = func(reply proto.Message) string {
		if got := reply.(*secretsstorev1.GetStoreResponse).GetStore(); got.GetId() != at.modelStore.id || got.GetName() != at.modelStore.name {
			return fmt.Sprintf("the answer is %v", got)
		}
		return ""
	}
	return a.expect(ok)
}

func (c *caller) deleteStore() *attempt {
	at := c.anyStore()
	r := &secretsstorev1.DeleteStoreRequest{AccountId: at.account, StoreId: at.store, Force: c.chance(30)}
	a := &attempt{method: "DeleteStore", request: r, changes: true}
	switch {
	case !at.served:
		return a.expect(codes.PermissionDenied)
	case at.modelStore == nil:
		return a.expect(codes.NotFound, codes.PermissionDenied)
	case !c.may(c.Principal, "store.delete", place{account: at.modelStore.account, store: at.modelStore.name}):
		return a.expect(codes.PermissionDenied)
	case len(c.inside(at.modelStore)) > 0 && !r.GetForce():
		return a.expect(codes.FailedPrecondition)
	}
	a.check = func(proto.Message) string {
		for _, it := range c.inside(at.modelStore) {
			it.gone = true
		}
		at.modelStore.gone = true
		return ""
	}
	return a.expect(ok)
}

func (c *caller) quota() *attempt {
	account := choose(c.r, []string{main, other})
	a := &attempt{method: "GetQuota", request: &secretsstorev1.GetQuotaRequest{AccountId: account}}
	if !c.may(c.Principal, "quota.get", place{account: account}) {
		return a.expect(codes.PermissionDenied)
	}
	return a.expect(ok)
}

func (c *caller) listAccounts() *attempt {
	var want []string
	for _, account := range []string{main, other} {
		if c.may(c.Principal, "account.get", place{account: account}) {
			want = append(want, account)
		}
	}
	if c.chance(50) {
		a := &attempt{method: "ListMemberships", request: &identityv1.ListMembershipsRequest{}}
		a.check = func(reply proto.Message) string {
			var got []string
			for _, m := range reply.(*identityv1.ListMembershipsResponse).GetMemberships() {
				got = append(got, m.GetAccount().GetName())
			}
			return differ(got, want)
		}
		return a.expect(ok)
	}
	a := &attempt{method: "ListAccounts", request: &identityv1.ListAccountsRequest{}}
	a.check = func(reply proto.Message) string {
		var got []string
		for _, account := range reply.(*identityv1.ListAccountsResponse).GetAccounts() {
			got = append(got, account.GetName())
		}
		return differ(got, want)
	}
	return a.expect(ok)
}

func (c *caller) listStores() *attempt {
	account := choose(c.r, []string{main, other})
	r := &secretsstorev1.ListStoresRequest{AccountId: account, PerPage: 100}
	var want []string
	for _, s := range c.modelStores {
		if !s.gone && s.account == account && c.may(c.Principal, "store.get", place{account: account, store: s.name}) {
			want = append(want, s.id)
		}
	}
	a := &attempt{method: "ListStores", request: r}
	a.check = func(reply proto.Message) string {
		answer := reply.(*secretsstorev1.ListStoresResponse)
		var got []string
		for _, s := range answer.GetStores() {
			got = append(got, s.GetId())
		}
		return differ(got, want) + total(answer.GetResultInfo(), len(want))
	}
	if len(want) == 0 {
		return a.expect(ok, codes.PermissionDenied)
	}
	return a.expect(ok)
}

func (c *caller) listSecrets() *attempt {
	at := c.anyStore()
	r := &secretsstorev1.ListSecretsRequest{
		AccountId: at.account, StoreId: at.store, PerPage: choose(c.r, []int32{0, 3, 100, 100}), Page: choose(c.r, []int32{0, 1, 1, 2}),
		Order: choose(c.r, []string{"", "name", "comment"}), Direction: choose(c.r, []string{"", "asc"}),
		Search: choose(c.r, []string{"", "", "pay_", "eu", "note"}),
	}
	if c.chance(20) {
		r.Scopes = []string{choose(c.r, []string{"dex", "workers"})}
	}
	a := &attempt{method: "ListSecrets", request: r}
	switch {
	case !at.served:
		return a.expect(codes.PermissionDenied)
	case at.modelStore == nil:
		return a.expect(codes.NotFound, codes.PermissionDenied)
	}
	var want []*item
	for _, it := range c.inside(at.modelStore) {
		if c.may(c.Principal, "secret.get", it.place()) && found(it, r) {
			want = append(want, it)
		}
	}
	a.check = func(reply proto.Message) string {
		answer := reply.(*secretsstorev1.ListSecretsResponse)
		size := map[int32]int{0: 20, 3: 3, 100: 100}[r.GetPerPage()]
		from := min((max(int(r.GetPage()), 1)-1)*size, len(want))
		wrong := total(answer.GetResultInfo(), len(want))
		if n := min(size, len(want)-from); len(answer.GetSecrets()) != n {
			wrong += fmt.Sprintf("%d secrets on the page, want %d", len(answer.GetSecrets()), n)
		}
		for _, got := range answer.GetSecrets() {
			i := slices.IndexFunc(want, func(it *item) bool { return it.id == got.GetId() })
			if i < 0 {
				wrong += fmt.Sprintf("a secret that is not to be seen: %v", got)
				continue
			}
			wrong += same(want[i], got)
		}
		return wrong
	}
	if !c.some(c.Principal, "secret.get", at.modelStore.account, at.modelStore.name) {
		return a.expect(ok, codes.PermissionDenied)
	}
	return a.expect(ok)
}

// found says whether the filters of a list leave a secret in.
func found(it *item, r *secretsstorev1.ListSecretsRequest) bool {
	text := it.name
	if it.comment != nil {
		text += "\x00" + *it.comment
	}
	return strings.Contains(strings.ToLower(text), r.GetSearch()) &&
		(len(r.GetScopes()) == 0 || slices.Contains(it.scopes, r.GetScopes()[0]))
}

func differ(got, want []string) string {
	slices.Sort(got)
	slices.Sort(want)
	if slices.Equal(got, want) {
		return ""
	}
	return fmt.Sprintf("the list is %v, want %v", got, want)
}

func total(info *secretsstorev1.ResultInfo, want int) string {
	if int(info.GetTotalCount()) == want {
		return ""
	}
	return fmt.Sprintf("the total is %d, want %d", info.GetTotalCount(), want)
}
