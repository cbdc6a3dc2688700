package fleet

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// sharedKey is the digest key of all replicas.
const sharedKey = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0"

// Caller is an admitted caller, whose key is its name.
type Caller struct {
	// Name is the caller.
	Name string
	// Tenant pays. Empty: the caller.
	Tenant string
}

// Key is the API key of a caller.
func (c Caller) Key() string { return "sk_" + c.Name }

// Settings of a replica. Cloudflare and Callers are required.
type Settings struct {
	// Cloudflare is the URL of the emulated Cloudflare.
	Cloudflare string
	// Postgres are the host:port of the servers that replicas share, whose superuser
	// is postgres. Empty: a folder and an audit file of the replica.
	Postgres []string
	// Accounts is the number of further accounts, each with a separate credential.
	Accounts int
	// Callers may do everything.
	Callers []Caller
	// Calls and Window are the budget. 0: more than a test can spend.
	Calls  int
	Window time.Duration
	// MaxWait bounds the wait for the budget. 0: 20 s.
	MaxWait time.Duration
	// StoreWait bounds the wait of a change for the store. 0: that of the program.
	StoreWait time.Duration
	// SecretQuotas are the most secrets that tenants may have made.
	SecretQuotas map[string]int
	// Fingerprints turns on keyed fingerprints of values, so that a put without a
	// change sends nothing.
	Fingerprints bool
	// Env is added to the environment of the program.
	Env []string
	// More is further configuration, in YAML.
	More string
}

// yaml is the configuration file.
func (s Settings) yaml() string {
	var b strings.Builder
	line := func(format string, values ...any) { fmt.Fprintf(&b, format+"\n", values...) }
	line("accounts:\n  - {id: %s, name: main, base_url: %s/client/v4, credential: {api_token_file: token}}", Account, s.Cloudflare)
	for i := range s.Accounts {
		line("  - {id: %032x, name: other%d, base_url: %s/client/v4, credential: {api_token_file: token%d}}", i+1, i, s.Cloudflare, i)
	}
	line("callers:\n  api_keys:")
	for _, c := range s.Callers {
		line("    - {name: %s, sha256: %x%s}", c.Name, sha256.Sum256([]byte(c.Key())), tenantOf(c))
	}
	line("policy: {file: policy.yaml}")
	s.budget(line)
	prints, wait := "", ""
	if s.StoreWait > 0 {
		wait = fmt.Sprintf("max_wait: %s, ", s.StoreWait)
	}
	if s.Fingerprints {
		prints = ", fingerprints: on, key_file: key"
	}
	if len(s.Postgres) == 0 {
		line("audit: {sink: file, file: audit.log%s}\nstore: {%skind: file}", prints, wait)
	} else {
		line("audit: {sink: store%s}", prints)
		line("store: {%skind: postgres, key_file: key, postgres: {hosts: [%s], database: postgres, user: postgres, tls: off, memory_file: seen}}", wait, strings.Join(s.Postgres, ", "))
	}
	if len(s.SecretQuotas) > 0 {
		line("quotas:")
		for tenant, most := range s.SecretQuotas {
			line("  - {tenant: %s, secrets: %d}", tenant, most)
		}
	}
	line("%s", s.More)
	return b.String()
}

func (s Settings) budget(line func(string, ...any)) {
	calls, window := s.Calls, s.Window
	if calls == 0 {
		calls, window = 1_000_000, time.Second
	}
	wait := cmp.Or(s.MaxWait, 20*time.Second)
	line("budget: {calls: %d, window: %s, per_second: 0, max_wait: %s}", calls, window, wait)
}

func tenantOf(c Caller) string {
	if c.Tenant == "" {
		return ""
	}
	return ", tenant: " + c.Tenant
}

// write writes the configuration and the files that it names.
func (s Settings) write(t testing.TB, folder, config string) {
	t.Helper()
	files := map[string]string{
		config:                               s.yaml(),
		filepath.Join(folder, "token"):       Token + "\n",
		filepath.Join(folder, "key"):         sharedKey,
		filepath.Join(folder, "policy.yaml"): `rules: [{id: all, actions: ["*"], when: "true"}]`,
	}
	for i := range s.Accounts {
		files[filepath.Join(folder, fmt.Sprint("token", i))] = fmt.Sprintf("%s-%d\n", Token, i)
	}
	for name, text := range files {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
