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

// mostTexts is how many texts the rules of a form can differ in.
const mostTexts = 16

// form is what rules share that differ in their texts only. A policy has
// thousands of rules of few forms, and checking one costs more than deciding a
// hundred questions, so each form is checked and planned once. A rule that no
// other can share with is a form of its own, without texts.
type form struct {
	program cel.Program
	needs   needs
	// about is what the rules demand at their top.
	about demands
}

// forms compiles rules, each form once.
type forms struct {
	language *cel.Env
	// shared has nil for a form that cannot be shared.
	shared map[string]*form
	// patterns are the actions that patterns stand for.
	patterns map[string]actionSet
}

func newForms() (*forms, error) {
	language, err := newLanguage()
	if err != nil {
		return nil, fmt.Errorf("declare the language of rules: %w", err)
	}
	return &forms{language: language, shared: map[string]*form{}, patterns: map[string]actionSet{}}, nil
}

// compile returns the form of an expression and the texts that make it this
// one, as CEL values.
func (f *forms) compile(text string) (*form, []any, error) {
	if pattern, texts, plain := split(text); plain {
		known, seen := f.shared[pattern]
		if !seen {
			known = f.share(pattern)
			f.shared[pattern] = known
		}
		if known != nil {
			return known, texts, nil
		}
	}
	parsed, issues := f.language.Parse(text)
	if issues.Err() != nil {
		return nil, nil, issues.Err()
	}
	own, err := f.finish(parsed)
	return own, nil, err
}

// covers gives the actions that a pattern stands for.
func (f *forms) covers(pattern string) actionSet {
	set, known := f.patterns[pattern]
	if !known {
		set = covers(pattern)
		f.patterns[pattern] = set
	}
	return set
}

// share compiles a pattern with variables where its texts were. It gives nil
// where that cannot be; then each rule is judged by itself, and is told its own
// mistakes. A variable counts as longer than any text that split takes out, so
// a rule that costs too much by itself is never let through by its form.
func (f *forms) share(pattern string) *form {
	parsed, issues := f.language.Parse(pattern)
	if issues.Err() != nil || !openTexts(parsed) {
		return nil
	}
	shared, err := f.finish(parsed)
	if err != nil {
		return nil
	}
	return shared
}

func (f *forms) finish(parsed *cel.Ast) (*form, error) {
	checked, program, err := compile(f.language, parsed)
	if err != nil {
		return nil, err
	}
	return &form{program: program, needs: needsOf(checked), about: demandsOf(checked)}, nil
}

// split takes the texts out of an expression and puts their numbers there, still
// in quotes, so that a pattern is an expression exactly where the original is.
// plain is false where a text is anything but letters between two quotes.
func split(expression string) (pattern string, texts []any, plain bool) {
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
		case !closed, len(texts) == mostTexts, len(text) > longestText, !utf8.ValidString(text):
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

// openTexts puts variables in the place of the texts of a pattern. It says no
// where CEL would do something with a text when a rule is loaded, such as to
// refuse a regular expression that is none.
func openTexts(parsed *cel.Ast) bool {
	factory, able := ast.NewExprFactory(), true
	ast.PostOrderVisit(parsed.NativeRep().Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		switch e.Kind() {
		case ast.CallKind:
			able = able && readsTextsLate(e.AsCall().FunctionName())
		case ast.StructKind:
			able = false
		case ast.LiteralKind:
			if number, isText := e.AsLiteral().(types.String); isText {
				e.SetKindCase(factory.NewIdent(e.ID(), varText+string(number)))
			}
		}
	}))
	return able
}

// readsTextsLate says of a function that CEL looks at its arguments only when a
// question is asked.
func readsTextsLate(function string) bool {
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
