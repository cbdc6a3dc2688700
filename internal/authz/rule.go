package authz

import (
	"errors"
	"fmt"
	"path"
	"slices"

	"cel.dev/cel-go/cel"
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

// compiled is a rule that can be asked.
type compiled struct {
	id      string
	order   int
	actions []string
	program cel.Program
	needs   needs
	subject subject
}

func (r Rule) compile(language *cel.Env, order int) (*compiled, error) {
	var mistakes []error
	if r.ID == "" {
		mistakes = append(mistakes, errors.New("id is missing"))
	}
	if len(r.Actions) == 0 {
		mistakes = append(mistakes, errors.New("actions is missing; it must list what the rule allows, such as secret.create or secret.*"))
	}
	for _, a := range r.Actions {
		if _, err := path.Match(a, ""); err != nil || !knownAction(a) {
			mistakes = append(mistakes, fmt.Errorf("actions: there is no action %q; there are %v, and * for several", a, actions))
		}
	}
	ast, program, err := compile(language, r.When)
	if err != nil {
		return nil, errors.Join(append(mistakes, fmt.Errorf("when: %w", err))...)
	}
	if err := errors.Join(mistakes...); err != nil {
		return nil, err
	}
	return &compiled{id: r.ID, order: order, actions: r.Actions, program: program, needs: needsOf(ast), subject: subjectOf(ast)}, nil
}

// actions are all there are. A rule about any other could never apply.
var actions = []string{
	"account.get", "quota.get",
	"store.create", "store.get", "store.delete",
	"secret.create", "secret.get", "secret.update", "secret.delete", "secret.duplicate",
}

func knownAction(pattern string) bool {
	return slices.ContainsFunc(actions, func(a string) bool { return covers(pattern, a) })
}

// covers says whether a pattern of a rule stands for an action.
func covers(pattern, action string) bool {
	ok, _ := path.Match(pattern, action)
	return ok
}

// allows asks the rule. An expression that fails, for example on a claim that
// the caller does not have, allows nothing.
func (r *compiled) allows(q Question) bool {
	result, _, err := r.program.Eval(question{q})
	return err == nil && result.Value() == true
}

func (r *compiled) about(action string) bool {
	return slices.ContainsFunc(r.actions, func(p string) bool { return covers(p, action) })
}
