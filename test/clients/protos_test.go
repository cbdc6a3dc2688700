package clients_test

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"platform.internal/storekeeper/test/clients/outside"
)

// TestAPythonClientIsGeneratedFromTheArchiveOfProtos packs the archive as
// `make protos` does, with the descriptor set that the program serves, and
// generates, compiles and runs a client with the protoc of grpcio-tools.
func TestAPythonClientIsGeneratedFromTheArchiveOfProtos(t *testing.T) {
	t.Parallel()
	python, err := outside.Python(t.Context(), "pythongrpc")
	skipOrFail(t, err)
	rest, rpc := program.DevBoth(t)
	folder := t.TempDir()
	archive := pack(t, folder, fetch(t, rest+"/protos.binpb"))
	unpack(t, archive, folder)
	protos := filepath.Join(folder, "storekeeper-protos")
	example, err := filepath.Abs(filepath.Join("pythongrpc", "example.py"))
	if err != nil {
		t.Fatal(err)
	}
	for name, source := range map[string][]string{
		"the proto files":    {"-I", filepath.Join(protos, "proto")},
		"the descriptor set": {"--descriptor_set_in", filepath.Join(protos, "storekeeper.binpb")},
	} {
		made := t.TempDir()
		files := []string{
			"secretsstore/v1/envelope.proto", "secretsstore/v1/quota.proto", "secretsstore/v1/secret.proto", "secretsstore/v1/service.proto",
			"secretsstore/v1/store.proto", "storekeeper/policy/v1/policy.proto", "buf/validate/validate.proto",
			"google/api/annotations.proto", "google/api/http.proto",
		}
		args := append([]string{"-m", "grpc_tools.protoc", "--python_out", made, "--grpc_python_out", made}, source...)
		ran(t, environment(t), python, append(args, files...)...)
		if name == "the descriptor set" {
			continue // The store is made once.
		}
		said := ran(t, environment(t, "PYTHONPATH="+made), python, example, rpc, "dev")
		if strings.TrimSpace(said) != "API_KEY 1" {
			t.Errorf("%s: the client says %q", name, said)
		}
	}
}

// TestANodeClientIsMadeFromTheArchiveOfProtos makes calls with the descriptor
// set of the archive.
func TestANodeClientIsMadeFromTheArchiveOfProtos(t *testing.T) {
	t.Parallel()
	node, err := outside.Node(t.Context(), "nodegrpc")
	skipOrFail(t, err)
	rest, rpc := program.DevBoth(t)
	folder := t.TempDir()
	unpack(t, pack(t, folder, fetch(t, rest+"/protos.binpb")), folder)
	said := ran(t, environment(t), node, filepath.Join("nodegrpc", "example.mjs"), filepath.Join(folder, "storekeeper-protos", "storekeeper.binpb"), rpc, "dev")
	if strings.TrimSpace(said) != "API_KEY 1" {
		t.Errorf("the client says %q", said)
	}
}

// pack creates the archive without buf, whose build takes minutes: the
// descriptor set comes from the program's reflection.
func pack(t *testing.T, folder string, set []byte) string {
	t.Helper()
	file, imports, archive := filepath.Join(folder, "set.binpb"), filepath.Join(folder, "imports"), filepath.Join(folder, "protos.tar.gz")
	if err := os.WriteFile(file, set, 0o600); err != nil {
		t.Fatal(err)
	}
	proto, err := filepath.Abs(filepath.Join("..", "..", "proto"))
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"./protoimports", imports}, {"./protoarchive", archive, file, proto, imports}} {
		cmd := exec.CommandContext(t.Context(), "go", append([]string{"run"}, args...)...)
		cmd.Dir = filepath.Join("..", "..", "tools")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	return archive
}

func unpack(t *testing.T, archive, folder string) {
	t.Helper()
	opened, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	packed, err := gzip.NewReader(opened)
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(packed); ; {
		entry, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(folder, filepath.FromSlash(entry.Name))
		content, err := io.ReadAll(r)
		if err := errors.Join(err, os.MkdirAll(filepath.Dir(name), 0o750), os.WriteFile(name, content, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
}

func fetch(t *testing.T, url string) []byte {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %v", url, answer.Status, err)
	}
	return body
}

// ran runs a command that must succeed, and returns its output.
func ran(t *testing.T, env []string, command string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), command, args...)
	cmd.Env = env
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", command, strings.Join(args, " "), err, out)
	}
	return string(out)
}
