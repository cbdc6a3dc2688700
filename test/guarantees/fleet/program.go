// Package fleet starts the compiled program as one or more replicas, and an
// emulated Cloudflare that tests can watch and delay.
//
// It must not know the calls or their expected answers.
package fleet

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
)

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
