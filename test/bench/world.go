package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"platform.internal/storekeeper/internal/emulator"
)

const (
	windowSeconds = 10
	window        = windowSeconds * time.Second
	// tenants is how many tenants the callers are of.
	tenants = 8
	plenty  = 10_000_000
)

// target is where callers call.
type target struct {
	base, account, store string
	tokens               []string
}

// build compiles the program under test. It is run in this folder, as make does.
func build(ctx context.Context, folder string) (string, error) {
	path := filepath.Join(folder, "server")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", path, "./cmd/server")
	cmd.Dir = filepath.Join("..", "..")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
}

// try runs a contender against a Cloudflare of its own.
func (p plan) try(ctx context.Context, program, folder string, c contender) (result, error) {
	cf := emulator.New(emulator.Config{
		Accounts: []emulator.Account{{ID: emulator.DefaultAccountID, StoreLimit: plenty, SecretLimit: plenty}},
		Budget:   &emulator.Budget{Requests: p.rate * windowSeconds, Window: window, Block: window},
	})
	if err := cf.Inject(emulator.Fault{Kind: emulator.KindDelay, Delay: p.latency}); err != nil {
		return result{}, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return result{}, err
	}
	counted := &counter{next: cf}
	srv := &http.Server{Handler: counted, ReadHeaderTimeout: time.Minute}
	go func() { _ = srv.Serve(listener) }()
	defer func() { _ = srv.Close() }()
	at := target{base: "http://" + listener.Addr().String() + "/client/v4", account: emulator.DefaultAccountID, tokens: []string{"platform-token"}}
	if c.through {
		stop, err := p.interpose(ctx, program, folder, &at)
		if err != nil {
			return result{}, err
		}
		defer stop()
	}
	if at.store, err = newStore(ctx, at); err != nil {
		return result{}, err
	}
	r := load(ctx, p, c, at)
	r.calls, r.refused = counted.counts()
	return r, nil
}

// interpose starts Storekeeper in front of Cloudflare and points at it instead.
func (p plan) interpose(ctx context.Context, program, folder string, at *target) (stop func(), err error) {
	home, err := os.MkdirTemp(folder, "run-")
	if err != nil {
		return nil, err
	}
	config := filepath.Join(home, "config.yaml")
	text, tokens := p.configuration(at.base)
	for name, content := range map[string]string{config: text, filepath.Join(home, "token"): "platform-token", filepath.Join(home, "policy.yaml"): policyText} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			return nil, err
		}
	}
	cmd := exec.CommandContext(ctx, program, "serve", "--config", config)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	rest, err := announced(out)
	at.base, at.tokens = "http://"+rest+"/client/v4", tokens
	return func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	}, err
}

var serving = regexp.MustCompile(`"msg":"serving".*"rest":"([^"]+)"`)

// announced waits for the line that says where the program serves, and drops
// all after it.
func announced(out io.Reader) (string, error) {
	lines := bufio.NewScanner(out)
	var seen strings.Builder
	for lines.Scan() {
		if found := serving.FindStringSubmatch(lines.Text()); found != nil {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return found[1], nil
		}
		seen.WriteString(lines.Text() + "\n")
	}
	return "", errors.New("the server ended at once:\n" + seen.String())
}

const policyText = "rules:\n  - {id: all, actions: [\"*\"], when: \"true\"}\n"

func (p plan) configuration(cloudflare string) (text string, tokens []string) {
	var b strings.Builder
	fmt.Fprintf(&b, "listen: {rest: 127.0.0.1:0, grpc: 127.0.0.1:0, admin: 127.0.0.1:0}\n")
	fmt.Fprintf(&b, "accounts:\n  - {id: %s, name: main, base_url: %s, credential: {api_token_file: token}}\n", emulator.DefaultAccountID, cloudflare)
	fmt.Fprintf(&b, "policy: {file: policy.yaml}\naudit: {sink: file, file: audit.log}\ntelemetry: {log: {level: info}}\n")
	fmt.Fprintf(&b, "budget: {calls: %d, window: %s, max_wait: 60s}\n", p.rate*windowSeconds, window)
	fmt.Fprintf(&b, "callers:\n  api_keys:\n")
	for n := range tenants {
		token := fmt.Sprintf("sk_bench-caller-%02d-with-enough-letters", n)
		tokens = append(tokens, token)
		fmt.Fprintf(&b, "    - {name: caller-%d, tenant: tenant-%d, sha256: %x}\n", n, n, sha256.Sum256([]byte(token)))
	}
	return b.String(), tokens
}

func newStore(ctx context.Context, at target) (string, error) {
	body := strings.NewReader(`{"name":"bench"}`)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, at.base+"/accounts/"+at.account+"/secrets_store/stores", body)
	if err != nil {
		return "", err
	}
	r.Header.Set("Authorization", "Bearer "+at.tokens[0])
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer func() { _ = answer.Body.Close() }()
	var made struct {
		Result struct {
			ID string `json:"id"`
		} `json:"result"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&made); err != nil || made.Result.ID == "" {
		return "", fmt.Errorf("the store was not made: %s %w", answer.Status, err)
	}
	return made.Result.ID, nil
}
