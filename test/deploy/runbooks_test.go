package deploy_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// runbooks is the folder of the runbooks, as in runbook_url.
const runbooks = "docs/runbooks"

// promqlBlock matches a block of queries in a page, one per line.
var promqlBlock = regexp.MustCompile("(?s)```promql\n(.*?)```")

// runbookQueries lists the queries of the runbooks.
func runbookQueries(t *testing.T) (all []query) {
	t.Helper()
	for name, page := range readRunbooks(t) {
		for _, block := range promqlBlock.FindAllStringSubmatch(page, -1) {
			for line := range strings.Lines(block[1]) {
				all = append(all, query{name: name, expr: strings.TrimSpace(line)})
			}
		}
	}
	return all
}

// readRunbooks returns the pages by the names of their alerts.
func readRunbooks(t *testing.T) map[string]string {
	t.Helper()
	folder := filepath.Join(repository, filepath.FromSlash(runbooks))
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	pages := map[string]string{}
	for _, entry := range entries {
		if name, is := strings.CutSuffix(entry.Name(), ".md"); is && name != "README" {
			pages[name] = string(readFile(t, filepath.Join(folder, entry.Name())))
		}
	}
	return pages
}

func TestEachAlertHasARunbookThatSaysWhatToDo(t *testing.T) {
	pages := readRunbooks(t)
	index := string(readFile(t, filepath.Join(repository, runbooks, "README.md")))
	for _, rule := range alerts(t) {
		page, there := pages[rule.Alert]
		delete(pages, rule.Alert)
		if !there || rule.Annotations["runbook_url"] != runbooks+"/"+rule.Alert+".md" {
			t.Errorf("%s has the runbook %q", rule.Alert, rule.Annotations["runbook_url"])
			continue
		}
		for _, part := range []string{"# " + rule.Alert + "\n", "\n## Meaning\n", "\n## Diagnosis\n", "\n## Action\n", "Severity: " + rule.Labels["severity"] + "."} {
			if !strings.Contains(page, part) {
				t.Errorf("the runbook of %s lacks %q", rule.Alert, part)
			}
		}
		if !strings.Contains(index, "| ["+rule.Alert+"]("+rule.Alert+".md) | "+rule.Labels["severity"]+" |") {
			t.Errorf("the list of runbooks lacks %s, or has another severity", rule.Alert)
		}
	}
	for name := range pages {
		t.Errorf("%s has a runbook and is no alert", name)
	}
}

var link = regexp.MustCompile(`\]\(([^)#:]+)\)`)

func TestLinksOfRunbooksLeadSomewhere(t *testing.T) {
	for name, page := range readRunbooks(t) {
		for _, found := range link.FindAllStringSubmatch(page, -1) {
			if _, err := os.Stat(filepath.Join(repository, runbooks, filepath.FromSlash(found[1]))); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}
