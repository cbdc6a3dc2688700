// Package stage starts the programs of a measurement: an upstream, and in front
// of it Storekeeper with all features on, or a peer.
//
// It must not know the calls of a measurement.
package stage

import (
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// The names of the contenders.
const (
	// Direct is a client without anything between.
	Direct = "direct"
	// Nginx and Caddy put a header on each request.
	Nginx = "nginx"
	Caddy = "Caddy"
	// ReverseProxy is httputil.ReverseProxy, which does the same.
	ReverseProxy = "ReverseProxy"
	// Gateway is grpc-go with net/http to the upstream and grpc-gateway in front.
	Gateway = "bare grpc-gateway"
	// BareGRPC is the same, called by gRPC.
	BareGRPC = "bare grpc-go"
	// Storekeeper has everything on.
	Storekeeper = "Storekeeper"
	// Diskless is Storekeeper with its files in memory: the difference is the
	// cost of the disk.
	Diskless = "Storekeeper, files in memory"
	// Standard is Storekeeper with default settings: a log line for each call,
	// and a limit of bytes written by a tenant.
	Standard = "Storekeeper, default configuration"
	// Floor is the smallest honest program in Storekeeper's place.
	Floor = "floor"
)

// ours reports whether a contender is Storekeeper, in any configuration.
func ours(name string) bool { return name == Storekeeper || name == Diskless || name == Standard }

// memoryFolder is Linux's world-writable folder in memory.
const memoryFolder = "/dev/shm"

// Programs has the files of the available programs, by the name of the
// contender.
type Programs struct {
	files map[string]string
	// upstream is the emulator.
	upstream string
	// Versions has the versions of third-party peers.
	Versions map[string]string
}

// Sources configures the origin of the programs.
type Sources struct {
	// Folder is the folder of the built programs.
	Folder string
	// Caddy is the file of a Caddy that was built for the benchmark; empty:
	// Caddy on the PATH.
	Caddy string
	// Server is the file of a Storekeeper; empty builds that of this tree.
	Server string
	// Quick builds without flags that only make files smaller, so that packages
	// in the build cache of tests are reused.
	Quick bool
	// Log receives the names of missing programs.
	Log io.Writer
}

// Prepare builds Storekeeper, as `make build` does, and the peers, and looks
// for third-party peers.
func Prepare(ctx context.Context, s Sources) (*Programs, error) {
	p := &Programs{files: map[string]string{}, Versions: map[string]string{}}
	for name, source := range map[string]string{
		Storekeeper: "./cmd/server", ReverseProxy: "./peers/reverseproxy", Gateway: "./peers/gateway",
		Floor: "./peers/floor", "upstream": "./peers/upstream",
	} {
		if name == Storekeeper && s.Server != "" {
			file, err := filepath.Abs(s.Server)
			if err != nil {
				return nil, err
			}
			p.files[name] = file
			continue
		}
		file := filepath.Join(s.Folder, strings.ReplaceAll(name, " ", "-"))
		if err := s.build(ctx, file, source); err != nil {
			return nil, err
		}
		p.files[name] = file
	}
	p.upstream = p.files["upstream"]
	delete(p.files, "upstream")
	p.files[Standard] = p.files[Storekeeper]
	p.diskless(s.Log)
	p.find(ctx, Nginx, []string{"nginx", "/usr/sbin/nginx"}, "-v", s.Log)
	p.find(ctx, Caddy, []string{s.Caddy, "caddy"}, "version", s.Log)
	return p, nil
}

// diskless adds Storekeeper with its files in memory, if the machine supports that.
func (p *Programs) diskless(log io.Writer) {
	folder, err := os.MkdirTemp(memoryFolder, "bench-")
	if err != nil {
		_, _ = fmt.Fprintf(log, "skipped: %s, since nothing can be written to %s\n", Diskless, memoryFolder)
		return
	}
	_ = os.Remove(folder)
	p.files[Diskless] = p.files[Storekeeper]
}

// build compiles a program. Storekeeper is compiled in its module.
func (s Sources) build(ctx context.Context, file, source string) error {
	args := []string{"build", "-o", file}
	if !s.Quick {
		args = append(args, "-tags", "grpcnotrace", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w")
	}
	cmd := exec.CommandContext(ctx, "go", append(args, source)...)
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	cmd.Dir = root
	if source == "./cmd/server" {
		cmd.Dir = filepath.Join(root, "..", "..")
	}
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w\n%s", source, err, out)
	}
	return nil
}

// moduleRoot returns the folder of this module: the working folder, or a parent
// of a test's folder.
func moduleRoot() (string, error) {
	folder, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			return folder, nil
		}
		if folder == filepath.Dir(folder) {
			return "", errors.New("run this inside test/bench")
		}
		folder = filepath.Dir(folder)
	}
}

// find looks for a program that others made.
func (p *Programs) find(ctx context.Context, name string, places []string, ask string, log io.Writer) {
	for _, place := range places {
		if place == "" {
			continue
		}
		file, err := exec.LookPath(place)
		if err != nil {
			continue
		}
		if file, err = filepath.Abs(file); err != nil {
			continue
		}
		p.files[name], p.Versions[name] = file, versionOf(ctx, file, ask)
		return
	}
	_, _ = fmt.Fprintf(log, "%s is not on this machine, so it is left out\n", name)
}

// versionOf returns the version that a program prints, or else the version in
// its build information.
func versionOf(ctx context.Context, file, ask string) string {
	if info, err := buildinfo.ReadFile(file); err == nil {
		for _, m := range append(info.Deps, &info.Main) {
			if strings.HasPrefix(m.Path, "github.com/caddyserver/caddy/") {
				return strings.TrimPrefix(m.Version, "v")
			}
		}
	}
	// nginx says "nginx version: nginx/1.22.1", and on standard error.
	said, _ := exec.CommandContext(ctx, file, ask).CombinedOutput()
	for word := range strings.FieldsSeq(strings.ReplaceAll(string(said), "/", " ")) {
		if strings.ContainsAny(word, "0123456789") {
			return word
		}
	}
	return "of unknown version"
}

// Has tells whether a contender can take part.
func (p *Programs) Has(name string) bool {
	switch name {
	case Direct:
		return true
	case BareGRPC:
		name = Gateway
	}
	return p.files[name] != ""
}

// Size is how large the file of a contender is, in MiB.
func (p *Programs) Size(name string) (float64, error) {
	info, err := os.Stat(p.files[name])
	if err != nil {
		return 0, err
	}
	return float64(info.Size()) / (1 << 20), nil
}
