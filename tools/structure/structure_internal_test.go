package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// operationsOf declares the first n operations as methods of an interface.
func operationsOf(n int) string {
	names := []string{
		"CreateStore", "ListStores", "GetStore", "DeleteStore", "CreateSecrets", "ListSecrets",
		"GetSecret", "UpdateSecret", "DeleteSecret", "DeleteSecrets", "DuplicateSecret", "Quota",
	}
	return "\t" + strings.Join(names[:n], "(int) error\n\t") + "(int) error\n"
}

// module writes a module and returns its folder.
func module(t *testing.T, files map[string]string) string {
	t.Helper()
	folder := t.TempDir()
	files["go.mod"] = "module example.org/m\n\ngo 1.26.0\n"
	for name, text := range files {
		file := filepath.Join(folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// items returns the items that a row counts for a module.
func items(t *testing.T, files map[string]string, row string) []string {
	t.Helper()
	folder := module(t, files)
	tree, err := readTree(folder)
	if err != nil {
		t.Fatal(err)
	}
	packages, err := load(t.Context(), folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range measure(tree, packages) {
		if strings.HasPrefix(f.name, row) {
			return f.items
		}
	}
	t.Fatalf("there is no row %q", row)
	return nil
}

func TestWhatIsCounted(t *testing.T) {
	upstream := "package up\n\ntype All interface {\n" + operationsOf(12) + "}\n\ntype Half interface {\n" + operationsOf(6) + "}\n" +
		"\ntype Most interface {\n" + operationsOf(7) + "}\n"
	for name, c := range map[string]struct {
		row   string
		files map[string]string
		want  []string
	}{
		"a struct over an interface of twelve is a decorator": {
			"decorators",
			map[string]string{"internal/up/a.go": upstream, "internal/b/b.go": "package b\n\nimport \"example.org/m/internal/up\"\n\ntype layer struct{ up.All }\n"},
			[]string{"internal/b.layer, over All"},
		},
		"seven operations are enough": {
			"decorators",
			map[string]string{"internal/up/a.go": upstream, "internal/b/b.go": "package b\n\nimport \"example.org/m/internal/up\"\n\ntype layer struct{ up.Most }\n"},
			[]string{"internal/b.layer, over Most"},
		},
		"six operations are not": {
			"decorators",
			map[string]string{"internal/up/a.go": upstream, "internal/b/b.go": "package b\n\nimport \"example.org/m/internal/up\"\n\ntype layer struct{ up.Half }\n"},
			[]string{},
		},
		"a struct that holds one and has no operation is none": {
			"decorators",
			map[string]string{"internal/up/a.go": upstream, "internal/b/b.go": "package b\n\nimport \"example.org/m/internal/up\"\n\ntype user struct{ next up.All }\n"},
			[]string{},
		},
		"what embeds a decorator of its own package is not one more": {
			"decorators",
			map[string]string{"internal/up/a.go": upstream, "internal/b/b.go": "package b\n\nimport \"example.org/m/internal/up\"\n\ntype layer struct{ up.All }\n\ntype inner struct{ *layer }\n"},
			[]string{"internal/b.layer, over All"},
		},
		"the same names with other signatures are an adapter, no decorator": {
			"decorators",
			map[string]string{
				"internal/up/a.go": upstream,
				"internal/b/b.go": "package b\n\nimport \"example.org/m/internal/up\"\n\ntype adapter struct{ next up.All }\n\n" +
					strings.ReplaceAll(strings.ReplaceAll(operationsOf(12), "\t", "func (adapter) "), "(int) error", "(string) error { return nil }"),
			},
			[]string{},
		},
		"the same signatures are a decorator": {
			"decorators",
			map[string]string{
				"internal/up/a.go": upstream,
				"internal/b/b.go": "package b\n\nimport \"example.org/m/internal/up\"\n\ntype layer struct{ next up.All }\n\n" +
					strings.ReplaceAll(strings.ReplaceAll(operationsOf(12), "\t", "func (layer) "), "(int) error", "(int) error { return nil }"),
			},
			[]string{"internal/b.layer, over next"},
		},
		"test kits, tests and generated code are no production code": {
			"decorators",
			map[string]string{
				"internal/up/a.go":         upstream,
				"internal/uptest/b.go":     "package uptest\n\nimport \"example.org/m/internal/up\"\n\ntype layer struct{ up.All }\n",
				"internal/up/fake_test.go": "package up\n\ntype layer struct{ All }\n",
				"gen/c.go":                 "package gen\n\nimport \"example.org/m/internal/up\"\n\ntype layer struct{ up.All }\n",
				"internal/emulator/d.go":   "package emulator\n\nimport \"example.org/m/internal/up\"\n\ntype layer struct{ up.All }\n",
			},
			[]string{},
		},
		"interfaces of twelve methods count with what they embed": {
			"interfaces with 12",
			map[string]string{"internal/up/a.go": upstream + "\ntype Both interface {\n\tMost\n\tA()\n\tB()\n\tC()\n\tD()\n\tE()\n}\n"},
			[]string{"internal/up.All 12", "internal/up.Both 12"},
		},
		"methods are repeated where an interface declares them": {
			"interface methods",
			map[string]string{"internal/up/a.go": "package up\n\ntype A interface{ Quota() }\n\ntype B interface{ A }\n\ntype C interface{ Quota(); Other() }\n"},
			[]string{"internal/up.A.Quota", "internal/up.C.Quota"},
		},
		"a key of context.WithValue counts once, however the package is called": {
			"context keys",
			map[string]string{
				"internal/a/a.go": "package a\n\nimport (\n\tctx \"context\"\n)\n\ntype key struct{}\n\ntype number int\n\n" +
					"func f(c ctx.Context) {\n\tc = ctx.WithValue(c, key{}, 1)\n\tc = ctx.WithValue(c, key{}, 2)\n\tc = ctx.WithValue(c, number(1), 3)\n\t_ = ctx.WithValue(c, number(2), 3)\n}\n",
				"internal/b/b.go": "package b\n\ntype other struct{}\n\nfunc (other) WithValue(a, b, c int) {}\n\nfunc f() { other{}.WithValue(1, 2, 3) }\n",
			},
			[]string{"example.org/m/internal/a.key", "example.org/m/internal/a.number 1", "example.org/m/internal/a.number 2"},
		},
		"interceptors are the elements of the list in chain.go": {
			"interceptors",
			map[string]string{
				"internal/grpc/a.go": "package grpc\n\ntype UnaryServerInterceptor func()\n",
				"internal/server/chain.go": "package server\n\nimport \"example.org/m/internal/grpc\"\n\nfunc one(n int) grpc.UnaryServerInterceptor { return nil }\n\n" +
					"func all() []grpc.UnaryServerInterceptor {\n\treturn []grpc.UnaryServerInterceptor{\n\t\t// First.\n\t\tone(1),\n\t\tone(2),\n\t}\n}\n",
			},
			[]string{"one(1)", "one(2)"},
		},
		"a type name counts from three packages on, whatever its capitals": {
			"type names",
			map[string]string{
				"internal/a/a.go": "package a\n\ntype (\n\tEntry int\n\tonly int\n)\n", "internal/b/b.go": "package b\n\ntype entry int\n\ntype two int\n",
				"internal/emulator/c.go": "package emulator\n\ntype entry int\n\ntype two int\n", "internal/dtest/d.go": "package dtest\n\ntype two int\n",
			},
			[]string{"entry: internal/a, internal/b, internal/emulator"},
		},
		"rooms that import each other by different packages are a cycle": {
			"import cycles",
			map[string]string{
				"internal/a/a.go":   "package a\n\nimport _ \"example.org/m/internal/b\"\n",
				"internal/a/c/c.go": "package c\n",
				"internal/b/b.go":   "package b\n\nimport _ \"example.org/m/internal/a/c\"\n",
				"internal/d/d.go":   "package d\n\nimport _ \"example.org/m/internal/a\"\n",
			},
			[]string{"internal/a internal/b"},
		},
		"a file of 300 lines is not too long": {
			"files over",
			map[string]string{
				"internal/a/a.go": "package a\n" + strings.Repeat("\n", 299), "internal/b/b.go": "package b\n" + strings.Repeat("// x\n", 300),
			},
			[]string{"internal/b/b.go 301"},
		},
		"a function of 60 lines is not too long": {
			"functions over",
			map[string]string{
				"internal/a/a.go": "package a\n\n// doc\nfunc f() {\n" + strings.Repeat("\tprintln()\n", 58) + "}\n\nfunc g() {\n" + strings.Repeat("\tprintln()\n", 59) + "}\n",
			},
			[]string{"internal/a/a.go g 61"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := items(t, c.files, c.row); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestLines(t *testing.T) {
	text := "// Package a is one.\npackage a\n\n/* two\nlines */\nvar b = `x\ny` // and a comment\n\nvar c = 1\n"
	files := []source{{name: "a.go", text: []byte(text)}}
	if got := lines(files); got != 9 {
		t.Errorf("%d lines, want 9", got)
	}
	if got := codeLines(files); got != 4 {
		t.Errorf("%d lines with code, want 4: package, two of b, one of c", got)
	}
}

func TestCodeThatDoesNotCompileIsAnError(t *testing.T) {
	folder := module(t, map[string]string{"internal/a/a.go": "package a\n\nvar x int = \"text\"\n"})
	if err := run(t.Context(), &bytes.Buffer{}, folder, "", false); err == nil {
		t.Error("no error")
	}
}

func TestDeadCodeIsWhatNoCommandReaches(t *testing.T) {
	deadcode := filepath.Join(t.TempDir(), "deadcode")
	build := exec.Command("go", "build", "-o", deadcode, "golang.org/x/tools/cmd/deadcode")
	build.Dir = filepath.Join("..", "deadcode")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	folder := module(t, map[string]string{
		"cmd/server/main.go": "package main\n\nimport \"example.org/m/internal/a\"\n\nfunc main() { a.Used() }\n",
		"internal/a/a.go":    "package a\n\n// Used is called.\nfunc Used() {}\n\n// Unused is not.\nfunc Unused() {}\n",
	})
	var out bytes.Buffer
	if err := run(t.Context(), &out, folder, deadcode, true); err != nil {
		t.Fatal(err)
	}
	if text := out.String(); !strings.Contains(text, "(deadcode) | 1 |") || !strings.Contains(text, "unreachable func: Unused") {
		t.Errorf("got %s", text)
	}
	out.Reset()
	if err := run(t.Context(), &out, folder, "", false); err != nil {
		t.Fatal(err)
	}
	if text := out.String(); !strings.Contains(text, "(deadcode) | not measured |") {
		t.Errorf("without the program: %s", text)
	}
}
