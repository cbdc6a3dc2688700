package clients_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"platform.internal/storekeeper/test/clients/outside"
)

// The clients are generated from the document that the program serves, and make
// a store and a secret.

const madeSecret = "API_KEY true"

func TestAGoClientIsGeneratedFromTheDocument(t *testing.T) {
	t.Parallel()
	rest, _ := program.DevBoth(t)
	folder := copied(t, filepath.Join("generated", "oapi"))
	document := filepath.Join(folder, "openapi.json")
	write(t, document, fetch(t, rest+"/openapi.json"))
	cmd := exec.CommandContext(t.Context(), "go", "tool", "oapi-codegen", "-generate", "types,client", "-package", "api", document)
	cmd.Dir = folder
	api, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(folder, "api", "api.go"), api)
	cmd = exec.CommandContext(t.Context(), "go", "run", ".", rest, "dev")
	cmd.Dir = folder
	var complaints strings.Builder
	cmd.Stderr = &complaints // A first run says there what it downloads.
	said, err := cmd.Output()
	if err != nil || strings.TrimSpace(string(said)) != madeSecret {
		t.Errorf("%v\n%s%s", err, said, &complaints)
	}
}

func TestAPythonClientIsGeneratedFromTheDocument(t *testing.T) {
	t.Parallel()
	python, err := outside.Python(t.Context(), filepath.Join("generated", "python"))
	skipOrFail(t, err)
	rest, _ := program.DevBoth(t)
	folder := t.TempDir()
	document, made := filepath.Join(folder, "openapi.json"), filepath.Join(folder, "client")
	write(t, document, fetch(t, rest+"/openapi.json"))
	path := filepath.Dir(python) + string(os.PathListSeparator) + os.Getenv("PATH")
	ran(t, environment(t, "PATH="+path), python, "-m", "openapi_python_client", "generate", "--path", document, "--output-path", made, "--fail-on-warning")
	example, err := filepath.Abs(filepath.Join("generated", "python", "example.py"))
	if err != nil {
		t.Fatal(err)
	}
	if said := ran(t, environment(t, "PYTHONPATH="+made), python, example, rest, "dev"); strings.TrimSpace(said) != madeSecret {
		t.Errorf("the client says %q", said)
	}
}

func TestATypeScriptClientIsGeneratedFromTheDocument(t *testing.T) {
	t.Parallel()
	source := filepath.Join("generated", "typescript")
	node, err := outside.Node(t.Context(), source)
	skipOrFail(t, err)
	rest, _ := program.DevBoth(t)
	folder := copied(t, source)
	modules, err := filepath.Abs(filepath.Join(source, "node_modules"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(modules, filepath.Join(folder, "node_modules")); err != nil {
		t.Fatal(err)
	}
	document := filepath.Join(folder, "openapi.json")
	write(t, document, fetch(t, rest+"/openapi.json"))
	ran(t, environment(t), node, filepath.Join(modules, "openapi-typescript", "bin", "cli.js"), document, "--output", filepath.Join(folder, "api.d.ts"))
	ran(t, environment(t), node, filepath.Join(modules, "typescript", "bin", "tsc"), "--project", folder)
	if said := ran(t, environment(t), node, filepath.Join(folder, "out", "example.js"), rest, "dev"); strings.TrimSpace(said) != madeSecret {
		t.Errorf("the client says %q", said)
	}
}

// copied returns a new folder with the files of another folder, without subfolders.
func copied(t *testing.T, from string) string {
	t.Helper()
	entries, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	for _, entry := range entries {
		if entry.IsDir() {
			continue
		}
		content, err := os.ReadFile(filepath.Join(from, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(folder, entry.Name()), content)
	}
	return folder
}

func write(t *testing.T, name string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
}
