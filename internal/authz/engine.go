package authz

import (
	"errors"
	"fmt"
)

// Engine decides by a fixed set of rules. It is safe for concurrent use.
type Engine struct {
	index *ruleIndex
	// digest identifies the policy file of the rules.
	digest string
	rules  int
}

// NewEngine compiles rules. The error lists every mistake of every rule.
func NewEngine(rules []Rule) (*Engine, error) {
	known, err := newCompiler()
	if err != nil {
		return nil, err
	}
	e := &Engine{index: newIndex(), rules: len(rules)}
	seen := map[string]bool{}
	var mistakes []error
	for i, r := range rules {
		c, err := r.compile(known, i)
		if err == nil && seen[r.ID] {
			err = errors.New("id is used by another rule")
		}
		if err != nil {
			for _, one := range leaves(err) {
				mistakes = append(mistakes, itemError{"rules", i, fmt.Errorf("rules[%d] %q: %w", i, r.ID, one)})
			}
			continue
		}
		seen[r.ID] = true
		e.index.add(c)
	}
	return e, errors.Join(mistakes...)
}

// Decide answers one question. A rule that needs a name which the question lacks is skipped, and then
// Decision.NeedsName is true.
func (e *Engine) Decide(q Question) Decision { return e.decide(&q) }

func (e *Engine) decide(q *Question) Decision {
	asked := &activation{Question: *q}
	c := candidates{question: &asked.Question, action: actionOf(q.Action), lists: asked.candidates[:0]}
	e.index.find(&c)
	for r := c.next(); r != nil; r = c.next() {
		if r.allows(asked) {
			return Decision{Allowed: true, Rule: r.id}
		}
	}
	return Decision{NeedsName: c.needsName}
}
