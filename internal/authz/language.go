package authz

import (
	"errors"
	"fmt"
	"strconv"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/checker"
)

// The CEL variables of a rule.
const (
	varName    = "principal.name"
	varTenant  = "principal.tenant"
	varGroups  = "principal.groups"
	varClaims  = "principal.claims"
	varKind    = "principal.kind"
	varAction  = "action"
	varAccount = "account"
	varStore   = "store"
	varSecret  = "secret"
	varScopes  = "scopes"
	// varLiteral and a number name the variable of a string literal in a template. Rules cannot contain such
	// a name.
	varLiteral = "@text"
)

// costLimit limits the work of one rule for one question, in CEL's cost units. A rule that could cost more is
// refused when the policy is loaded. A comparison costs 1, a search in a name about 25.
const costLimit = 20_000

// The sizes that the cost estimate assumes.
const (
	maxTextBytes = 256
	maxItems     = 100
)

// newLanguage declares the variables of rules. An undeclared name, such as a misspelt field, is an error when
// the policy is loaded.
func newLanguage() (*cel.Env, error) {
	words := []cel.EnvOption{
		// Macro tracking allows a condition to be printed as in the rule (see residual).
		cel.EnableMacroCallTracking(),
		cel.Variable(varName, cel.StringType),
		cel.Variable(varTenant, cel.StringType),
		cel.Variable(varGroups, cel.ListType(cel.StringType)),
		cel.Variable(varClaims, cel.MapType(cel.StringType, cel.DynType)),
		cel.Variable(varKind, cel.StringType),
		cel.Variable(varAction, cel.StringType),
		cel.Variable(varAccount, cel.StringType),
		cel.Variable(varStore, cel.StringType),
		cel.Variable(varSecret, cel.StringType),
		cel.Variable(varScopes, cel.ListType(cel.StringType)),
	}
	for i := range maxLiterals {
		words = append(words, cel.Variable(varLiteral+strconv.Itoa(i), cel.StringType))
	}
	return cel.NewEnv(words...)
}

// check checks the types of a parsed expression and estimates its cost.
func check(language *cel.Env, parsed *cel.Ast) (*cel.Ast, error) {
	ast, issues := language.Check(parsed)
	if issues.Err() != nil {
		return nil, issues.Err()
	}
	if !ast.OutputType().IsExactType(cel.BoolType) {
		return nil, fmt.Errorf("must be true or false, and is of type %s", ast.OutputType())
	}
	cost, err := language.EstimateCost(ast, sizeEstimator{})
	if err != nil {
		return nil, err
	}
	if cost.Max > costLimit {
		return nil, errors.New("could take too much work; loops within loops do, above all")
	}
	return ast, nil
}

// programs returns the two programs of a checked expression. The metered program counts its cost while it
// runs, which doubles the time of a decision. The bounded program relies on the estimate, which holds only
// for values of the assumed sizes.
func programs(language *cel.Env, ast *cel.Ast) (bounded, metered cel.Program, err error) {
	if bounded, err = language.Program(ast, cel.EvalOptions(cel.OptOptimize)); err != nil {
		return nil, nil, err
	}
	metered, err = language.Program(ast, cel.EvalOptions(cel.OptOptimize), cel.CostLimit(costLimit))
	return bounded, metered, err
}

// sizeEstimator tells CEL's cost estimator how large values can be.
type sizeEstimator struct{}

// EstimateSize returns the largest size of a value.
func (sizeEstimator) EstimateSize(n checker.AstNode) *checker.SizeEstimate {
	if n.Type().Kind() == cel.StringKind {
		return &checker.SizeEstimate{Max: maxTextBytes}
	}
	return &checker.SizeEstimate{Max: maxItems}
}

// EstimateCallCost leaves the cost of functions to CEL.
func (sizeEstimator) EstimateCallCost(string, string, *checker.AstNode, []checker.AstNode) *checker.CallEstimate {
	return nil
}
