package audit_test

import (
	"path/filepath"
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/audit"
)

// TestFilesMayShareLinesAtTheirBorder splits a chain over files that share lines, as after a file
// was moved away before its last lines were known to be durable.
func TestFilesMayShareLinesAtTheirBorder(t *testing.T) {
	t.Parallel()
	p := path(t)
	w := begin(t, p, nil)
	for _, id := range []string{"a", "b", "c", "d", "e"} {
		w.append(t, intent(id))
	}
	lines := strings.SplitAfter(string(content(p)), "\n")[:6]
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
				old: strings.Join(c.old, ""), rest: strings.Join(c.rest, ""), audit.HeadPath(rest): string(content(audit.HeadPath(p))),
			} {
				write(t, name, []byte(text))
			}
			report, err := audit.VerifyAfter(t.Context(), audit.Mark{}, []string{old, rest}, nil)
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
