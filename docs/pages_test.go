package docs_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func page(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestPagesThatAreReadFirstStayShort(t *testing.T) {
	for name, most := range map[string]int{"../README.md": 120, "performance.md": 150} {
		if lines := strings.Count(page(t, name), "\n"); lines > most {
			t.Errorf("%s has %d lines, want at most %d", name, lines, most)
		}
	}
}

// tasks are what an operator asks for.
var tasks = []string{
	"try it", "add a team", "revoke a key", "rotate the Cloudflare token", "find who changed a secret", "take over existing secrets", "break glass", "back up and restore",
	"rotate the trail", "upgrade and go back", "size it", "use several accounts", "use several regions", "debug a denial",
}

func TestTheIndexLeadsToEachTask(t *testing.T) {
	index := page(t, "README.md")
	for _, task := range tasks {
		if !strings.Contains(index, "\n| "+task+" | [") {
			t.Errorf("docs/README.md has no row %q with a link", task)
		}
	}
}

// Before what to paste there is at most one paragraph.
func TestARecipeBeginsWithWhatToPaste(t *testing.T) {
	recipes, err := filepath.Glob("recipes/*.md")
	if err != nil {
		t.Fatal(err)
	}
	index := page(t, "recipes/README.md")
	for _, name := range recipes {
		if filepath.Base(name) == "README.md" {
			continue
		}
		if !strings.Contains(index, "]("+filepath.Base(name)+")") {
			t.Errorf("the index of recipes has no %s", name)
		}
		before, _, found := strings.Cut(page(t, name), "\n```")
		paragraphs := 0
		for part := range strings.SplitSeq(strings.TrimSpace(before), "\n\n") {
			if !strings.HasPrefix(part, "<!--") {
				paragraphs++
			}
		}
		if !found || paragraphs > 2 { // The title is one.
			t.Errorf("%s begins with %d paragraphs before what to paste", name, paragraphs-1)
		}
	}
}
