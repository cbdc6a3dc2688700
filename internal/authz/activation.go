package authz

import (
	"slices"
	"strconv"
	"strings"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/interpreter"
)

// activation is a Question as a CEL activation. It needs no map per question.
type activation struct {
	Question

	// groups and scopes are the lists of the question for CEL.
	groups, scopes textList
	// candidates is memory for the lists of rules that can apply, in the allocation of the activation.
	candidates [8][]*compiledRule
	// literals are the string literals of the rule that is evaluated.
	literals []any
	// measured says that fits is valid.
	measured, fits bool
}

// withinSizes reports whether the values of the question have the sizes that the cost estimate assumes.
// Claims have no size limits, so a rule that uses claims is never within the sizes.
func (q *activation) withinSizes(claims bool) bool {
	if claims && len(q.Principal.Claims.All()) > 0 {
		return false
	}
	if !q.measured {
		q.measured, q.fits = true, q.measure()
	}
	return q.fits
}

func (q *activation) measure() bool {
	for _, text := range []string{q.Principal.Name, q.Principal.Tenant, q.Action, q.Account} {
		if len(text) > maxTextBytes {
			return false
		}
	}
	for _, name := range []*string{q.Store, q.Secret} {
		if name != nil && len(*name) > maxTextBytes {
			return false
		}
	}
	for _, list := range [][]string{q.Principal.Groups, q.Scopes} {
		if len(list) > maxItems || slices.ContainsFunc(list, func(text string) bool { return len(text) > maxTextBytes }) {
			return false
		}
	}
	return true
}

var _ interpreter.Activation = (*activation)(nil)

// Parent returns nil: an activation has no parent.
func (*activation) Parent() interpreter.Activation { return nil }

// ResolveName returns the value of a variable of a rule. Values of CEL's own types are not
// converted, which saves memory.
func (q *activation) ResolveName(name string) (any, bool) {
	switch name {
	case varName:
		return types.String(q.Principal.Name), true
	case varTenant:
		return types.String(q.Principal.Tenant), true
	case varGroups:
		q.groups.texts = q.Principal.Groups
		return &q.groups, true
	case varClaims:
		if all := q.Principal.Claims.All(); all != nil {
			return all, true
		}
		return map[string]any{}, true
	case varKind:
		return types.String(q.Principal.Kind), true
	case varAction:
		return types.String(q.Action), true
	case varAccount:
		return types.String(q.Account), true
	case varScopes:
		q.scopes.texts = q.Scopes
		return &q.scopes, true
	default:
		return q.resolveObject(name)
	}
}

// resolveObject returns the name of the store or the secret, or a string
// literal of the rule.
func (q *activation) resolveObject(name string) (any, bool) {
	switch {
	case name == varStore && q.Store != nil:
		return types.String(*q.Store), true
	case name == varSecret && q.Secret != nil:
		return types.String(*q.Secret), true
	}
	number, isText := strings.CutPrefix(name, varLiteral)
	if at, err := strconv.Atoi(number); isText && err == nil && at < len(q.literals) {
		return q.literals[at], true
	}
	return nil, false
}
