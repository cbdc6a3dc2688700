package authz

import (
	"strconv"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// callerSet is a group of callers that a rule can apply to, derived from a condition that must be true, such
// as principal.tenant == "payments". Rules of other subjects are not evaluated. The zero value stands for
// every caller.
type callerSet struct {
	// variable is a CEL variable. For a claim it is the variable of all claims, a dot and the name of the
	// claim.
	variable, value string
}

// term is a string in a template.
type term struct {
	text string
	// at is the number of the literal in the rule, from 1. 0: the string is the
	// same for all rules of the template.
	at int
}

// of returns the string for the rule with these literals.
func (t term) of(texts []any) string {
	if t.at == 0 {
		return t.text
	}
	text, _ := texts[t.at-1].(types.String)
	return string(text)
}

// constraints are the conditions of a rule that must be true and that compare one variable with one string.
type constraints struct {
	// variable selects the subject, "" for every caller.
	variable string
	value    term
	// claim is the name of the claim, if the variable is a claim.
	claim string
	// store is the only store that the rule can apply to. Nil: any store.
	store *term
}

// constraintsOf reads the conditions that are joined by && at the top of an
// expression.
func constraintsOf(checked *cel.Ast) constraints {
	tree := checked.NativeRep()
	r := constraintReader{references: tree.ReferenceMap()}
	r.read(tree.Expr())
	return r.found
}

// constraintReader reads the constraints of a checked expression.
type constraintReader struct {
	references map[int64]*ast.ReferenceInfo
	found      constraints
}

func (r *constraintReader) read(e ast.Expr) {
	if e.Kind() != ast.CallKind {
		return
	}
	call := e.AsCall()
	switch call.FunctionName() {
	case operators.LogicalAnd:
		for _, part := range call.Args() {
			r.read(part)
		}
	case operators.Equals:
		left, right := call.Args()[0], call.Args()[1]
		r.readEquality(left, right)
		r.readEquality(right, left)
	case operators.In:
		if text, is := r.term(call.Args()[0]); is && r.name(call.Args()[1]) == varGroups {
			r.addCallerConstraint(varGroups, "", text)
		}
	}
}

// readEquality reads "variable == string".
func (r *constraintReader) readEquality(variable, text ast.Expr) {
	value, is := r.term(text)
	if !is {
		return
	}
	switch name := r.name(variable); {
	case name == varName, name == varTenant:
		r.addCallerConstraint(name, "", value)
	case name == varStore:
		r.found.store = &value
	case variable.Kind() == ast.SelectKind && !variable.AsSelect().IsTestOnly():
		if claim := variable.AsSelect(); r.name(claim.Operand()) == varClaims {
			r.addCallerConstraint(varClaims+"."+claim.FieldName(), claim.FieldName(), value)
		}
	}
}

// addCallerConstraint keeps the constraint that fewest callers meet. Many
// callers share a tenant or a group.
func (r *constraintReader) addCallerConstraint(variable, claim string, value term) {
	if selectivity(variable) > selectivity(r.found.variable) {
		r.found.variable, r.found.claim, r.found.value = variable, claim, value
	}
}

func selectivity(variable string) int {
	switch variable {
	case "":
		return 0
	case varTenant:
		return 1
	case varGroups:
		return 2
	case varName:
		return 4
	default: // A claim.
		return 3
	}
}

// name returns the variable of an expression, and "" for any other expression.
func (r *constraintReader) name(e ast.Expr) string {
	if reference, named := r.references[e.ID()]; named {
		return reference.Name
	}
	return ""
}

// term reads a string literal or the variable of a literal.
func (r *constraintReader) term(e ast.Expr) (term, bool) {
	if e.Kind() == ast.LiteralKind {
		text, is := e.AsLiteral().(types.String)
		return term{text: string(text)}, is
	}
	number, is := strings.CutPrefix(r.name(e), varLiteral)
	at, err := strconv.Atoi(number)
	return term{at: at + 1}, is && err == nil
}

// needsOf returns the names that a rule uses.
func needsOf(checked *cel.Ast) needs {
	var n needs
	for _, reference := range checked.NativeRep().ReferenceMap() {
		n.store = n.store || reference.Name == varStore
		n.secret = n.secret || reference.Name == varSecret || reference.Name == varScopes
		n.claims = n.claims || reference.Name == varClaims
	}
	return n
}
