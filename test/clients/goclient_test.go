package clients_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestTheExampleOfTheGoClientRuns runs the example of client/README.md, with
// only the address changed: once before the store exists, and twice afterwards.
func TestTheExampleOfTheGoClientRuns(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile(filepath.Join("..", "..", "client", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(readme), "```go\n")
	example, _, ended := strings.Cut(after, "```")
	if !found || !ended || strings.Count(example, "\n") > 10 {
		t.Fatalf("README.md has no example of ten lines: %s", example)
	}
	rest, rpc := program.DevBoth(t)
	file := filepath.Join(t.TempDir(), "main.go")
	source := `package main

import (
	"context"
	"fmt"
	"log"

	"platform.internal/storekeeper/client"
	storekeeperv1 "platform.internal/storekeeper/gen/storekeeper/v1"
)

func main() {
	ctx := context.Background()
` + strings.ReplaceAll(example, "127.0.0.1:9090", rpc) + "}\n"
	if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func() string {
		cmd := exec.CommandContext(t.Context(), "go", "run", file)
		cmd.Dir = filepath.Join("..", "..") // The module of the client.
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return strings.TrimSpace(string(out))
	}
	if said := run(); said != "OUTCOME_UNSPECIFIED STORE_NOT_FOUND" {
		t.Errorf("without a store the example says %q", said)
	}
	makeStore(t, rest, "default_secrets_store")
	if said := run(); said != "CREATED" {
		t.Errorf("the example says %q", said)
	}
	if said := run(); said != "UPDATED" && said != "UNCHANGED" {
		t.Errorf("the second time it says %q", said)
	}
}
