package server_test

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	storekeeperv1 "platform.internal/storekeeper/gen/storekeeper/v1"
	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/authz"
	"platform.internal/storekeeper/internal/server/servertest"
)

// aboutSelf makes calls about the caller, and calls that only operators may make. No tenant here is
// an operator.
func (c *caller) aboutSelf() *attempt {
	switch c.r.IntN(8) {
	case 0:
		a := &attempt{method: "WhoAmI", request: &storekeeperv1.WhoAmIRequest{}}
		a.check = func(reply proto.Message) string {
			me := reply.(*storekeeperv1.WhoAmIResponse)
			if me.GetCaller() != c.Name || me.GetTenant() != c.Tenant || !slices.Equal(me.GetGroups(), c.Groups) {
				return "the caller is another"
			}
			return ""
		}
		return a.expect(ok)
	case 1:
		return c.usage()
	case 2, 3:
		return c.listPermissions()
	case 4:
		return (&attempt{method: "GetStatus", request: &storekeeperv1.GetStatusRequest{}}).expect(codes.PermissionDenied)
	case 5:
		return (&attempt{method: "ListTenants", request: &storekeeperv1.ListTenantsRequest{PageSize: int32(c.r.IntN(10))}}).expect(codes.PermissionDenied)
	default:
		return c.testPermissions()
	}
}

func (c *caller) usage() *attempt {
	a := &attempt{method: "GetUsage", request: &storekeeperv1.GetUsageRequest{}}
	a.check = func(reply proto.Message) string {
		got := reply.(*storekeeperv1.GetUsageResponse)
		if got.GetTenant() != c.Tenant {
			return "the tenant is another"
		}
		var accounts []string
		for _, u := range got.GetAccounts() {
			accounts = append(accounts, u.GetAccount())
			if int(u.GetBudget().GetCalls()) != servertest.UsageOf(u.GetAccount(), c.Tenant) {
				return "the figures are those of another tenant"
			}
		}
		var want []string
		for _, account := range []string{main, other} {
			if slices.ContainsFunc(c.all, func(g grant) bool {
				return g.caller.Name == c.Name && (g.account == "" || g.account == account) && g.possible()
			}) {
				want = append(want, account)
			}
		}
		if !slices.Equal(accounts, want) {
			return fmt.Sprintf("the accounts are %v, want %v", accounts, want)
		}
		return ""
	}
	return a.expect(ok)
}

// possible says whether a grant allows anything at all: an account has no store,
// and a store no secret.
func (g grant) possible() bool {
	return slices.ContainsFunc(authz.Actions(), func(action string) bool {
		if !g.covers(action) {
			return false
		}
		switch kind, _, _ := strings.Cut(action, "."); kind {
		case "operator":
			return false
		case "account", "quota":
			return g.store == "" && g.prefix == ""
		case "store":
			return g.prefix == ""
		}
		return true
	})
}

// listPermissions lists all permissions and compares them with the model for a
// random object.
func (c *caller) listPermissions() *attempt {
	a := &attempt{method: "ListPermissions", request: &storekeeperv1.ListPermissionsRequest{}}
	for _, g := range c.all {
		if g.caller.Name == c.Name {
			// A caller may read its own rules.
			a.accepted = append(a.accepted, tokens(g.store)...)
			a.accepted = append(a.accepted, tokens(g.prefix)...)
		}
	}
	action, at, scopes := c.anyCheck()
	a.check = func(reply proto.Message) string {
		got := reply.(*storekeeperv1.ListPermissionsResponse)
		if got.GetNextPageToken() != "" {
			return "there are more"
		}
		allowed := false
		for _, p := range got.GetPermissions() {
			if p.GetHidden() {
				return "a condition is hidden"
			}
			allowed = allowed || slices.Contains(p.GetActions(), action) && c.model.holds(p.GetCondition(), action, at, scopes)
		}
		if want := c.may(c.Principal, action, at, scopes...); allowed != want {
			return fmt.Sprintf("%s on %+v with %v: %v, want %v", action, at, scopes, allowed, want)
		}
		return ""
	}
	return a.expect(ok)
}

// anyCheck makes up an action on an object by name.
func (c *caller) anyCheck() (action string, at place, scopes []string) {
	action = choose(c.r, []string{"secret.get", "secret.create", "secret.update", "secret.delete", "secret.duplicate", "store.get", "store.create", "store.delete"})
	s := choose(c.r, c.modelStores)
	at = place{account: s.account, store: s.name}
	if strings.HasPrefix(action, "secret.") {
		at.name = c.newName()
	}
	if action == "secret.create" || action == "secret.update" {
		scopes = c.newScopes()
	}
	return action, at, scopes
}

// testPermissions asks about objects by name and about secrets by identifier.
func (c *caller) testPermissions() *attempt {
	r := &storekeeperv1.TestPermissionsRequest{}
	a := &attempt{method: "TestPermissions", request: r}
	var want []bool
	for range 1 + c.r.IntN(5) {
		action, at, scopes := c.anyCheck()
		check := &storekeeperv1.PermissionCheck{Action: action, Account: at.account, Store: at.store, Secret: at.name, Scopes: scopes}
		spot := c.anyStore()
		if id, it := c.anySecret(spot); it != nil && c.chance(50) && action != "secret.create" && strings.HasPrefix(action, "secret.") {
			at = it.place()
			check.Account, check.Store, check.Secret = spot.account, spot.store, id
		}
		if c.chance(30) {
			check.Account = idOf(at.account)
		}
		r.Checks, want = append(r.Checks, check), append(want, c.may(c.Principal, action, at, scopes...))
	}
	a.check = func(reply proto.Message) string {
		results := reply.(*storekeeperv1.TestPermissionsResponse).GetResults()
		if len(results) != len(want) {
			return fmt.Sprintf("%d results, want %d", len(results), len(want))
		}
		for i, one := range results {
			if one.GetAllowed() != want[i] || (one.GetRule() == "") == want[i] || (one.GetReason() == "") != want[i] {
				return fmt.Sprintf("result %d is %v, want %v", i, one, want[i])
			}
		}
		return ""
	}
	return a.expect(ok)
}

// holds evaluates a condition of a permission for an object.
func (m *model) holds(condition, action string, at place, scopes []string) bool {
	if condition == "" {
		return true
	}
	e := m.conditions[condition]
	if e == nil {
		var err error
		if e, err = authz.NewEngine([]authz.Rule{{ID: "r", Actions: []string{"*"}, When: condition}}); err != nil {
			panic(condition + ": " + err.Error())
		}
		m.conditions[condition] = e
	}
	return e.Decide(authz.Question{Principal: authn.Principal{}, Action: action, Account: at.account, Store: &at.store, Secret: &at.name, Scopes: scopes}).Allowed
}

// about returns the caller to which a word belongs: the name, the tenant, the group or a rule of
// the caller.
func (m *model) about(word string) (caller string, is bool) {
	for _, prefix := range []string{"caller-", "tenant-", "group-"} {
		if number, has := strings.CutPrefix(word, prefix); has {
			return "caller-" + number, true
		}
	}
	number, has := strings.CutPrefix(word, "rule-")
	i := 0
	if _, err := fmt.Sscan(number, &i); !has || err != nil || i >= len(m.all) {
		return "", false
	}
	return m.all[i].caller.Name, true
}
