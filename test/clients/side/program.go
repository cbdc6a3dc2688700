// Package side starts the real program as a process, as emulator or
// Storekeeper. It must not know the calls of clients.
package side

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
)

// Account is the id of the only account of every side.
const Account = "023e105f4ecef8ad9ca31a8372d0c353"

// Program is the compiled server.
type Program struct {
	path string
}

// Build compiles the server from the module at root into folder.
func Build(ctx context.Context, root, folder string) (Program, error) {
	path := filepath.Join(folder, "server")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", path, "./cmd/server")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return Program{}, fmt.Errorf("go build: %w\n%s", err, out)
	}
	return Program{path: path}, nil
}

// Side is the server of a client.
type Side struct {
	// Root is the base of URLs, for example http://127.0.0.1:8787.
	Root string
	// Token is the only accepted token.
	Token string
}
