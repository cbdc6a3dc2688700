package authz

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// maxLiterals is how many texts the rules of a form can differ in.
const maxLiterals = 16

// template is what rules share that differ in their texts only. A policy has
// thousands of rules of few forms, and checking one costs more than deciding a
// hundred questions, so each form is checked and planned once. A rule that no
// other can share with is a form of its own, without texts.
type template struct {
	program cel.Program
	needs   needs
	// constraints is what the rules demand at their top.
	constraints constraints
}

// compiler compiles rules, each form once.
type compiler struct {
	language *cel.Env
	// templates has nil for a form that cannot be shared.
	templates map[string]*template
	// patterns are the actions that patterns stand for.
	patterns map[string]actionSet
}

func newCompiler() (*compiler, error) {
	language, err := newLanguage()
	if err != nil {
		return nil, fmt.Errorf("declare the language of rules: %w", err)
	}
	return &compiler{language: language, templates: map[string]*template{}, patterns: map[string]actionSet{}}, nil
}

// compile returns the form of an expression and the texts that make it this
// one, as CEL values.
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

// matchActions gives the actions that a pattern stands for.
func (f *compiler) matchActions(pattern string) actionSet {
	set, known := f.patterns[pattern]
	if !known {
		set = matchActions(pattern)
		f.patterns[pattern] = set
	}
	return set
}

// compileTemplate compiles a pattern with variables where its texts were. It gives nil
// where that cannot be; then each rule is judged by itself, and is told its own
// mistakes. A variable counts as longer than any text that split takes out, so
// a rule that costs too much by itself is never let through by its form.
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
	checked, program, err := compile(f.language, parsed)
	if err != nil {
		return nil, err
	}
	return &template{program: program, needs: needsOf(checked), constraints: constraintsOf(checked)}, nil
}

// extractLiterals takes the texts out of an expression and puts their numbers there, still
// in quotes, so that a pattern is an expression exactly where the original is.
// plain is false where a text is anything but letters between two quotes.
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
			// Three quotes begin a text that may hold quotes.
			return "", nil, false
		case from > 0 && isWord(rest[from-1]):
			// A letter before the quote says how to read the text.
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

// bindLiterals puts variables in the place of the texts of a pattern. It says no
// where CEL would do something with a text when a rule is loaded, such as to
// refuse a regular expression that is none.
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

// evaluatesLate says of a function that CEL looks at its arguments only when a
// question is asked.
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
