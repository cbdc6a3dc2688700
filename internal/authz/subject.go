package authz

import (
	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/interpreter"

	"platform.internal/storekeeper/internal/access"
)

// subject is whom a rule can be about at all, read from a part of it that must
// be true, such as principal.tenant == "payments". With thousands of rules,
// those of other teams are then never asked. The zero value is everybody.
type subject struct {
	variable, value string
}

// subjectOf looks among the parts that are joined by && at the top.
func subjectOf(checked *cel.Ast) subject {
	tree := checked.NativeRep()
	return findSubject(tree.Expr(), tree.ReferenceMap())
}

func findSubject(e ast.Expr, names map[int64]*ast.ReferenceInfo) subject {
	if e.Kind() != ast.CallKind {
		return subject{}
	}
	call := e.AsCall()
	switch call.FunctionName() {
	case operators.LogicalAnd:
		for _, part := range call.Args() {
			if s := findSubject(part, names); s != (subject{}) {
				return s
			}
		}
	case operators.Equals:
		left, right := call.Args()[0], call.Args()[1]
		if s := compared(left, right, names); s != (subject{}) {
			return s
		}
		return compared(right, left, names)
	case operators.In:
		if s := compared(call.Args()[1], call.Args()[0], names); s.variable == varGroups {
			return s
		}
	}
	return subject{}
}

// compared reads "variable, literal" where the variable is about the caller.
func compared(variable, literal ast.Expr, names map[int64]*ast.ReferenceInfo) subject {
	reference, named := names[variable.ID()]
	if !named || literal.Kind() != ast.LiteralKind {
		return subject{}
	}
	value, isText := literal.AsLiteral().(types.String)
	switch reference.Name {
	case varName, varTenant, varGroups:
		if isText {
			return subject{variable: reference.Name, value: string(value)}
		}
	}
	return subject{}
}

// subjectsOf lists all that rules can call a caller, everybody included.
func subjectsOf(p access.Principal) []subject {
	list := make([]subject, 0, 3+len(p.Groups))
	list = append(list, subject{}, subject{varName, p.Name}, subject{varTenant, p.Tenant})
	for _, g := range p.Groups {
		list = append(list, subject{varGroups, g})
	}
	return list
}

// needsOf finds out which names a rule looks at.
func needsOf(checked *cel.Ast) needs {
	var n needs
	for _, reference := range checked.NativeRep().ReferenceMap() {
		n.store = n.store || reference.Name == varStore
		n.secret = n.secret || reference.Name == varSecret || reference.Name == varScopes
	}
	return n
}

// question makes a Question an activation.
type question struct{ Question }

var _ interpreter.Activation = question{}

// Parent returns nil: a question stands alone.
func (question) Parent() interpreter.Activation { return nil }
