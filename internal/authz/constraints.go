package authz

import (
	"strconv"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// subject is whom a rule can be about at all, read from a part of it that must
// be true, such as principal.tenant == "payments". With thousands of rules,
// those of other teams are then never asked. The zero value is everybody.
type subject struct {
	// variable is one of CEL's, and for a claim that of all claims, a dot and its
	// name.
	variable, value string
}

// term is a text in a form.
type term struct {
	text string
	// at is the place of the text among those of the rule, counted from 1. 0: it
	// is the same for all rules of the form.
	at int
}

// of gives the text for the rule that has these texts.
func (t term) of(texts []any) string {
	if t.at == 0 {
		return t.text
	}
	text, _ := texts[t.at-1].(types.String)
	return string(text)
}

// constraints are the parts of a rule that must be true and compare one variable
// with one text.
type constraints struct {
	// variable is what tells apart whom the rule can be about, "" for nothing.
	variable string
	value    term
	// claim is the name of the claim where the variable is one.
	claim string
	// store is the only store that the rule can be about, nil for any.
	store *term
}

// constraintsOf looks among the parts that are joined by && at the top.
func constraintsOf(checked *cel.Ast) constraints {
	tree := checked.NativeRep()
	r := constraintReader{references: tree.ReferenceMap()}
	r.read(tree.Expr())
	return r.found
}

// constraintReader is the reading of a checked expression.
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

// readEquality reads "variable == text".
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

// addCallerConstraint keeps a demand on the caller. Of several, that which fewest callers meet
// counts: many share a tenant or a group.
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

// name is the variable that an expression is, "" where it is none.
func (r *constraintReader) name(e ast.Expr) string {
	if reference, named := r.references[e.ID()]; named {
		return reference.Name
	}
	return ""
}

// term reads a text.
func (r *constraintReader) term(e ast.Expr) (term, bool) {
	if e.Kind() == ast.LiteralKind {
		text, is := e.AsLiteral().(types.String)
		return term{text: string(text)}, is
	}
	number, is := strings.CutPrefix(r.name(e), varLiteral)
	at, err := strconv.Atoi(number)
	return term{at: at + 1}, is && err == nil
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
