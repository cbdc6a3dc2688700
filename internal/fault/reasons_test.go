package fault_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestReasonsStandInOnePlace finds faults with a literal reason outside reasons.go.
func TestReasonsStandInOnePlace(t *testing.T) {
	word := regexp.MustCompile(`^"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*"$`)
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.HasPrefix(path, "../emulator/") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) != 3 {
				return true
			}
			made, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || made.Sel.Name != "New" {
				return true
			}
			from, ok := made.X.(*ast.Ident)
			reason, literal := call.Args[1].(*ast.BasicLit)
			if ok && from.Name == "fault" && literal && word.MatchString(reason.Value) {
				t.Errorf("%s makes a fault with the reason %s, which is not a constant of this package", path, reason.Value)
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
