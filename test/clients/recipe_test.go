package clients_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"platform.internal/storekeeper/test/clients/outside"
)

// recipes are the pages for users of tools.
const recipes = "../../docs/recipes/"

// The binding in docs/recipes/wrangler.md, as Wrangler reads it. TestNodeClients
// runs the commands on secrets of that page.
func TestWranglerTakesTheBindingOfTheRecipe(t *testing.T) {
	t.Parallel()
	node, err := outside.Node(t.Context(), "npm")
	skipOrFail(t, err)
	page, err := os.ReadFile(recipes + "wrangler.md")
	if err != nil {
		t.Fatal(err)
	}
	settings := regexp.MustCompile("(?s)```toml\n(.*?)```").FindSubmatch(page)
	if settings == nil {
		t.Fatal("the page has no wrangler.toml")
	}
	folder := t.TempDir()
	for name, text := range map[string]string{
		"wrangler.toml": string(settings[1]),
		"worker.js":     "export default { async fetch(request, env) { return new Response(await env.API_KEY.get()) } }",
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tool, err := filepath.Abs("npm/node_modules/wrangler/bin/wrangler.js")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), node, tool, "deploy", "--dry-run", "--outdir", filepath.Join(folder, "out"))
	cmd.Dir, cmd.Env = folder, environment(t, "WRANGLER_SEND_METRICS=false", "CI=1")
	said, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(said), "env.API_KEY") || !strings.Contains(string(said), "0123456789abcdef0123456789abcdef/PAY_API_KEY") {
		t.Errorf("%v\n%s", err, said)
	}
}
