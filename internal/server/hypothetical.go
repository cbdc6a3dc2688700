package server

import (
	"context"
	"strings"

	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/authz"
	"platform.internal/storekeeper/internal/contract"
	"platform.internal/storekeeper/internal/names"
)

// Test decides on a hypothetical call, as authorise would. It resolves identifiers to names only if
// a rule depends on the names. Errors are those of a call: the account is not served, the object
// does not exist, or Cloudflare cannot be reached.
func (r *Rights) Test(ctx context.Context, caller authn.Principal, c authz.AccessReview) (authz.Decision, error) {
	j := &authorization{rights: r, caller: caller, method: &contract.Method{Action: c.Action}, audit: &auditContext{}}
	if c.Account != "" {
		name, served := r.Names.Account(c.Account)
		if !served {
			return authz.Decision{}, names.NotServed()
		}
		j.account, c.Account, j.target.Account = name, name, c.Account
	}
	q := c.Question()
	j.store = q.Store
	o := callObject{action: c.Action, name: q.Secret, scopes: c.Scopes}
	if isIdentifier(c.Store) && c.Action != "store.create" {
		j.target.StoreID, j.store = c.Store, nil
		if isIdentifier(c.Secret) && c.Action != createSecret {
			j.target.SecretIDs, o.id, o.name = []string{c.Secret}, c.Secret, nil
		}
	}
	d := j.decideObject(&o)
	if d.Allowed || !d.NeedsName || j.target.StoreID == "" {
		return d, nil
	}
	objects := []callObject{o}
	if err := j.learn(ctx, objects); err != nil {
		return d, err
	}
	return j.decideObject(&objects[0]), nil
}

// isIdentifier reports whether a text has the form of Cloudflare's identifiers.
func isIdentifier(text string) bool {
	return len(text) == 32 && strings.Trim(text, "0123456789abcdef") == ""
}

// Permissions lists what the rules in force allow a caller, in pages (see
// authz.Engine.Permissions), and returns the digest of the policy file.
func (r *Rights) Permissions(caller authn.Principal, from, most int) (list []authz.Permission, next int, policy string) {
	return r.Rules.Permissions(caller, from, most)
}

// Reached returns the configured names of the accounts in which a caller may have any right, in the
// order of the configuration.
func (r *Rights) Reached(caller authn.Principal) []string {
	var reached []string
	for _, account := range r.Names.Accounts() {
		if r.Rules.Reaches(caller, account) {
			reached = append(reached, account)
		}
	}
	return reached
}
