package clients_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// The forms that version 5.22 of the Terraform provider accepts in its block.
var providerForms = map[string]*regexp.Regexp{
	"api_token": regexp.MustCompile(`^[0-9A-Za-z\-_]{40,80}$`),
	"api_key":   regexp.MustCompile(`^[0-9A-Za-z\-_]{37,60}$`),
}

var hclBlock = regexp.MustCompile("(?s)```hcl\n(.*?)```")

// TestTerraformInTheDocumentsIsValid parses all HCL in README and docs.
func TestTerraformInTheDocumentsIsValid(t *testing.T) {
	t.Parallel()
	found := 0
	for _, file := range documents(t) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "provider \"cloudflare\" { ") {
			t.Errorf("%s: a provider block on one line is outside of the test; write it as a block of hcl", file)
		}
		for _, block := range hclBlock.FindAllStringSubmatch(string(text), -1) {
			found++
			checkHCL(t, file, block[1])
		}
	}
	if found == 0 {
		t.Error("no HCL was found")
	}
}

func documents(t *testing.T) []string {
	t.Helper()
	root := filepath.Join("..", "..")
	files := []string{filepath.Join(root, "README.md")}
	err := filepath.WalkDir(filepath.Join(root, "docs"), func(path string, _ fs.DirEntry, err error) error {
		if filepath.Ext(path) == ".md" {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func checkHCL(t *testing.T, file, text string) {
	t.Helper()
	parsed, problems := hclsyntax.ParseConfig([]byte(text), file, hcl.InitialPos)
	if problems.HasErrors() {
		t.Errorf("%s: %v\n%s", file, problems, text)
		return
	}
	body, _ := parsed.Body.(*hclsyntax.Body)
	for _, block := range body.Blocks {
		if block.Type != "provider" {
			continue
		}
		for name, form := range providerForms {
			attribute, given := block.Body.Attributes[name]
			if !given {
				continue
			}
			value, problems := attribute.Expr.Value(nil)
			if problems.HasErrors() || !form.MatchString(value.AsString()) {
				t.Errorf("%s: %s does not fit %s (%v)", file, name, form, problems)
			}
		}
	}
}
