package changes

import (
	"cmp"
	"context"
	"slices"
	"time"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/authz"
	"platform.internal/storekeeper/internal/history"
)

// sight is the visibility of changes for one caller. A caller sees a change
//
//   - of its own tenant, or, if the caller has no tenant, a change by itself;
//   - whose objects a rule for change.get allows, with all facts;
//   - of secrets that a rule lets the caller read (secret.get), without the identity of the person behind the
//     change. Other secrets are left out.
type sight struct {
	names  Names
	decide func(authz.Question) authz.Decision
	caller authn.Principal
	ctx    context.Context //nolint:containedctx // It is that of the one call.
	// all says that a rule allows every change.
	all bool
	// own says that no rule can allow the change of another tenant.
	own bool
	// stores are the names of stores that were looked up, by their identifiers. unknown
	// says that names cannot be looked up now.
	stores  map[string]string
	unknown bool
	// limited are the changes that are shown without all facts, by their identifiers.
	limited map[string]bool
}

func newSight(ctx context.Context, c *Config, caller authn.Principal) *sight {
	s := &sight{names: c.Names, decide: c.Decide, caller: caller, ctx: ctx, stores: map[string]string{}, limited: map[string]bool{}}
	changes, secrets := s.question(action), s.question("secret.get")
	of, reads := c.Decide(changes), c.Decide(secrets)
	s.all = of.Allowed
	// A rule about an account depends on the account's name, which is not known here.
	s.own = !of.Allowed && !of.NeedsName && !reads.Allowed && !reads.NeedsName && !s.byAccount(changes) && !s.byAccount(secrets)
	return s
}

func (s *sight) question(action string) authz.Question {
	return authz.Question{Principal: s.caller, Action: action}
}

// byAccount reports whether a rule about an account may allow an action.
func (s *sight) byAccount(q authz.Question) bool {
	return slices.ContainsFunc(s.names.Accounts(), func(account string) bool {
		q.Account = account
		d := s.decide(q)
		return d.Allowed || d.NeedsName
	})
}

// narrow restricts a filter to changes that the caller may see, if that is known in advance. It returns false
// if there are none.
func (s *sight) narrow(f *history.Filter) bool {
	open := f.Secret == "" && f.Store == "" && f.Tenant == "" && f.Caller == "" && f.Account == ""
	switch {
	case s.all, !s.own && !open:
		return true
	case s.caller.Tenant != "":
		// Changes from before the tenant got its name have the id.
		id := s.caller.Payer()
		if f.Tenant == "" || f.Tenant == s.caller.Tenant {
			f.Tenant = id
		}
		return f.Tenant == id
	default:
		if f.Caller == "" {
			f.Caller = s.caller.Name
		}
		return f.Caller == s.caller.Name && f.Tenant == ""
	}
}

// see reports whether the caller may see a change, and removes the parts that the caller may not see.
func (s *sight) see(c *history.Change) bool {
	r := &c.Record
	if s.all || s.mine(r) {
		return true
	}
	store := s.store(r)
	if len(r.Secrets) == 0 {
		return r.SecretCount == 0 && s.allowed(action, r, store, "")
	}
	limited := false
	r.Secrets = slices.DeleteFunc(slices.Clone(r.Secrets), func(secret audit.Secret) bool {
		if s.allowed(action, r, store, secret.Name) {
			return false
		}
		limited = true
		return !s.allowed("secret.get", r, store, secret.Name)
	})
	if limited {
		s.limited[r.ID] = true
	}
	return len(r.Secrets) > 0
}

// lookupTime bounds how long a call waits for the names of stores, which Cloudflare may
// have to be asked for.
const lookupTime = 500 * time.Millisecond

// store returns the name of the store of a change, "" if unknown.
func (s *sight) store(r *audit.Record) string {
	if r.Store.Name != "" || r.Store.ID == "" {
		return r.Store.Name
	}
	name, known := s.stores[r.Store.ID]
	if known || s.unknown {
		return name
	}
	ctx, cancel := context.WithTimeout(s.ctx, lookupTime)
	defer cancel()
	name, _ = s.names.KnownStore(ctx, r.Account, r.Store.ID)
	s.stores[r.Store.ID], s.unknown = name, ctx.Err() != nil
	return name
}

// storesNamed returns the identifiers of the stores of a name that exist now.
func (s *sight) storesNamed(ctx context.Context, name string) []string {
	limited, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	ids := s.names.KnownStores(limited, name)
	s.unknown = limited.Err() != nil
	return ids
}

// mine reports whether a change is of the caller's own tenant. Tenants are compared by
// their ids: another tenant may have had the name before.
func (s *sight) mine(r *audit.Record) bool {
	if s.caller.Tenant == "" {
		return r.Tenant == "" && r.Caller == s.caller.Name
	}
	return cmp.Or(r.TenantID, r.Tenant) == s.caller.Payer()
}

// allowed asks the rules about a secret or a store. If a name is unknown, only a rule that needs no name can
// allow the action.
func (s *sight) allowed(action string, r *audit.Record, store, secret string) bool {
	q := s.question(action)
	q.Account = r.Account
	if name, served := s.names.Account(r.Account); served {
		q.Account = name
	}
	if store != "" {
		q.Store = &store
	}
	if secret != "" || len(r.Secrets) == 0 {
		q.Secret = &secret
	}
	return s.decide(q).Allowed
}
