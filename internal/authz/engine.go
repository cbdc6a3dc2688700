package authz

import (
	"errors"
	"fmt"
	"slices"
)

// Engine answers questions by a fixed set of rules. It is safe for concurrent
// use.
type Engine struct {
	bySubject map[subject][]*compiled
}

// NewEngine compiles rules. The error tells every mistake of every rule.
func NewEngine(rules []Rule) (*Engine, error) {
	language, err := newLanguage()
	if err != nil {
		return nil, fmt.Errorf("declare the language of rules: %w", err)
	}
	e := &Engine{bySubject: map[subject][]*compiled{}}
	seen := map[string]bool{}
	var mistakes []error
	for i, r := range rules {
		c, err := r.compile(language, i)
		if err == nil && seen[r.ID] {
			err = errors.New("id is used by another rule")
		}
		if err != nil {
			mistakes = append(mistakes, fmt.Errorf("rules[%d] %q: %w", i, r.ID, err))
			continue
		}
		seen[r.ID] = true
		e.bySubject[c.subject] = append(e.bySubject[c.subject], c)
	}
	return e, errors.Join(mistakes...)
}

// Decide answers one question. Rules that have to know a name which the
// question does not hold are left out; Decision.Open tells that there were such.
func (e *Engine) Decide(q Question) Decision {
	decision := Decision{}
	for _, r := range e.candidates(q) {
		if !q.answerable(r.needs) {
			decision.Open = true
			continue
		}
		if r.allows(q) {
			return Decision{Allowed: true, Rule: r.id}
		}
	}
	return decision
}

// candidates are the rules that can be about the caller and are about the
// action, in the order of the file.
func (e *Engine) candidates(q Question) []*compiled {
	var list []*compiled
	for _, s := range subjectsOf(q.Principal) {
		for _, r := range e.bySubject[s] {
			if r.about(q.Action) {
				list = append(list, r)
			}
		}
	}
	slices.SortFunc(list, func(a, b *compiled) int { return a.order - b.order })
	return list
}
