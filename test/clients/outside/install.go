package outside

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Missing says in one line why a client is not available on this machine.
type Missing struct{ Reason string }

// Error is the reason.
func (m Missing) Error() string { return m.Reason }

// installTime bounds an installation, which downloads some 100 MB at most and takes
// ten minutes on a busy machine.
const installTime = 20 * time.Minute

// offline matches the messages of package managers for an unreachable registry,
// but no message about a wrong lock file or version.
var offline = regexp.MustCompile(`ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT|Temporary failure in name resolution|Name or service not known|Network is unreachable|Connection refused|ConnectTimeoutError|NewConnectionError`)

// Node installs the Node clients of the lock file in folder, unless they are
// installed, and returns the path of node. The error is Missing if this machine
// has no npm, an old Node, or no connection to the registry.
func Node(ctx context.Context, folder string) (string, error) {
	node, err := exec.LookPath("node")
	if err != nil {
		return "", Missing{"node is not on this machine, so the Node clients are not tested"}
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		return "", Missing{"npm is not on this machine, so the Node clients are not tested"}
	}
	if found, ok := atLeast(ctx, 20, 3, node, "--version"); !ok {
		return "", Missing{"Wrangler needs Node 20.3 and this machine has " + found + ", so the Node clients are not tested"}
	}
	i := installation{folder: folder, lock: "package-lock.json", into: "node_modules", what: "the Node clients are"}
	return node, i.ensure(ctx, []string{
		npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund",
		"--fetch-retries=2", "--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000",
	})
}

// Python installs the Python client of the lock file in folder into a virtual
// environment, unless it is installed, and returns the path of python. The
// error is Missing as for Node.
func Python(ctx context.Context, folder string) (string, error) {
	const what = ", so the Python client is not tested"
	python, err := exec.LookPath("python3")
	if err != nil {
		return "", Missing{"python3 is not on this machine" + what}
	}
	if found, ok := atLeast(ctx, 3, 10, python, "--version"); !ok {
		return "", Missing{"the Python client needs Python 3.10 and this machine has " + found + what}
	}
	if exec.CommandContext(ctx, python, "-c", "import venv, ensurepip").Run() != nil {
		return "", Missing{"python3 is here without pip and venv" + what}
	}
	i := installation{folder: folder, lock: "requirements.txt", into: ".venv", what: "the Python client is"}
	inside, err := filepath.Abs(filepath.Join(folder, ".venv", "bin", "python"))
	if err != nil {
		return "", err
	}
	return inside, i.ensure(ctx,
		[]string{python, "-m", "venv", "--clear", ".venv"},
		[]string{inside, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries=2", "--no-deps", "-r", "requirements.txt"})
}

// atLeast reads the version of a program.
func atLeast(ctx context.Context, major, minor int, command ...string) (string, bool) {
	out, err := exec.CommandContext(ctx, command[0], command[1:]...).CombinedOutput()
	found := strings.TrimSpace(string(out))
	match := regexp.MustCompile(`(\d+)\.(\d+)`).FindStringSubmatch(found)
	if err != nil || match == nil {
		return found, false
	}
	// The pattern leaves nothing that is no number.
	is, _ := strconv.Atoi(match[1])
	isMinor, _ := strconv.Atoi(match[2])
	return found, is > major || is == major && isMinor >= minor
}

// installation is a folder with a lock file of packages.
type installation struct {
	folder, lock, into, what string
}

// installing has a lock for each folder: package managers that work in one folder
// at the same time destroy each other's files.
var installing sync.Map

// ensure runs the commands unless they ran before for the same lock file.
func (i installation) ensure(ctx context.Context, commands ...[]string) error {
	lockOf, _ := installing.LoadOrStore(i.folder, &sync.Mutex{})
	one := lockOf.(*sync.Mutex)
	one.Lock()
	defer one.Unlock()
	lock, err := os.ReadFile(filepath.Join(i.folder, i.lock))
	if err != nil {
		return err
	}
	sum := sha256.Sum256(lock)
	stamp, mark := filepath.Join(i.folder, i.into, ".installed"), hex.EncodeToString(sum[:])
	if done, err := os.ReadFile(stamp); err == nil && string(done) == mark {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, installTime)
	defer cancel()
	for _, c := range commands {
		cmd := exec.CommandContext(ctx, c[0], c[1:]...)
		cmd.Dir = i.folder
		out, err := cmd.CombinedOutput()
		if err != nil && offline.Match(out) {
			return Missing{"the package registry cannot be reached, so " + i.what + " not tested"}
		}
		if err != nil {
			return fmt.Errorf("%s: %w\n%s", strings.Join(c, " "), err, bytes.TrimSpace(out))
		}
	}
	return os.WriteFile(stamp, []byte(mark), 0o600)
}
