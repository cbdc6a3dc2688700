package audit_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/audit"
)

// TestFilesMayShareLinesAtTheirBorder splits a chain over files, as a file that was
// moved away and the lines that may not be durable in it are.
func TestFilesMayShareLinesAtTheirBorder(t *testing.T) {
	t.Parallel()
	p := path(t)
	j := openFile(t, audit.FileConfig{Path: p})
	for _, id := range []string{"a", "b", "c", "d", "e"} {
		mustAppend(t, j, intent(id))
	}
	mustClose(t, j)
	content, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(strings.TrimSuffix(string(content), "\n")+"\n", "\n")[:6]
	changed := strings.Replace(lines[2], `"id":"b"`, `"id":"x"`, 1)
	for _, c := range []struct {
		name      string
		old, rest []string
		problem   string
	}{
		{"nothing is in both", lines[:3], lines[3:], ""},
		{"some lines are in both", lines[:4], lines[2:], ""},
		{"all lines are in both", lines, lines, ""},
		{"a line is in none", lines[:2], lines[3:], "no file begins with it"},
		{"the second file is the older one", lines[2:], lines[:2], "give the oldest file first"},
		{"a line that is in both was changed", lines[:4], append([]string{changed}, lines[3:]...), "its hash is not that of its content"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			old, rest := filepath.Join(folder, "audit.log.kept"), filepath.Join(folder, "audit.log")
			for name, text := range map[string]string{
				old: strings.Join(c.old, ""), rest: strings.Join(c.rest, ""), audit.HeadPath(rest): string(readFile(t, audit.HeadPath(p))),
			} {
				if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			report, err := audit.VerifyFiles(context.Background(), []string{old, rest}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if c.problem == "" {
				if !report.Complete() || report.Last.Seq != 6 || report.Open != 5 {
					t.Errorf("%v, missing %v, last %d, %d open", report.Problems, report.Missing, report.Last.Seq, report.Open)
				}
				return
			}
			for _, problem := range report.Problems {
				if strings.Contains(problem.Text, c.problem) {
					return
				}
			}
			t.Errorf("the problems are %v, want %q", report.Problems, c.problem)
		})
	}
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
