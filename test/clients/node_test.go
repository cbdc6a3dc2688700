package clients_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"platform.internal/storekeeper/test/clients/outside"
	"platform.internal/storekeeper/test/clients/script"
	"platform.internal/storekeeper/test/clients/side"
	"platform.internal/storekeeper/test/clients/wrangler"
)

// skipOrFail skips the test if a client is not available on this machine.
func skipOrFail(t *testing.T, err error) {
	t.Helper()
	if missing, ok := errors.AsType[outside.Missing](err); ok {
		t.Skip(missing.Reason)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// environment returns the environment variables of a client, without settings
// or credentials of the user who runs the test.
func environment(t testing.TB, more ...string) []string {
	t.Helper()
	home := t.TempDir()
	return append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "XDG_CONFIG_HOME=" + filepath.Join(home, ".config"), "TZ=UTC", "LANG=C.UTF-8"}, more...)
}

// The Node clients are one test, so that a machine without them reports one
// skip.
func TestNodeClients(t *testing.T) {
	t.Parallel()
	node, err := outside.Node(t.Context(), "npm")
	skipOrFail(t, err)
	for name, p := range map[string]parity{
		"the TypeScript SDK lives a whole life":   {steps: script.Life(), limits: roomy, through: program.Dev, client: newTypeScript(node)},
		"the TypeScript SDK runs into the limits": {steps: script.Limits(), limits: tight, through: program.Serve, client: newTypeScript(node)},
		"Wrangler lives a whole life":             {steps: script.Wrangler(), limits: tight, through: program.Dev, client: newWrangler(node)},
		"Wrangler starts":                         {steps: script.WranglerStarts(), limits: tight, through: program.Serve, client: newWrangler(node)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p.check(t)
		})
	}
}

func newTypeScript(node string) func(testing.TB, side.Side) script.Client {
	return func(t testing.TB, s side.Side) script.Client {
		return outside.Start(t, environment(t), node, filepath.Join("npm", "driver.mjs"), s.Root+"/client/v4", s.Token)
	}
}

func newWrangler(node string) func(testing.TB, side.Side) script.Client {
	return func(t testing.TB, s side.Side) script.Client {
		return &wrangler.Client{Node: node, Folder: "npm", Base: s.Root + "/client/v4", Token: s.Token, Environment: environment, T: t}
	}
}
