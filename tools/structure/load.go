package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// listed is the output of `go list` for a package.
type listed struct {
	ImportPath string   `json:"ImportPath"`
	Dir        string   `json:"Dir"`
	Export     string   `json:"Export"`
	GoFiles    []string `json:"GoFiles"`
	Imports    []string `json:"Imports"`
	Module     *struct {
		Path string `json:"Path"`
		Main bool   `json:"Main"`
	} `json:"Module"`
}

// checked is a package of production code with its types.
type checked struct {
	// name is the import path without the module's.
	name    string
	imports []string // Of the same module, named in the same way.
	types   *types.Package
	info    *types.Info
	files   []*ast.File
}

// load lists and type-checks the production packages under cmd/ and internal/.
// Imports are read from the export data of the build.
func load(ctx context.Context, folder string) ([]*checked, error) {
	all, err := list(ctx, folder)
	if err != nil {
		return nil, err
	}
	exports := map[string]string{}
	for _, p := range all {
		exports[p.ImportPath] = p.Export
	}
	set := token.NewFileSet()
	from := importer.ForCompiler(set, "gc", func(path string) (io.ReadCloser, error) {
		if exports[path] == "" {
			return nil, fmt.Errorf("there is no export data of %s", path)
		}
		return os.Open(exports[path])
	})
	var packages []*checked
	for _, p := range all {
		if p.Module == nil || !p.Module.Main || len(p.GoFiles) == 0 {
			continue
		}
		name := strings.TrimPrefix(p.ImportPath, p.Module.Path+"/")
		if kindOf(name+"/x.go") != production || !strings.HasPrefix(name, "cmd/") && !strings.HasPrefix(name, "internal/") {
			continue
		}
		c, err := check(set, from, p, name)
		if err != nil {
			return nil, err
		}
		packages = append(packages, c)
	}
	return packages, nil
}

// list runs `go list` over the module and its dependencies.
func list(ctx context.Context, folder string) ([]listed, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-deps", "-export",
		"-json=ImportPath,Dir,Export,GoFiles,Imports,Module", "./...")
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	var problems bytes.Buffer
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w\n%s", err, problems.String())
	}
	var all []listed
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
}

// check parses and type-checks one package.
func check(set *token.FileSet, from types.Importer, p listed, name string) (*checked, error) {
	c := &checked{name: name, info: &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}}}
	for _, file := range p.GoFiles {
		parsed, err := parser.ParseFile(set, filepath.Join(p.Dir, file), nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		c.files = append(c.files, parsed)
	}
	for _, imported := range p.Imports {
		if own, ok := strings.CutPrefix(imported, p.Module.Path+"/"); ok {
			c.imports = append(c.imports, own)
		}
	}
	var err error
	c.types, err = (&types.Config{Importer: from}).Check(p.ImportPath, set, c.files, c.info)
	return c, err
}

// unreachable lists the functions that no command of the module can reach, as
// golang.org/x/tools/cmd/deadcode sees it. Packages that no command imports, for
// example test kits, are left out.
func unreachable(ctx context.Context, folder, deadcode string) ([]string, error) {
	deadcode, err := filepath.Abs(deadcode)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, deadcode, "./cmd/...")
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	var problems bytes.Buffer
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("deadcode: %w\n%s", err, problems.String())
	}
	found := []string{}
	for line := range strings.Lines(string(out)) {
		found = append(found, strings.TrimSpace(line))
	}
	return found, nil
}
