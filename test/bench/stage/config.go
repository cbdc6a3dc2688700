package stage

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Account is the account that the upstream has.
const Account = "023e105f4ecef8ad9ca31a8372d0c353"

const platformToken = "platform-token-of-the-bench"

// Settings of a measurement. The zero value of each field is the default of all
// measurements.
type Settings struct {
	// Latency is how long the upstream takes to answer; 0 is no delay.
	Latency time.Duration
	// Calls is the limit of the upstream and of Storekeeper's budget in Window;
	// 0 is no limit upstream, and a million in ten seconds for Storekeeper.
	Calls  int
	Window time.Duration
	// MaxWait is the longest wait of a call for a permit; 0 is a minute.
	MaxWait time.Duration
	// Rules, Tenants and Principals are numbers; 0 is the number of rules of
	// the stage, 8 and 64.
	Rules, Tenants, Principals int
	// NoQuotas leaves out the quotas.
	NoQuotas bool
	// Collector receives the spans of the sampled part of the calls, Sampled; empty:
	// no traces.
	Collector string
	Sampled   float64
	// GCPercent is GOGC for peers that are written in Go; 0 is Go's default.
	// Storekeeper sets GOGC itself.
	GCPercent int
	// Folder holds the contender's files and is kept after the world. Empty: a
	// temporary folder of the world.
	Folder string
}

// filled fills in the defaults.
func (s Settings) filled() Settings {
	s.Window = cmp.Or(s.Window, 10*time.Second)
	s.MaxWait = cmp.Or(s.MaxWait, time.Minute)
	s.Tenants, s.Principals = cmp.Or(s.Tenants, 8), cmp.Or(s.Principals, 64)
	return s
}

// doors are the addresses of Storekeeper.
type doors struct{ rest, grpc, admin string }

// writeConfig writes all that Storekeeper reads into the folder of a world and
// returns the name of the configuration.
func writeConfig(w *World, at doors, s Settings, i *Issuer) (string, error) {
	keys, err := i.keys()
	if err != nil {
		return "", err
	}
	files := map[string]string{
		"config.yaml": configuration(w, at, s), "policy.yaml": policy(s.Rules), "jwks.json": string(keys), "token": platformToken,
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(w.folder, name), []byte(text), 0o600); err != nil {
			return "", err
		}
	}
	return filepath.Join(w.folder, "config.yaml"), nil
}

// plenty is more than any measurement makes, and the largest quota there is.
const plenty = 1_000_000

func configuration(w *World, at doors, s Settings) string {
	var b strings.Builder
	fmt.Fprintf(&b, "listen: {rest: %s, grpc: %s, admin: %s}\n", at.rest, at.grpc, at.admin)
	fmt.Fprintf(&b, "accounts:\n  - {id: %s, name: main, base_url: %s, credential: {api_token_file: token}}\n", Account, w.Upstream)
	b.WriteString("policy: {file: policy.yaml}\naudit: {sink: file, file: audit.log}\n")
	if w.Name == Standard {
		b.WriteString("store: {folder: state}\n")
	} else {
		b.WriteString("telemetry: {log: {level: warn}}\nstore: {folder: state}\nidempotency: {tenant_bytes_per_hour: 0}\n")
	}
	if !s.NoQuotas {
		fmt.Fprintf(&b, "quotas:\n  - {tenant: \"*\", stores: %d, secrets: %d}\n", plenty, plenty)
	}
	fmt.Fprintf(&b, "budget: {calls: %d, window: %s, per_second: 0, max_wait: %s}\n", cmp.Or(s.Calls, plenty), s.Window, s.MaxWait)
	fmt.Fprintf(&b, "callers:\n  issuers:\n    - name: ci\n      issuer: %s\n      audiences: [%s]\n      algorithms: [RS256]\n      jwks_file: jwks.json\n      subjects:\n",
		issuerURL, audience)
	for n := range s.Tenants {
		fmt.Fprintf(&b, "        - {match: \"repo:bench/%s:*\", tenant: %s, groups: [bench]}\n", tenantName(n), tenantName(n))
	}
	return b.String()
}
