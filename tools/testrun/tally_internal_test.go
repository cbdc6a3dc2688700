package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestClosingLineCountsWhatHappened(t *testing.T) {
	for _, tc := range []struct {
		name, file string
		closing    string
		shows      string
	}{
		{"all pass", `func TestA(t *testing.T) {}; func TestB(t *testing.T) { t.Run("inner", func(*testing.T) {}) }`,
			"3 passed, 0 failed", "ok    sample"},
		{"one fails", `func TestA(t *testing.T) {}; func TestB(t *testing.T) { t.Fatal("because") }`,
			"1 passed, 1 failed", "because"},
		{"one is skipped", `func TestA(t *testing.T) {}; func TestB(t *testing.T) { t.Skip("no compiler") }`,
			"1 passed, 0 failed, 1 skipped", "no compiler"},
		{"a panic is a failure", `func TestA(t *testing.T) { panic("oh") }`,
			"0 passed, 1 failed", "oh"},
		{"a panic beside the test is shown", `func TestA(t *testing.T) { go func() { panic("beside") }(); select {} }`,
			"0 passed, 1 failed", "panic: beside"},
		{"a package that ends early is a failure", `func TestMain(*testing.M) { os.Exit(3) }`,
			"0 passed, 1 failed", "FAIL  sample"},
		{"what cannot be built is a failure", `func TestA(t *testing.T) { undefined() }`,
			"0 passed, 1 failed", "undefined: undefined"},
		{"what cannot be parsed is a failure", `func {`,
			"0 passed, 1 failed", "FAIL  sample"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			folder := t.TempDir()
			write(t, folder, "go.mod", "module sample\n\ngo 1.26\n")
			write(t, folder, "a_test.go", "package sample\n\nimport (\"os\"; \"testing\")\n\nvar _ = os.Args\n\n"+tc.file+"\n")
			output := run(folder)
			lines := strings.Split(strings.TrimSpace(output), "\n")
			if closing := lines[len(lines)-1]; closing != tc.closing {
				t.Errorf("closes with %q, want %q", closing, tc.closing)
			}
			if !strings.Contains(output, tc.shows) {
				t.Errorf("does not show %q:\n%s", tc.shows, output)
			}
		})
	}
}

func TestFolderWithoutModuleIsAFailure(t *testing.T) {
	if output := run(t.TempDir()); !strings.HasSuffix(output, "0 passed, 1 failed\n") {
		t.Errorf("got %q", output)
	}
}

func run(folder string) string {
	var out bytes.Buffer
	tally := newTally(&out)
	tally.module(folder, nil)
	tally.close()
	return out.String()
}

func write(t *testing.T, folder, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
