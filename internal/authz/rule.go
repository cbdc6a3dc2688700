package authz

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

// Rule is a rule of an operator's policy file.
type Rule struct {
	// ID identifies the rule in decisions. It is unique.
	ID string `yaml:"id"`
	// Actions are the actions that the rule allows. "secret.*" matches all
	// actions on secrets, "*" matches all actions but "operator.*".
	Actions []string `yaml:"actions"`
	// When is the CEL expression that must be true for the rule to allow an
	// action.
	When string `yaml:"when"`
}

// compiledRule is a rule that can be evaluated.
type compiledRule struct {
	id       string
	order    int
	actions  actionSet
	template *template
	literals []any
}

func (r Rule) compile(known *compiler, order int) (*compiledRule, error) {
	var mistakes []error
	if r.ID == "" {
		mistakes = append(mistakes, errors.New("id is missing"))
	}
	if len(r.Actions) == 0 {
		mistakes = append(mistakes, errors.New("actions is missing; it must list what the rule allows, such as secret.create or secret.*"))
	}
	var about actionSet
	for _, pattern := range r.Actions {
		covered := known.matchActions(pattern)
		if covered == 0 {
			mistakes = append(mistakes, fmt.Errorf("actions: there is no action %q; there are %s, and * for several of them, but operator.* for those of operators",
				pattern, strings.Join(Actions(), ", ")))
		}
		about |= covered
	}
	if r.When == "" {
		return nil, errors.Join(append(mistakes, errors.New(`when is missing; it must say when the rule allows, such as principal.tenant == "payments", or true`))...)
	}
	form, texts, err := known.compile(r.When)
	if err != nil {
		return nil, errors.Join(append(mistakes, fmt.Errorf("when: %w", err))...)
	}
	if err := errors.Join(mistakes...); err != nil {
		return nil, err
	}
	return &compiledRule{id: r.ID, order: order, actions: about, template: form, literals: texts}, nil
}

// operatorActions begins the actions on Storekeeper itself.
const operatorActions = "operator."

// actions lists all actions. A rule about any other action could never apply.
var actions = []string{
	"operator.status", "operator.tenants",
	"account.get", "quota.get",
	"store.create", "store.get", "store.delete",
	"secret.create", "secret.get", "secret.update", "secret.delete", "secret.duplicate",
	"change.get",
}

// Actions returns all actions.
func Actions() []string { return slices.Clone(actions) }

// AboutStorekeeper reports whether an action is about Storekeeper itself and not
// about an account.
func AboutStorekeeper(action string) bool { return strings.HasPrefix(action, operatorActions) }

// actionSet is a set of actions, one bit per action.
type actionSet uint32

// matchActions returns the actions that a pattern matches. It returns the empty set for an invalid pattern.
// Only a pattern that begins with "operator." matches actions of operators: a rule with "*" gives a team all
// rights on its objects, and no rights on Storekeeper.
func matchActions(pattern string) actionSet {
	var set actionSet
	for i, a := range actions {
		if AboutStorekeeper(a) && !strings.HasPrefix(pattern, operatorActions) {
			continue
		}
		if matches, err := path.Match(pattern, a); matches && err == nil {
			set |= 1 << i
		}
	}
	return set
}

// actionOf returns the set of one action, and the empty set for an unknown
// action.
func actionOf(name string) actionSet {
	for i, a := range actions {
		if a == name {
			return 1 << i
		}
	}
	return 0
}

// allows evaluates the rule. An expression that fails, for example because the
// caller lacks a claim, allows nothing.
func (r *compiledRule) allows(q *activation) bool {
	q.literals = r.literals
	program := r.template.metered
	if q.withinSizes(r.template.needs.claims) {
		program = r.template.bounded
	}
	result, _, err := program.Eval(q)
	return err == nil && result.Value() == true
}
