// Package side starts the real program as a process, in the roles that the
// clients are pointed at. It must not know what is asked of the process.
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

// Side is what a client is pointed at.
type Side struct {
	// Root is where the URLs start, such as http://127.0.0.1:8787.
	Root string
	// Token is the one token that is accepted.
	Token string
}
