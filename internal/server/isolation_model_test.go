package server_test

import (
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
	"strings"

	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/authz"
	"platform.internal/storekeeper/internal/server/servertest"
)

// grant is a right in the model. The model's evaluation is independent of the evaluation of the
// rules, which are generated from grants. Empty fields match everything.
type grant struct {
	caller  authn.Principal
	actions []string
	account string
	store   string
	prefix  string
	// scope is the only scope that may be given.
	scope string
}

func (g grant) covers(action string) bool {
	return slices.ContainsFunc(g.actions, func(a string) bool {
		ok, _ := path.Match(a, action)
		return ok
	})
}

// about says whether the grant is about an action in a store at all.
func (g grant) about(action, account, store string) bool {
	return g.covers(action) && (g.account == "" || g.account == account) && (g.store == "" || strings.HasPrefix(store, g.store))
}

func (g grant) allows(action string, at place, scopes []string) bool {
	onlyScope := g.scope == "" || !slices.ContainsFunc(scopes, func(s string) bool { return s != g.scope })
	return g.about(action, at.account, at.store) && strings.HasPrefix(at.name, g.prefix) && onlyScope
}

// place is the location of a secret, by names. Without a secret name, it is a store or an account.
type place struct{ account, store, name string }

// write makes a rule from the grant, in one of several equivalent forms.
func (g grant) write(r *rand.Rand, id string) string {
	who := []string{fmt.Sprintf("principal.tenant == %q", g.caller.Tenant), fmt.Sprintf("%q in principal.groups", g.caller.Groups[0]), fmt.Sprintf("principal.name in [%q]", g.caller.Name)}
	parts := []string{who[r.IntN(len(who))]}
	if g.account != "" {
		parts = append(parts, []string{fmt.Sprintf("account == %q", g.account), fmt.Sprintf("account in [%q]", g.account)}[r.IntN(2)])
	}
	if g.store != "" {
		parts = append(parts, []string{fmt.Sprintf("store.startsWith(%q)", g.store), fmt.Sprintf("store.matches(%q)", "^"+g.store)}[r.IntN(2)])
	}
	if g.prefix != "" {
		parts = append(parts, []string{fmt.Sprintf("secret.startsWith(%q)", g.prefix), fmt.Sprintf("secret.matches(%q)", "^"+g.prefix)}[r.IntN(2)])
	}
	if g.scope != "" {
		parts = append(parts, []string{fmt.Sprintf("scopes.all(s, s == %q)", g.scope), fmt.Sprintf("!scopes.exists(s, s != %q)", g.scope)}[r.IntN(2)])
	}
	r.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	return fmt.Sprintf("  - {id: %s, actions: ['%s'], when: '%s'}\n", id, strings.Join(g.actions, "', '"), strings.Join(parts, " && "))
}

// rights are all grants.
type rights struct{ all []grant }

func (rs *rights) may(p authn.Principal, action string, at place, scopes ...string) bool {
	return slices.ContainsFunc(rs.all, func(g grant) bool { return g.caller.Name == p.Name && g.allows(action, at, scopes) })
}

// some says whether the caller may do the action to some name in a store.
func (rs *rights) some(p authn.Principal, action, account, store string) bool {
	return slices.ContainsFunc(rs.all, func(g grant) bool { return g.caller.Name == p.Name && g.about(action, account, store) })
}

func (rs *rights) give(p authn.Principal, g grant) {
	g.caller = p
	rs.all = append(rs.all, g)
}

// Prefixes overlap: an owner of PAY_ also owns PAY_EU_, but not PAYROLL_.
var prefixes = []string{"PAY_", "PAY_EU_", "PAYROLL_", "SEARCH_", "CI_"}

// tenants are five owners of a prefix, a tenant that may only read, and a tenant without rights.
func tenants() []authn.Principal {
	var list []authn.Principal
	for i := range 7 {
		list = append(list, authn.Principal{
			Name: fmt.Sprintf("caller-%d", i), Tenant: fmt.Sprintf("tenant-%d", i), Groups: []string{fmt.Sprintf("group-%d", i), "everyone"},
			Kind: []authn.CredentialKind{authn.KindAPIKey, authn.KindJWT, authn.KindMTLS}[i%3],
		})
	}
	return list
}

// newRights gives each owner its prefix in some stores, and further random rights, most of them to
// read.
func newRights(r *rand.Rand, callers []authn.Principal) *rights {
	rs := &rights{}
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	for i, prefix := range prefixes {
		p := callers[i]
		rs.give(p, grant{actions: []string{"secret.*"}, account: main, store: pick("st-shared", "st-default"), prefix: prefix})
		rs.give(p, grant{actions: []string{"secret.*"}, account: pick(main, other), store: pick("st-shared", "st-vault"), prefix: prefix, scope: pick("", "workers")})
		rs.give(p, grant{actions: []string{"store.*", "secret.*"}, account: main, store: fmt.Sprintf("st-lab-%d", i)})
		rs.give(p, grant{actions: []string{pick("secret.duplicate", "secret.create", "secret.delete")}, account: main, store: "st-shared"})
		for range 1 + r.IntN(3) {
			rs.give(p, grant{
				actions: []string{pick("secret.get", "secret.get", "secret.create", "secret.update", "secret.duplicate", "store.get", "quota.get", "account.get", "*.get")},
				account: pick("", main, other), store: pick("", "st-shared", "st-default", "st-vault"), prefix: pick(append(prefixes, "")...),
				scope: pick("", "", "workers"),
			})
		}
	}
	rs.give(callers[5], grant{actions: []string{"*.get"}, account: pick(main, other), store: pick("", "st-shared")})
	return rs
}

func (rs *rights) policy(r *rand.Rand) string {
	text := "rules:\n"
	for i, g := range rs.all {
		text += g.write(r, fmt.Sprintf("rule-%d", i))
	}
	return text
}

// modelStore is a store in the model.
type modelStore struct {
	id, account, name string
	gone              bool
}

// item is a secret in the model.
type item struct {
	id      string
	in      *modelStore
	name    string
	value   string
	comment *string
	scopes  []string
	gone    bool
}

func (s *item) place() place { return place{s.in.account, s.in.name, s.name} }

// model is all that there is, and was.
type model struct {
	*rights

	modelStores []*modelStore
	items       []*item
	byID        map[string]*item
	storesByID  map[string]*modelStore
	// names are the places where a name is or was in use.
	names map[string][]place
	// marks are texts in the comment or the value of a secret.
	marks map[string]*item
	// values are the marks that no answer may ever contain.
	values map[string]bool
	// conditions caches conditions of permissions.
	conditions map[string]*authz.Engine
	count      int
}

func newModel(rs *rights) *model {
	return &model{rights: rs, byID: map[string]*item{}, storesByID: map[string]*modelStore{}, names: map[string][]place{}, marks: map[string]*item{}, values: map[string]bool{}, conditions: map[string]*authz.Engine{}}
}

func (m *model) addShelf(s *modelStore) {
	m.modelStores, m.storesByID[s.id] = append(m.modelStores, s), s
}

// addItem adds a secret with marks in the comment and the value.
func (m *model) addItem(s *item) {
	m.items, m.byID[s.id] = append(m.items, s), s
	if !slices.Contains(m.names[s.name], s.place()) {
		m.names[s.name] = append(m.names[s.name], s.place())
	}
	m.mark(s)
}

// mark notes the texts of a secret.
func (m *model) mark(s *item) {
	if s.comment != nil {
		for _, token := range tokens(*s.comment) {
			if strings.HasPrefix(token, "note") {
				m.marks[token] = s
			}
		}
	}
	m.values[s.value] = true
}

// fresh is a text that stood nowhere before.
func (m *model) fresh(kind string) string {
	m.count++
	return fmt.Sprintf("%s%07d", kind, m.count)
}

func (m *model) live() []*item {
	return slices.DeleteFunc(slices.Clone(m.items), func(s *item) bool { return s.gone })
}

// at finds the secret that has a name in a store.
func (m *model) at(in *modelStore, name string) *item {
	for _, s := range m.items {
		if s.in == in && s.name == name && !s.gone {
			return s
		}
	}
	return nil
}

// forget drops deleted secrets except the newest, so that a long run stays fast. Their marks stay
// known.
func (m *model) forget() {
	if len(m.items) < 600 {
		return
	}
	old := m.items[:len(m.items)-300]
	m.items = append(slices.DeleteFunc(slices.Clone(old), func(s *item) bool { return s.gone }), m.items[len(m.items)-300:]...)
}

// state describes the model's state in the form of Cloudflare.State.
func (m *model) state() map[string]string {
	state := map[string]string{}
	for _, s := range m.modelStores {
		if !s.gone {
			state[s.account+"/"+s.id] = s.name
		}
	}
	for _, s := range m.items {
		if !s.gone {
			state[s.in.account+"/"+s.in.id+"/"+s.id] = servertest.Describe(s.name, s.value, s.comment, s.scopes)
		}
	}
	return state
}

// tokens are the words of a text: names, identifiers and marks among them.
func tokens(text string) []string {
	return strings.FieldsFunc(text, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '-'
	})
}
