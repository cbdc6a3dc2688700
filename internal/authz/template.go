package authz

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// maxLiterals is the maximum number of string literals of a template.
const maxLiterals = 16

// template is the compiled form of all rules that differ only in their string literals. A policy has
// thousands of rules of a few templates, and compiling one rule costs more than a hundred decisions, so each
// template is compiled once. A rule that cannot share its compiled form has its own template without
// literals.
type template struct {
	// bounded evaluates questions whose values have the sizes that the cost estimate assumes. metered
	// evaluates all others.
	bounded, metered cel.Program
	needs            needs
	// checked is the checked expression. partial returns its program for unknown objects, which few templates
	// need.
	checked *cel.Ast
	partial func() (cel.Program, error)
	// constraints are the conditions that must be true for the rules to allow
	// anything.
	constraints constraints
}

// compiler compiles rules, each template once.
type compiler struct {
	language *cel.Env
	// templates holds the shared templates by their pattern. A pattern that
	// cannot be shared has the value nil.
	templates map[string]*template
	// patterns caches the actions that an action pattern matches.
	patterns map[string]actionSet
}

func newCompiler() (*compiler, error) {
	language, err := newLanguage()
	if err != nil {
		return nil, fmt.Errorf("declare the language of rules: %w", err)
	}
	return &compiler{language: language, templates: map[string]*template{}, patterns: map[string]actionSet{}}, nil
}

// compile returns the template of an expression and the string literals of the
// expression as CEL values.
func (f *compiler) compile(text string) (*template, []any, error) {
	if pattern, texts, plain := extractLiterals(text); plain {
		known, seen := f.templates[pattern]
		if !seen {
			known = f.compileTemplate(pattern)
			f.templates[pattern] = known
		}
		if known != nil {
			return known, texts, nil
		}
	}
	parsed, issues := f.language.Parse(text)
	if issues.Err() != nil {
		return nil, nil, issues.Err()
	}
	own, err := f.newTemplate(parsed)
	return own, nil, err
}

// matchActions returns the actions that an action pattern matches.
func (f *compiler) matchActions(pattern string) actionSet {
	set, known := f.patterns[pattern]
	if !known {
		set = matchActions(pattern)
		f.patterns[pattern] = set
	}
	return set
}

// compileTemplate compiles a pattern with variables in place of its literals. It returns nil if that is not
// possible. Each rule is then compiled separately and gets its own error. In the cost estimate a variable is
// longer than any literal that extractLiterals accepts, so a rule that is too expensive is also too expensive
// as a template.
func (f *compiler) compileTemplate(pattern string) *template {
	parsed, issues := f.language.Parse(pattern)
	if issues.Err() != nil || !bindLiterals(parsed) {
		return nil
	}
	shared, err := f.newTemplate(parsed)
	if err != nil {
		return nil
	}
	return shared
}

func (f *compiler) newTemplate(parsed *cel.Ast) (*template, error) {
	checked, err := check(f.language, parsed)
	if err != nil {
		return nil, err
	}
	bounded, metered, err := programs(f.language, checked)
	if err != nil {
		return nil, err
	}
	return &template{
		bounded: bounded, metered: metered, needs: needsOf(checked), constraints: constraintsOf(checked), checked: checked,
		partial: sync.OnceValues(func() (cel.Program, error) { return partialProgram(f.language, checked) }),
	}, nil
}

// extractLiterals replaces the string literals of an expression by their
// numbers, still in quotes, so that the pattern is a valid expression exactly
// if the original is. plain is false if a literal is anything but plain
// characters between two quotes.
func extractLiterals(expression string) (pattern string, texts []any, plain bool) {
	if strings.ContainsAny(expression, "\\`\r\n") || strings.Contains(expression, "//") {
		return "", nil, false
	}
	var b strings.Builder
	for rest := expression; ; {
		from := strings.IndexAny(rest, `"'`)
		if from < 0 {
			b.WriteString(rest)
			return b.String(), texts, true
		}
		text, after, closed := strings.Cut(rest[from+1:], rest[from:from+1])
		switch {
		case !closed, len(texts) == maxLiterals, len(text) > maxTextBytes, !utf8.ValidString(text):
			return "", nil, false
		case text == "" && strings.HasPrefix(after, rest[from:from+1]):
			// Three quotes begin a string that may contain quotes.
			return "", nil, false
		case from > 0 && isWord(rest[from-1]):
			// A letter before the quote is a prefix such as r or b.
			return "", nil, false
		}
		b.WriteString(rest[:from])
		b.WriteString(`"` + strconv.Itoa(len(texts)) + `"`)
		texts = append(texts, types.String(text))
		rest = after
	}
}

func isWord(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// bindLiterals replaces the literals of a parsed pattern by variables. It returns false if CEL evaluates a
// literal when a rule is loaded, for example a regular expression.
func bindLiterals(parsed *cel.Ast) bool {
	factory, able := ast.NewExprFactory(), true
	ast.PostOrderVisit(parsed.NativeRep().Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		switch e.Kind() {
		case ast.CallKind:
			able = able && evaluatesLate(e.AsCall().FunctionName())
		case ast.StructKind:
			able = false
		case ast.LiteralKind:
			if number, isText := e.AsLiteral().(types.String); isText {
				e.SetKindCase(factory.NewIdent(e.ID(), varLiteral+string(number)))
			}
		}
	}))
	return able
}

// evaluatesLate reports whether CEL evaluates the arguments of a function only
// when a question is decided.
func evaluatesLate(function string) bool {
	switch function {
	case operators.LogicalAnd, operators.LogicalOr, operators.LogicalNot, operators.NotStrictlyFalse, operators.Conditional,
		operators.Equals, operators.NotEquals, operators.In, operators.Index,
		operators.Add, operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals,
		"startsWith", "endsWith", "contains", "size":
		return true
	default:
		return false
	}
}
