package client_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os/exec"
	"strings"
	"testing"
)

// constants are the string constants of a file, by name.
func constants(t *testing.T, file string) map[string]string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	ast.Inspect(parsed, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && len(spec.Values) == 1 {
			if value, ok := spec.Values[0].(*ast.BasicLit); ok {
				found[spec.Names[0].Name] = value.Value
			}
		}
		return true
	})
	return found
}

// The server keeps its reasons in a package that others cannot import.
func TestTheReasonsAreThoseOfTheServer(t *testing.T) {
	t.Parallel()
	own, servers := constants(t, "reasons.go"), constants(t, "../internal/fault/reasons.go")
	if len(own) < 40 || !maps.Equal(own, servers) {
		t.Errorf("reasons.go has %d reasons, internal/fault/reasons.go %d; copy what differs", len(own), len(servers))
	}
}

// Who imports the client compiles none of the server, nor what only it needs.
func TestTheClientNeedsNothingOfTheServer(t *testing.T) {
	t.Parallel()
	listed, err := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	allowed := []string{
		"platform.internal/storekeeper/client", "platform.internal/storekeeper/gen/", "google.golang.org/grpc", "google.golang.org/protobuf/",
		"google.golang.org/genproto/", "buf.build/gen/go/bufbuild/protovalidate/", "golang.org/x/net/", "golang.org/x/sys/", "golang.org/x/text/",
	}
	for path := range strings.FieldsSeq(string(listed)) {
		ok := false
		for _, prefix := range allowed {
			ok = ok || strings.HasPrefix(path, prefix)
		}
		if !ok {
			t.Errorf("the client needs %s", path)
		}
	}
}
