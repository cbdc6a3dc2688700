package docs_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/porttest"
)

// patience is how long a service may take to start or to stop.
const patience = 60 * time.Second

// built is the program of all pages, in a separate folder.
var built struct {
	once   sync.Once
	folder string
	err    error
}

func TestMain(m *testing.M) {
	built.folder, built.err = os.MkdirTemp("", "storekeeper-docs-")
	code := m.Run()
	_ = os.RemoveAll(built.folder)
	os.Exit(code)
}

// build builds the program once.
func build(t *testing.T) string {
	t.Helper()
	built.once.Do(func() {
		if built.err != nil {
			return
		}
		if said, err := exec.Command("go", "build", "-o", built.folder, "../cmd/server").CombinedOutput(); err != nil {
			built.err = fmt.Errorf("%w\n%s", err, said)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return filepath.Join(built.folder, "server")
}

// exampleAddress is that of a service in the pages for users of tools.
const exampleAddress = "https://storekeeper.example.com"

// world is the machine of a reader: a folder with a clone, programs in front of
// the PATH, and replacements for the addresses in the pages.
type world struct {
	t               *testing.T
	folder, program string
	// at maps the addresses in the pages to the addresses of this test.
	at map[string]string
}

func newWorld(t *testing.T, program string) *world {
	t.Helper()
	w := &world{t: t, folder: t.TempDir(), program: program, at: map[string]string{}}
	for _, port := range []string{"8080", "9090", "9091", "8787"} {
		w.at["127.0.0.1:"+port] = porttest.Address(t)
	}
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		w.must(os.Symlink(filepath.Join(root, entry.Name()), filepath.Join(w.folder, entry.Name())))
	}
	w.must(os.Mkdir(filepath.Join(w.folder, ".bin"), 0o755))
	w.must(os.Symlink(program, filepath.Join(w.folder, ".bin", "storekeeper")))
	w.must(os.Symlink(program, filepath.Join(w.folder, ".bin", "server")))
	// `go run` and `make run` start the built program.
	w.shim("go", `[ "$1 $2" = "run ./cmd/server" ] || { echo "go $* is not run by this test" >&2; exit 1; }
shift 2
# A configuration is written for the addresses of the test.
case "$*" in
	"config init "*cloudflare*) ;;
	"config init "*) set -- "$@" `+w.rewrite("--rest 127.0.0.1:8080 --grpc 127.0.0.1:9090 --admin 127.0.0.1:9091 --emulator 127.0.0.1:8787")+` ;;
esac
exec `+program+` "$@"`)
	w.shim("make", `[ "$1" = run ] || { echo "make $* is not run by this test" >&2; exit 1; }
exec `+program+` dev `+w.rewrite("--set listen.rest=127.0.0.1:8080 --set listen.grpc=127.0.0.1:9090 --set listen.admin=127.0.0.1:9091"))
	// Declared secrets come from a provider of the user.
	w.shim("secretspec", `[ "$1 $2" = "run --" ] || exit 1
shift 2
API_KEY="the value" STOREKEEPER_KEY=`+operatorKey+` exec "$@"`)
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// shim puts a script in front of the PATH.
func (w *world) shim(name, script string) {
	w.t.Helper()
	w.must(os.WriteFile(filepath.Join(w.folder, ".bin", name), []byte("#!/bin/sh\n"+script+"\n"), 0o755))
}

// rewrite names addresses and folders of this test in place of the usual.
func (w *world) rewrite(text string) string {
	for usual, own := range w.at {
		text = strings.ReplaceAll(text, usual, own)
	}
	for _, address := range []string{exampleAddress, "https://storekeeper.storekeeper.svc:8080"} {
		text = strings.ReplaceAll(text, address, "http://"+w.at["127.0.0.1:8080"])
	}
	for _, folder := range []string{"/etc/storekeeper", "/var/lib/storekeeper", "/var/backups", "/run/secrets/storekeeper"} {
		text = strings.ReplaceAll(text, folder, filepath.Join(w.folder, folder))
	}
	return text
}

// command makes a command that runs in the folder.
func (w *world) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = w.folder
	cmd.Env = append(os.Environ(), "PATH="+filepath.Join(w.folder, ".bin")+":"+os.Getenv("PATH"), "KEY="+operatorKey)
	return cmd
}

// background starts a command that goes on until the end of the test, and waits
// until the service is ready.
func (w *world) background(text string) {
	w.t.Helper()
	said, err := os.Create(filepath.Join(w.folder, ".background"))
	w.must(err)
	cmd := w.command("sh", "-c", "exec "+w.rewrite(text))
	cmd.Stdout, cmd.Stderr = said, said
	w.must(cmd.Start())
	w.t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		_ = said.Close()
	})
	if strings.Contains(text, "server emulator ") {
		w.accepts(w.at["127.0.0.1:8787"])
		return
	}
	w.ready()
}

// accepts waits until a server accepts connections.
func (w *world) accepts(address string) {
	w.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if conn, err := (&net.Dialer{}).DialContext(w.t.Context(), "tcp", address); err == nil {
			_ = conn.Close()
			return
		}
	}
	w.t.Fatalf("nobody listens at %s", address)
}

// ready waits until the service is ready.
func (w *world) ready() {
	w.t.Helper()
	url := w.rewrite("http://127.0.0.1:9091/readyz")
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
		w.must(err)
		answer, err := http.DefaultClient.Do(request)
		cancel()
		if err == nil {
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return
			}
		}
	}
	log, _ := os.ReadFile(filepath.Join(w.folder, ".background"))
	w.t.Fatalf("the service is not ready:\n%s", log)
}

// The caller of an installed service in the pages, whose key is the word.
const operatorKey = "sk_operator"

// install installs the service as deploy/README.md does, with the emulator in
// place of Cloudflare and without TLS, and starts the service.
func (w *world) install() {
	w.t.Helper()
	w.lay()
	w.begin()
}

// write writes a file under its name in the pages.
func (w *world) write(name, text string) {
	w.t.Helper()
	file := filepath.Join(w.folder, name)
	w.must(os.MkdirAll(filepath.Dir(file), 0o700))
	w.must(os.WriteFile(file, []byte(text), 0o600))
}

// lay writes the files of the service. systemctl starts and stops it.
func (w *world) lay() {
	w.t.Helper()
	etc := filepath.Join(w.folder, "/etc/storekeeper")
	for _, folder := range []string{etc, filepath.Join(w.folder, "/var/lib/storekeeper"), filepath.Join(w.folder, "/var/backups")} {
		w.must(os.MkdirAll(folder, 0o700))
	}
	for name, text := range map[string]string{
		"cloudflare-api-token": "a-token-for-the-emulator\n",
		"config.yaml": `listen: {rest: 127.0.0.1:8080, grpc: 127.0.0.1:9090, admin: 127.0.0.1:9091}
accounts:
  - id: 023e105f4ecef8ad9ca31a8372d0c353
    name: main
    base_url: http://127.0.0.1:8787/client/v4
    credential: {api_token_file: /etc/storekeeper/cloudflare-api-token}
callers:
  file: /etc/storekeeper/callers.yaml
policy: {file: /etc/storekeeper/policy.yaml}
audit: {sink: file, file: /var/lib/storekeeper/audit.log}
store: {folder: /var/lib/storekeeper/state}
`,
		"callers.yaml": fmt.Sprintf("api_keys:\n  - name: operator\n    sha256: %x\n    groups: [platform]\n", sha256.Sum256([]byte(operatorKey))),
		"policy.yaml": `rules:
  - {id: platform, actions: ["*"], when: '"platform" in principal.groups'}
  - {id: stores-are-seen, actions: [account.get, store.get, quota.get], when: "true"}
  - {id: a-team-has-its-prefix, actions: ["secret.*"], when: 'principal.tenant == "payments" && secret.startsWith("PAYMENTS_")'}
`,
	} {
		w.write("/etc/storekeeper/"+name, w.rewrite(text))
	}
	pid, log := filepath.Join(w.folder, ".pid"), filepath.Join(w.folder, ".background")
	w.shim("systemctl", fmt.Sprintf(`stop() {
	[ -f %[1]s ] || return 0
	kill -TERM "$(cat %[1]s)"
	# A process that has ended has no files, even if nobody waited for it.
	while [ -n "$(ls "/proc/$(cat %[1]s)/fd" 2>/dev/null)" ]; do sleep 0.05; done
	rm %[1]s
}
start() {
	server serve --config %[3]s/config.yaml >> %[2]s 2>&1 &
	echo $! > %[1]s
	for i in $(seq 600); do
		if server health --admin %[4]s >/dev/null 2>&1; then return 0; fi
		sleep 0.1
	done
	cat %[2]s
	return 1
}
case "$1" in
	start) start ;;
	stop) stop ;;
	restart) stop; start ;;
	reload) kill -HUP "$(cat %[1]s)" ;;
	*) exit 1 ;;
esac`, pid, log, etc, w.at["127.0.0.1:9091"]))
}

// begin starts the emulator and the service, and makes the store of the pages.
func (w *world) begin() {
	w.t.Helper()
	emulator := w.command(w.program, "emulator", "--listen", w.at["127.0.0.1:8787"])
	w.must(emulator.Start())
	w.t.Cleanup(func() { _ = emulator.Process.Kill(); _ = emulator.Wait() })
	w.t.Cleanup(func() {
		if said, err := w.command(filepath.Join(w.folder, ".bin", "systemctl"), "stop").CombinedOutput(); err != nil {
			w.t.Errorf("stopping: %v\n%s", err, said)
		}
	})
	if said, err := w.command(filepath.Join(w.folder, ".bin", "systemctl"), "start").CombinedOutput(); err != nil {
		w.t.Fatalf("starting: %v\n%s", err, said)
	}
}

// makeStore makes the store of the recipes.
func (w *world) makeStore() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.rewrite(exampleAddress)+"/client/v4/accounts/main/secrets_store/stores", strings.NewReader(`{"name":"default_secrets_store"}`))
	w.must(err)
	r.Header.Set("Authorization", "Bearer "+operatorKey)
	answer, err := http.DefaultClient.Do(r)
	w.must(err)
	w.must(answer.Body.Close())
	if answer.StatusCode != http.StatusOK {
		w.t.Fatalf("the store cannot be made: %s", answer.Status)
	}
}
