package config_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/config"
)

func TestDefaultsCompleteAMinimalFile(t *testing.T) {
	c, err := config.Load(minimal, nil)
	if err != nil {
		t.Fatal(err)
	}
	wantListen := config.Listen{
		REST: "127.0.0.1:8080", GRPC: "127.0.0.1:9090", Admin: "127.0.0.1:9091", ShutdownGrace: 20 * time.Second, MaxConnections: 2000,
		TLS: config.TLS{ClientAuth: "optional"},
	}
	if !reflect.DeepEqual(c.Listen, wantListen) {
		t.Errorf("listen is %+v, want %+v", c.Listen, wantListen)
	}
	wantAccount := config.Account{
		ID: "023e105f4ecef8ad9ca31a8372d0c353", Name: "main", BaseURL: config.DefaultBaseURL,
		Credential: config.Credential{APITokenFile: filepath.Join("testdata", "valid", "token")},
	}
	if c.Accounts[0] != wantAccount {
		t.Errorf("account is %+v, want %+v", c.Accounts[0], wantAccount)
	}
	if want := (config.LogSettings{Level: "info", Format: "json"}); c.Telemetry.Log != want {
		t.Errorf("log is %+v, want %+v", c.Telemetry.Log, want)
	}
	if c.Dev {
		t.Error("a file gave dev mode")
	}
}

func TestFullFileIsReadWhole(t *testing.T) {
	c, err := config.Load("testdata/valid/full.yaml", nil)
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(c.Listen, c.Accounts, c.Callers, c.Policy, c.Audit, c.Telemetry)
	want := fmt.Sprint(
		config.Listen{
			REST: "[::1]:0", GRPC: "0.0.0.0:9090", Admin: "localhost:9091", ShutdownGrace: 90 * time.Second,
			DrainDelay: 15 * time.Second, TrustedProxies: []string{"10.0.0.0/16", "fd00::7"}, ProxyProtocol: []string{"10.1.0.9"}, MaxConnections: 500,
			TLS: config.TLS{
				CertFile: "testdata/valid/tls/tls.crt", KeyFile: "/run/secrets/tls/tls.key", ClientCAFile: "testdata/valid/tls/ca.crt", ClientAuth: "required",
			},
		},
		[]config.Account{
			{
				ID: "12345678901234567890123456789012", Name: "main", BaseURL: "http://127.0.0.1:8787/client/v4",
				Credential: config.Credential{Email: "platform@example.com", APIKeyFile: "testdata/valid/keys/main"},
			},
			{
				ID: "12345678901234567890123456789013", Name: "other", BaseURL: config.DefaultBaseURL,
				Credential: config.Credential{APITokenFile: "/run/secrets/other"},
			},
		},
		config.Callers{
			APIKeys: []config.APIKey{
				{Name: "team-a", SHA256: strings.Repeat("1", 64), Tenant: "payments", Groups: []string{"backend", "on-call"}},
				{Name: "team-a", SHA256: strings.Repeat("2", 64), Tenant: "payments", Groups: []string{"backend", "on-call"}},
			},
			Issuers: []config.Issuer{
				{
					Name: "github", Issuer: "https://token.actions.githubusercontent.com", Audiences: []string{"storekeeper.example.com"},
					RefreshInterval: 15 * time.Minute, RefreshMinInterval: 10 * time.Second, KeysMaxAge: 24 * time.Hour,
					Subjects: []config.Subject{
						{Match: "repo:my-org/payments:environment:prod", Claim: "sub", Tenant: "payments", Groups: []string{"prod"}},
						{Match: "repo:my-org/payments:*", Claim: "sub", Tenant: "payments"},
						{Match: "my-org/tools", Claim: "repository"},
					},
				},
				{
					Name: "cluster", Issuer: "https://kubernetes.default.svc", Audiences: []string{"storekeeper", "https://storekeeper"},
					Algorithms: []string{"RS256", "ES256"}, JWKSURL: "https://10.0.0.1:6443/openid/v1/jwks", CAFile: "testdata/valid/ca.crt",
					RefreshInterval: time.Minute, RefreshMinInterval: time.Second, KeysMaxAge: time.Hour,
					Subjects: []config.Subject{{Match: "system:serviceaccount:payments:*", Claim: "sub", GroupsClaim: "groups"}},
				},
				{
					Name: "local", Issuer: "http://127.0.0.1:5556/dex", Audiences: []string{"storekeeper"}, JWKSFile: "testdata/valid/keys.json",
					RefreshInterval: 15 * time.Minute, RefreshMinInterval: 10 * time.Second, KeysMaxAge: 24 * time.Hour,
					Subjects: []config.Subject{{Match: "jane@example.com", Claim: "email"}},
				},
			},
			Certificates: []config.Certificate{
				{SAN: "spiffe://prod.example.com/ns/payments/sa/api", Name: "payments-api", Tenant: "payments", Groups: []string{"services"}},
				{SAN: "spiffe://prod.example.com/ns/search/*", Name: "search"},
				{SAN: "ci.example.com", Name: "ci"},
			},
		},
		config.Policy{File: "testdata/valid/rules/policy.yaml"},
		config.Audit{Sink: config.AuditFile, File: "/var/lib/storekeeper/audit.log", KeyFile: "testdata/valid/keys/audit", Fingerprints: "off", Stream: "off", StreamName: "default", Partition: "month", RotateSize: 512 * config.MiB, DenialsPerHour: 600, Reserve: 256 * config.MiB},
		config.Telemetry{Log: config.LogSettings{Level: "debug", Format: "console"}},
	)
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestFileThatCannotBeReadIsAMistake(t *testing.T) {
	big := filepath.Join(t.TempDir(), "big.yaml")
	if err := os.WriteFile(big, bytes.Repeat([]byte("# \n"), 1<<19), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"testdata/none.yaml": "testdata/none.yaml: cannot be read: no such file or directory",
		"testdata":           "testdata: cannot be read: is a directory",
		big:                  big + ": cannot be read: must be at most 1048576 bytes",
	} {
		_, err := config.Load(path, nil)
		if _, ok := errors.AsType[config.Mistakes](err); !ok || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestPortZeroMayStandTwice(t *testing.T) {
	_, err := config.Load(minimal, []string{"listen.rest=127.0.0.1:0", "listen.grpc=127.0.0.1:0", "listen.admin=127.0.0.1:0"})
	if err != nil {
		t.Error(err)
	}
}

func TestOnePortOnTwoAddressesIsAllowed(t *testing.T) {
	_, err := config.Load(minimal, []string{
		"listen.rest=10.0.0.1:443", "listen.grpc=10.0.0.2:443", "listen.tls.cert_file=tls.crt", "listen.tls.key_file=tls.key",
	})
	if err != nil {
		t.Error(err)
	}
}

func TestPlaintextIsForLoopback(t *testing.T) {
	for address, fine := range map[string]bool{
		"127.0.0.1:18080": true, "localhost:18080": true, "[::1]:18080": true, "127.9.9.9:0": true,
		"0.0.0.0:18080": false, ":18080": false, "[::]:18080": false, "10.0.0.1:18080": false, "storekeeper.example.com:18080": false,
	} {
		for _, key := range []string{"listen.rest", "listen.grpc", "listen.admin"} {
			set := key + "=" + address
			_, err := config.Load(minimal, []string{set})
			if (err == nil) != fine || err != nil && !strings.HasPrefix(err.Error(), "--set "+key+": must be on loopback") {
				t.Errorf("%s in plain text: got %v, want fine to be %v", set, err, fine)
			}
			if _, err := config.Load(minimal, []string{set, "listen.tls.cert_file=tls.crt", "listen.tls.key_file=tls.key"}); err != nil {
				t.Errorf("%s with TLS: %v", set, err)
			}
		}
	}
}

// A secret in the wrong place must not travel into a log by way of a mistake.
func TestMistakesNeverRepeatAValue(t *testing.T) {
	const secret = "s3cr3t-sentinel"
	for _, e := range leaves(config.Reference()) {
		key := strings.ReplaceAll(e.Key, "[]", "[0]")
		if e.Type == "list of text" {
			key = strings.TrimSuffix(key, "[0]")
			key += "[0]"
		}
		for _, value := range []string{secret, secret + ": x", "*" + secret, "\n" + secret} {
			if _, err := config.Load(minimal, []string{key + "=" + value}); err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("%s: %v", key, err)
			}
		}
	}
	for _, text := range []string{"a: *" + secret, "a: !" + secret + " b", "!" + secret + "!x b", "- *" + secret + "\n- [", "a: &" + secret + " *" + secret} {
		if _, err := config.Parse("a.yaml", []byte(text), nil); err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// leaves lists the entries that hold values.
func leaves(entries []config.KeyReference) []config.KeyReference {
	var all []config.KeyReference
	for _, e := range entries {
		if len(e.Parts) == 0 {
			all = append(all, e)
		}
		all = append(all, leaves(e.Parts)...)
	}
	return all
}

func TestTheDelayOfADrainIsForListenersThatOthersReach(t *testing.T) {
	secured := []string{"listen.tls.cert_file=a", "listen.tls.key_file=b"}
	for name, test := range map[string]struct {
		sets []string
		want time.Duration
	}{
		"on loopback":                 {nil, 0},
		"REST for others":             {append([]string{"listen.rest=0.0.0.0:8080"}, secured...), 5 * time.Second},
		"gRPC for others":             {append([]string{"listen.grpc=:9090"}, secured...), 5 * time.Second},
		"admin alone for others":      {append([]string{"listen.admin=0.0.0.0:9091"}, secured...), 0},
		"for others, without a delay": {append([]string{"listen.rest=0.0.0.0:8080", "listen.drain_delay=0s"}, secured...), 0},
		"on loopback, with a delay":   {[]string{"listen.drain_delay=3s"}, 3 * time.Second},
	} {
		c, err := config.Load(minimal, test.sets)
		if err != nil {
			t.Fatal(err)
		}
		if c.Listen.DrainDelay != test.want {
			t.Errorf("%s: %s, want %s", name, c.Listen.DrainDelay, test.want)
		}
	}
}
