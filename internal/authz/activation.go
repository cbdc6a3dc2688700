package authz

import (
	"strconv"
	"strings"

	"cel.dev/cel-go/interpreter"
)

// activation is a Question as a CEL activation. It needs no map per question.
type activation struct {
	Question

	// literals are the string literals of the rule that is evaluated.
	literals []any
}

var _ interpreter.Activation = (*activation)(nil)

// Parent returns nil: an activation has no parent.
func (*activation) Parent() interpreter.Activation { return nil }

// ResolveName returns the value of a variable of a rule.
func (q *activation) ResolveName(name string) (any, bool) {
	switch name {
	case varName:
		return q.Principal.Name, true
	case varTenant:
		return q.Principal.Tenant, true
	case varGroups:
		return q.Principal.Groups, true
	case varClaims:
		if q.Principal.Claims == nil {
			return map[string]any{}, true
		}
		return q.Principal.Claims, true
	case varKind:
		return string(q.Principal.Kind), true
	case varAction:
		return q.Action, true
	case varAccount:
		return q.Account, true
	case varScopes:
		return q.Scopes, true
	default:
		return q.resolveObject(name)
	}
}

// resolveObject returns the name of the store or the secret, or a string
// literal of the rule.
func (q *activation) resolveObject(name string) (any, bool) {
	switch {
	case name == varStore && q.Store != nil:
		return *q.Store, true
	case name == varSecret && q.Secret != nil:
		return *q.Secret, true
	}
	number, isText := strings.CutPrefix(name, varLiteral)
	if at, err := strconv.Atoi(number); isText && err == nil && at < len(q.literals) {
		return q.literals[at], true
	}
	return nil, false
}
