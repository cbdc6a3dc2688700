package side

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	// devToken is the key of every caller in dev mode, which serve refuses.
	devToken    = "dev"
	callerToken = "a-key-of-one-caller"
	// platformToken is the token of Storekeeper at its emulator.
	platformToken = "a-token-of-the-platform"
)

// Limits of the emulated Cloudflare. Calls are not limited, since the two sides
// would not reach a limit at the same call.
type Limits struct {
	// Stores and Secrets are how many an account may have. 0 is Cloudflare's
	// number: 1 store, 100 secrets.
	Stores, Secrets int
	// ActivateAfter is how long a new secret stays pending; 0 is not at all.
	// Take 0 or more than a test can last, or the status depends on the speed.
	ActivateAfter time.Duration
}

func (l Limits) flags() []string {
	flags := []string{"--call-limit", "0", "--activate-after", l.ActivateAfter.String()}
	if l.Stores > 0 {
		flags = append(flags, "--store-limit", strconv.Itoa(l.Stores))
	}
	if l.Secrets > 0 {
		flags = append(flags, "--secret-limit", strconv.Itoa(l.Secrets))
	}
	return flags
}

// anyPort lets the three listeners of Storekeeper take free ports.
func anyPort() []string {
	return []string{"--set", "listen.rest=127.0.0.1:0", "--set", "listen.grpc=127.0.0.1:0", "--set", "listen.admin=127.0.0.1:0"}
}

// Emulator starts an emulator that accepts one token, for the length of the
// test.
func (p Program) Emulator(t testing.TB, l Limits, token string) Side {
	t.Helper()
	args := append([]string{"emulator", "--listen", "127.0.0.1:0", "--token", token}, l.flags()...)
	return Side{Root: p.start(t, args, `http://(127\.0\.0\.1:\d+)/client/v4`), Token: token}
}

// Dev starts Storekeeper in its dev mode.
func (p Program) Dev(t testing.TB, l Limits) Side {
	t.Helper()
	args := append(append([]string{"dev"}, anyPort()...), l.flags()...)
	return Side{Root: p.start(t, args, `REST\s+http://(127\.0\.0\.1:\d+)/client/v4`), Token: devToken}
}

// DevBoth starts dev mode and returns the URL of its REST listener and the host
// and port of its gRPC listener.
func (p Program) DevBoth(t testing.TB) (rest, rpc string) {
	t.Helper()
	both := p.start(t, append([]string{"dev"}, anyPort()...), `"rest":"(127\.0\.0\.1:\d+","grpc":"127\.0\.0\.1:\d+)"`)
	rest, rpc, _ = strings.Cut(both, `","grpc":"`)
	return rest, rpc
}

// Serve starts an emulator that only accepts Storekeeper's token, and
// Storekeeper with a configuration file in front of the emulator.
func (p Program) Serve(t testing.TB, l Limits) Side {
	t.Helper()
	folder := t.TempDir()
	token := filepath.Join(folder, "token")
	file := filepath.Join(folder, "storekeeper.yaml")
	write(t, token, platformToken)
	// Cloudflare's token has all rights, so the clients need all rights too.
	write(t, filepath.Join(folder, "policy.yaml"), `rules: [{id: all, actions: ["*"], when: "true"}]`)
	write(t, file, fmt.Sprintf(`
accounts:
  - id: %s
    name: dev
    base_url: %s/client/v4
    credential: {api_token_file: %s}
callers:
  api_keys:
    - {name: dev, sha256: %x}
policy: {file: policy.yaml}
audit: {sink: file, file: audit.log}
`, Account, p.Emulator(t, l, platformToken).Root, token, sha256.Sum256([]byte(callerToken))))
	args := append([]string{"serve", "--config", file}, anyPort()...)
	return Side{Root: p.start(t, args, `"rest":"(127\.0\.0\.1:\d+)"`), Token: callerToken}
}

func write(t testing.TB, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
