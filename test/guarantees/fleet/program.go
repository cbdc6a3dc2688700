// Package fleet starts what a test needs: the compiled program as one or more
// replicas, and an emulated Cloudflare that can be watched and made to wait.
//
// It must not know what is called or what the answers should be.
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
