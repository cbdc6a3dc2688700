package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// kind is the part of the code that a file belongs to.
type kind int

const (
	production kind = iota
	emulator
	kit
	test
)

// source is a Go file. name is the path in the module, with slashes.
type source struct {
	name string
	text []byte
	ast  *ast.File
}

// tree has every Go file under cmd/ and internal/, by kind.
type tree struct {
	set   *token.FileSet
	files map[kind][]source
}

// kindOf returns the kind of a file. name has slashes and is relative to the
// folder of the module.
func kindOf(name string) kind {
	folders := strings.Split(path.Dir(name), "/")
	isKit := func(folder string) bool { return strings.HasSuffix(folder, "test") }
	switch {
	case strings.HasSuffix(name, "_test.go"):
		return test
	case slices.ContainsFunc(folders, isKit):
		return kit
	case slices.Contains(folders, "emulator"):
		return emulator
	default:
		return production
	}
}

// readTree parses the files of a module.
func readTree(folder string) (*tree, error) {
	t := &tree{set: token.NewFileSet(), files: map[kind][]source{}}
	for _, top := range []string{"cmd", "internal"} {
		err := filepath.WalkDir(filepath.Join(folder, top), func(file string, entry fs.DirEntry, err error) error {
			switch {
			case os.IsNotExist(err):
				return nil // A module may have only one of the two.
			case err != nil:
				return err
			case entry.IsDir() && entry.Name() == "testdata":
				return filepath.SkipDir
			case entry.IsDir() || filepath.Ext(file) != ".go":
				return nil
			}
			return t.read(folder, file)
		})
		if err != nil {
			return nil, err
		}
	}
	return t, nil
}

func (t *tree) read(folder, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	parsed, err := parser.ParseFile(t.set, file, text, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	name, err := filepath.Rel(folder, file)
	if err != nil {
		return err
	}
	name = filepath.ToSlash(name)
	t.files[kindOf(name)] = append(t.files[kindOf(name)], source{name: name, text: text, ast: parsed})
	return nil
}

// linesOf counts the lines of a file.
func linesOf(text []byte) int { return strings.Count(string(text), "\n") }

func lines(files []source) int {
	sum := 0
	for _, f := range files {
		sum += linesOf(f.text)
	}
	return sum
}

// codeLines counts the lines that hold a token other than a comment.
func codeLines(files []source) int {
	sum := 0
	for _, f := range files {
		set := token.NewFileSet()
		file := set.AddFile(f.name, -1, len(f.text))
		var s scanner.Scanner
		s.Init(file, f.text, nil, 0)
		held := map[int]bool{}
		for {
			at, tok, literal := s.Scan()
			if tok == token.EOF {
				break
			}
			if tok == token.SEMICOLON && literal == "\n" {
				continue // The scanner puts it at the end of a line.
			}
			for n := range strings.Count(literal, "\n") + 1 {
				held[file.Line(at)+n] = true
			}
		}
		sum += len(held)
	}
	return sum
}

// longFiles lists the files over 300 lines.
func longFiles(files []source) []string {
	const most = 300
	found := []string{}
	for _, f := range files {
		if n := linesOf(f.text); n > most {
			found = append(found, fmt.Sprintf("%s %d", f.name, n))
		}
	}
	return found
}

// longFunctions lists the functions over 60 lines, counted from the line of
// "func" to that of the closing brace.
func longFunctions(files []source) []string {
	const most = 60
	found := []string{}
	for _, f := range files {
		for _, d := range f.ast.Decls {
			function, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			body := f.text[function.Pos()-f.ast.FileStart : function.End()-f.ast.FileStart]
			if n := linesOf(body) + 1; n > most {
				found = append(found, fmt.Sprintf("%s %s %d", f.name, function.Name.Name, n))
			}
		}
	}
	return found
}

// sharedNames lists the names that three packages or more give to a type.
// Capital letters make no difference.
func sharedNames(files []source) []string {
	const several = 3
	packages := map[string]map[string]bool{}
	for _, f := range files {
		for _, d := range f.ast.Decls {
			declaration, ok := d.(*ast.GenDecl)
			if !ok || declaration.Tok != token.TYPE {
				continue
			}
			for _, s := range declaration.Specs {
				spec, ok := s.(*ast.TypeSpec)
				if !ok {
					continue
				}
				name := strings.ToLower(spec.Name.Name)
				if packages[name] == nil {
					packages[name] = map[string]bool{}
				}
				packages[name][path.Dir(f.name)] = true
			}
		}
	}
	found := []string{}
	for _, name := range slices.Sorted(maps.Keys(packages)) {
		if in := packages[name]; len(in) >= several {
			found = append(found, name+": "+strings.Join(slices.Sorted(maps.Keys(in)), ", "))
		}
	}
	return found
}

// interceptors lists the elements of the chain: the elements of the literals of
// type []grpc.UnaryServerInterceptor in internal/server/chain.go.
func (t *tree) interceptors() []string {
	found := []string{}
	for _, f := range t.files[production] {
		if f.name != "internal/server/chain.go" {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			literal, ok := n.(*ast.CompositeLit)
			if !ok {
				return true
			}
			list, ok := literal.Type.(*ast.ArrayType)
			if !ok {
				return true
			}
			if of, ok := list.Elt.(*ast.SelectorExpr); ok && of.Sel.Name == "UnaryServerInterceptor" {
				for _, e := range literal.Elts {
					found = append(found, string(f.text[e.Pos()-f.ast.FileStart:e.End()-f.ast.FileStart]))
				}
			}
			return true
		})
	}
	return found
}
