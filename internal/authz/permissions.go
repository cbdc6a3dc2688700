package authz

import (
	"slices"
	"strings"

	"platform.internal/storekeeper/internal/authn"
)

// Permission describes the rights that one rule gives one caller.
type Permission struct {
	// Rule is the id of the rule.
	Rule string
	// Actions are the actions that the rule allows under Condition.
	Actions []string
	// Condition is the CEL expression over account, store, secret and scopes that must be true. Empty: the
	// actions are allowed on everything, or Hidden is set. It holds no information about other callers.
	Condition string
	// Account, Store and Secret are the only names for which Condition can be true. SecretPrefix is the
	// common prefix of the names of secrets for which Condition can be true. Empty: there is no such name.
	Account, Store, Secret, SecretPrefix string
	// Hidden says that there is a condition which cannot be shown without information about other callers.
	Hidden bool
}

// Permissions lists the rights of a caller, in the order of the file. It covers at most most rules, beginning
// with the rule at position from. next is the position of the first rule not covered, 0 at the end.
func (e *Engine) Permissions(p authn.Principal, from, most int) (list []Permission, next int) {
	rules := e.index.rulesOf(p)
	for _, r := range rules {
		if r.order < from {
			continue
		}
		found := r.permissions(p)
		if len(found) == 0 {
			continue
		}
		if most == 0 {
			return list, r.order
		}
		list = append(list, found...)
		most--
	}
	return list, 0
}

// mostReached limits how many rules Reaches evaluates.
const mostReached = 200

// Reaches reports whether a rule may allow a caller anything in an account, apart from actions of operators.
// For a caller with very many rules the result may be a false positive.
func (e *Engine) Reaches(p authn.Principal, account string) bool {
	left := mostReached
	for _, r := range e.index.rulesOf(p) {
		for i, action := range actions {
			if r.actions&(1<<i) == 0 || AboutStorekeeper(action) {
				continue
			}
			if _, may := r.residual(Question{Principal: p, Action: action, Account: account}); may || left == 0 {
				return true
			}
			left--
		}
	}
	return false
}

// rulesOf returns all rules that can apply to a caller, in the order of the file.
func (x *ruleIndex) rulesOf(p authn.Principal) []*compiledRule {
	var rules []*compiledRule
	x.subjects(&p, func(s *subjectRules) {
		if s == nil {
			return
		}
		for _, b := range s.anyStore {
			rules = append(rules, b.rules...)
		}
		for _, buckets := range s.byStore {
			for _, b := range buckets {
				rules = append(rules, b.rules...)
			}
		}
	})
	slices.SortFunc(rules, func(a, b *compiledRule) int { return a.order - b.order })
	// A caller may name a group twice.
	return slices.Compact(rules)
}

// permissions lists the rights that the rule gives a caller: one permission for each condition.
func (r *compiledRule) permissions(p authn.Principal) []Permission {
	var list []Permission
	for i, action := range actions {
		if r.actions&(1<<i) == 0 {
			continue
		}
		one, allowed := r.residual(Question{Principal: p, Action: action})
		if !allowed {
			continue
		}
		one.Rule = r.id
		if at := slices.IndexFunc(list, func(other Permission) bool { return one.Condition == other.Condition && one.Hidden == other.Hidden }); at >= 0 {
			list[at].Actions = append(list[at].Actions, action)
			continue
		}
		one.Actions = []string{action}
		list = append(list, one)
	}
	return list
}

// unknownsOf returns the variables that a call of an action decides, and sets the
// others: an action on a store has no secret.
func unknownsOf(q *Question) []string {
	none := ""
	switch kind, _, _ := strings.Cut(q.Action, "."); {
	case kind == "operator":
		q.Store, q.Secret = &none, &none
		return nil
	case kind == "account" || kind == "quota":
		q.Store, q.Secret = &none, &none
		return []string{varAccount}
	case kind == "store":
		q.Secret = &none
		return []string{varAccount, varStore}
	case q.Action == "secret.create" || q.Action == "secret.update":
		return []string{varAccount, varStore, varSecret, varScopes}
	}
	return []string{varAccount, varStore, varSecret}
}
