// Command structure prints figures about the structure of the production code,
// each beside its target, as a Markdown table.
//
// Usage: structure [-v] [-deadcode FILE] [folder of the module]
//
// Production code is every Go file under cmd/ and internal/ that is not a test.
// Test kits (folders whose name ends in "test") are counted apart, and so is the
// emulator (internal/emulator): only the rows that name them count them.
// Generated code (gen/) is left out.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
)

func main() {
	verbose := flag.Bool("v", false, "list what each figure counts")
	deadcode := flag.String("deadcode", "", "the `file` of golang.org/x/tools/cmd/deadcode; without it dead code is not looked for")
	flag.Parse()
	folder := "."
	if flag.NArg() > 0 {
		folder = flag.Arg(0)
	}
	err := run(context.Background(), os.Stdout, folder, *deadcode, *verbose)
	if err != nil {
		fmt.Fprintln(os.Stderr, "structure:", err)
		os.Exit(1)
	}
}

// run measures the module in a folder and prints the table.
func run(ctx context.Context, to io.Writer, folder, deadcode string, verbose bool) error {
	tree, err := readTree(folder)
	if err != nil {
		return err
	}
	packages, err := load(ctx, folder)
	if err != nil {
		return err
	}
	figures := measure(tree, packages)
	dead := figure{name: "unreachable functions (deadcode)", target: "0"}
	if deadcode == "" {
		dead.unknown = true
	} else if dead.items, err = unreachable(ctx, folder, deadcode); err != nil {
		return err
	}
	return show(to, append(figures, dead), verbose)
}

// figure is one row of the table.
type figure struct {
	name, target string
	// items are the counted items; without items, count is the number.
	items []string
	count int
	// unknown says that nothing was measured.
	unknown bool
}

// value is the cell of the table.
func (f figure) value() string {
	switch {
	case f.unknown:
		return "not measured"
	case f.items != nil:
		return strconv.Itoa(len(f.items))
	default:
		return strconv.Itoa(f.count)
	}
}

// measure computes all rows but dead code.
func measure(t *tree, packages []*checked) []figure {
	production := t.files[production]
	withEmulator := slices.Concat(production, t.files[emulator])
	large, repeated := interfaces(packages)
	return []figure{
		{name: "decorators of the twelve operations", items: decorators(packages), target: "0"},
		{name: "context keys", items: contextKeys(packages), target: "≤ 7"},
		{name: "interceptors in internal/server/chain.go", items: t.interceptors(), target: "≤ 10"},
		{name: "interfaces with 12 methods or more", items: large, target: "1"},
		{name: "interface methods that repeat one of the twelve operations", items: repeated, target: "12"},
		{name: "type names declared in three packages or more, emulator included", items: sharedNames(withEmulator), target: "≤ 5 with unlike meanings"},
		{name: "files over 300 lines", items: longFiles(production), target: "0"},
		{name: "functions over 60 lines", items: longFunctions(production), target: "0"},
		{name: "import cycles between rooms", items: cycles(packages), target: "0"},
		{name: "lines of production Go, emulator included", count: lines(withEmulator), target: "≤ 33,000"},
		{name: "— without comments and empty lines", count: codeLines(withEmulator), target: "-"},
		{name: "— without the emulator", count: lines(production), target: "-"},
		{name: "lines of test kits", count: lines(t.files[kit]), target: "-"},
		{name: "lines of tests in cmd and internal", count: lines(t.files[test]), target: "-"},
		{name: "test files over 300 lines", items: longFiles(t.files[test]), target: "-"},
	}
}

// show prints the table and, if verbose, the items of each row.
func show(to io.Writer, figures []figure, verbose bool) error {
	var b strings.Builder
	b.WriteString("| figure | now | target |\n|---|---|---|\n")
	for _, f := range figures {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", f.name, f.value(), f.target)
	}
	if verbose {
		for _, f := range figures {
			if len(f.items) > 0 {
				fmt.Fprintf(&b, "\n%s:\n  %s\n", f.name, strings.Join(f.items, "\n  "))
			}
		}
	}
	_, err := io.WriteString(to, b.String())
	return err
}
