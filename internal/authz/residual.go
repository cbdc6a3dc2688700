package authz

import (
	"maps"
	"strconv"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/interpreter"
	"cel.dev/cel-go/parser"
)

// exhaustiveCost limits the work of finding one condition. It is more than costLimit, because both branches
// of an expression are evaluated.
const exhaustiveCost = 4 * costLimit

// partialProgram compiles an expression so that it can be evaluated with unknown variables.
func partialProgram(language *cel.Env, checked *cel.Ast) (cel.Program, error) {
	return language.Program(checked, cel.EvalOptions(cel.OptPartialEval, cel.OptExhaustiveEval), cel.CostLimit(exhaustiveCost))
}

// residual evaluates the rule for a caller and an action while the object, or all of it except the account,
// is unknown. It returns the condition that the object must meet, and false if the rule allows the caller the
// action on no object.
func (r *compiledRule) residual(q Question) (Permission, bool) {
	asked := &activation{Question: q, literals: r.literals}
	var unknown []*cel.AttributePatternType
	for _, name := range unknownsOf(&asked.Question) {
		if name != varAccount || q.Account == "" {
			unknown = append(unknown, cel.AttributePattern(name))
		}
	}
	hidden := Permission{Hidden: true}
	program, err := r.template.partial()
	if err != nil {
		return hidden, true
	}
	known, err := cel.PartialVars(asked, unknown...)
	if err != nil {
		return hidden, true
	}
	result, details, err := program.Eval(known)
	switch {
	case result != nil && result.Value() == true:
		return Permission{}, true
	case result != nil && types.IsBool(result):
		return Permission{}, false
	case details == nil || result == nil || !types.IsUnknown(result) && err == nil:
		return hidden, true
	case !types.IsUnknown(result):
		// The rule fails for every object.
		return Permission{}, false
	}
	s := r.simplifier(details.State())
	return s.permission(r.template.checked.NativeRep().Expr())
}

// simplifier removes the known parts of an expression after a partial evaluation.
type simplifier struct {
	ast.ExprFactory

	state    interpreter.EvalState
	macros   map[int64]ast.Expr
	literals []any
}

// simplifier returns the simplifier of the expression of the rule.
func (r *compiledRule) simplifier(state interpreter.EvalState) *simplifier {
	s := &simplifier{ExprFactory: ast.NewExprFactory(), state: state, literals: r.literals, macros: map[int64]ast.Expr{}}
	for id, call := range r.template.checked.NativeRep().SourceInfo().MacroCalls() {
		s.macros[id] = s.bind(call)
	}
	return s
}

// bind returns a copy of an expression of a template with the literals of the
// rule. In the source of a macro the literals are still their numbers.
func (s *simplifier) bind(e ast.Expr) ast.Expr {
	e = s.CopyExpr(e)
	if len(s.literals) == 0 {
		return e
	}
	ast.PostOrderVisit(e, ast.NewExprVisitor(func(e ast.Expr) {
		number := ""
		switch e.Kind() {
		case ast.IdentKind:
			number, _ = strings.CutPrefix(e.AsIdent(), varLiteral)
		case ast.LiteralKind:
			text, _ := e.AsLiteral().(types.String)
			number = string(text)
		}
		if at, err := strconv.Atoi(number); err == nil && at < len(s.literals) {
			text, _ := s.literals[at].(types.String)
			e.SetKindCase(s.NewLiteral(e.ID(), text))
		}
	}))
	return e
}

// permission returns the condition of an expression, and false if the condition cannot be true.
func (s *simplifier) permission(e ast.Expr) (Permission, bool) {
	left := s.simplify(e)
	switch {
	case left == nil:
		return Permission{}, false
	case isTrue(left):
		return Permission{}, true
	}
	if s.mentionsOthers(left) {
		return Permission{Hidden: true}, true
	}
	info := ast.NewSourceInfo(nil)
	for id, call := range s.macros {
		info.SetMacroCall(id, call)
	}
	text, err := parser.Unparse(left, info, parser.WrapOnColumn(maxConditionColumn))
	if err != nil {
		return Permission{Hidden: true}, true
	}
	found := Permission{Condition: text}
	found.narrow(left)
	return found, true
}

// maxConditionColumn keeps a condition on one line.
const maxConditionColumn = 1 << 20

// simplify returns the unknown part of an expression, nil if the expression cannot be true. An operand that
// fails cannot make a rule true.
func (s *simplifier) simplify(e ast.Expr) ast.Expr {
	if v, known := s.state.Value(e.ID()); known && !types.IsUnknown(v) {
		if v.Value() == true {
			return s.NewLiteral(e.ID(), types.True)
		}
		return nil
	}
	if e.Kind() == ast.CallKind {
		switch function := e.AsCall().FunctionName(); function {
		case operators.LogicalAnd:
			return s.all(e)
		case operators.LogicalOr:
			return s.any(e)
		}
	}
	pruned := interpreter.PruneAst(s.bind(e), s.macros, s.state)
	maps.Copy(s.macros, pruned.SourceInfo().MacroCalls())
	return pruned.Expr()
}

func (s *simplifier) all(e ast.Expr) ast.Expr {
	var left []ast.Expr
	for _, operand := range e.AsCall().Args() {
		one := s.simplify(operand)
		if one == nil {
			return nil
		}
		if !isTrue(one) {
			left = append(left, one)
		}
	}
	return s.join(e.ID(), operators.LogicalAnd, left, types.True)
}

func (s *simplifier) any(e ast.Expr) ast.Expr {
	var left []ast.Expr
	for _, operand := range e.AsCall().Args() {
		one := s.simplify(operand)
		if one != nil && isTrue(one) {
			return one
		}
		if one != nil {
			left = append(left, one)
		}
	}
	if len(left) == 0 {
		return nil
	}
	return s.join(e.ID(), operators.LogicalOr, left, types.False)
}

// join joins operands by && or ||.
func (s *simplifier) join(id int64, operator string, operands []ast.Expr, none types.Bool) ast.Expr {
	switch len(operands) {
	case 0:
		return s.NewLiteral(id, none)
	case 1:
		return operands[0]
	}
	return s.NewCall(id, operator, operands...)
}

func isTrue(e ast.Expr) bool { return e.Kind() == ast.LiteralKind && e.AsLiteral() == types.True }

// mentionsOthers reports whether an expression has a part about the caller that was not evaluated: the body
// of a loop over scopes. Such a part may name other callers.
func (s *simplifier) mentionsOthers(e ast.Expr) bool {
	found := false
	ast.PostOrderVisit(e, ast.NewExprVisitor(func(e ast.Expr) {
		name := ""
		if e.Kind() == ast.IdentKind {
			name = e.AsIdent()
		}
		found = found || strings.HasPrefix(name, "principal") || name == varAction || strings.HasPrefix(name, varLiteral)
	}))
	return found
}

// narrow notes the names that conditions joined by && at the top require.
func (p *Permission) narrow(e ast.Expr) {
	if e.Kind() != ast.CallKind {
		return
	}
	call := e.AsCall()
	switch call.FunctionName() {
	case operators.LogicalAnd:
		for _, operand := range call.Args() {
			p.narrow(operand)
		}
	case operators.Equals:
		left, right := call.Args()[0], call.Args()[1]
		p.narrowTo(left, right)
		p.narrowTo(right, left)
	case "startsWith":
		if len(call.Args()) == 1 && call.Target().Kind() == ast.IdentKind && call.Target().AsIdent() == varSecret {
			p.SecretPrefix = literalText(call.Args()[0])
		}
	}
}

func (p *Permission) narrowTo(variable, value ast.Expr) {
	if variable.Kind() != ast.IdentKind {
		return
	}
	switch text := literalText(value); variable.AsIdent() {
	case varAccount:
		p.Account = text
	case varStore:
		p.Store = text
	case varSecret:
		p.Secret = text
	}
}

func literalText(e ast.Expr) string {
	if e.Kind() != ast.LiteralKind {
		return ""
	}
	text, _ := e.AsLiteral().(types.String)
	return string(text)
}
