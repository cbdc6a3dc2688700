package authz

import (
	"errors"
	"fmt"
	"path"
)

// Rule is a rule as an operator writes it.
type Rule struct {
	// ID names the rule in decisions, unique.
	ID string `yaml:"id"`
	// Actions are what the rule allows; "secret.*" stands for all actions on
	// secrets and "*" for all.
	Actions []string `yaml:"actions"`
	// When is a CEL expression that says when it does.
	When string `yaml:"when"`
}

// compiledRule is a rule that can be asked.
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
			mistakes = append(mistakes, fmt.Errorf("actions: there is no action %q; there are %v, and * for several", pattern, actions))
		}
		about |= covered
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

// actions are all there are. A rule about any other could never apply.
var actions = []string{
	"account.get", "quota.get",
	"store.create", "store.get", "store.delete",
	"secret.create", "secret.get", "secret.update", "secret.delete", "secret.duplicate",
}

// actionSet is a set of actions, one bit for each.
type actionSet uint16

// matchActions gives the actions that a pattern of a rule stands for, none where it
// is not a pattern.
func matchActions(pattern string) actionSet {
	var set actionSet
	for i, a := range actions {
		if matches, err := path.Match(pattern, a); matches && err == nil {
			set |= 1 << i
		}
	}
	return set
}

// actionOf gives the set of one action, empty for one that there is not.
func actionOf(name string) actionSet {
	for i, a := range actions {
		if a == name {
			return 1 << i
		}
	}
	return 0
}

// allows asks the rule. An expression that fails, for example on a claim that
// the caller does not have, allows nothing.
func (r *compiledRule) allows(q *activation) bool {
	q.literals = r.literals
	result, _, err := r.template.program.Eval(q)
	return err == nil && result.Value() == true
}
