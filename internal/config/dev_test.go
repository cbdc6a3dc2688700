package config_test

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/config"
)

func TestDevModeNeedsNothingConfigured(t *testing.T) {
	c, err := config.Dev(nil)
	if err != nil {
		t.Fatal(err)
	}
	if !c.Dev {
		t.Error("Dev is false")
	}
	if want := (config.Account{ID: "023e105f4ecef8ad9ca31a8372d0c353", Name: "dev"}); len(c.Accounts) != 1 || c.Accounts[0] != want {
		t.Errorf("accounts are %+v, want %+v", c.Accounts, want)
	}
	digest := sha256.Sum256([]byte("dev"))
	if k := c.Callers.APIKeys; len(k) != 1 || k[0].Name != "dev" || k[0].SHA256 != hex.EncodeToString(digest[:]) {
		t.Errorf("API keys are %+v, want the one of dev", k)
	}
	if c.Listen.REST != "127.0.0.1:8080" || c.Listen.GRPC != "127.0.0.1:9090" || c.Listen.Admin != "127.0.0.1:9091" {
		t.Errorf("listeners are %+v", c.Listen)
	}
	if c.Policy != (config.Policy{}) || c.Audit != (config.Audit{Fingerprints: "off", Stream: "off", StreamName: "default", Partition: "month", RotateSize: 512 * config.MiB, DenialsPerHour: 600, Reserve: 256 * config.MiB}) {
		t.Errorf("policy is %+v and audit %+v", c.Policy, c.Audit)
	}
	if err := c.CheckFiles(); err != nil {
		t.Error(err)
	}
}

func TestDevModeIsForLoopbackOnly(t *testing.T) {
	for address, fine := range map[string]bool{
		"127.0.0.1:18080":        true,
		"127.1.2.3:18080":        true,
		"[::1]:18080":            true,
		"[::ffff:127.0.0.1]:180": true,
		"localhost:18080":        true,
		":18080":                 false,
		"0.0.0.0:18080":          false,
		"[::]:18080":             false,
		"10.0.0.1:18080":         false,
		"dev.example.com:18080":  false,
		"127.0.0.1.nip.io:18080": false,
	} {
		for _, key := range []string{"listen.rest", "listen.grpc", "listen.admin"} {
			_, err := config.Dev([]string{key + "=" + address})
			if (err == nil) != fine {
				t.Errorf("%s=%s: got %v, want fine to be %v", key, address, err, fine)
			}
			if err != nil && !strings.HasPrefix(err.Error(), "--set "+key+": must be on loopback") {
				t.Errorf("%s=%s: the mistake says %v", key, address, err)
			}
		}
	}
}

func TestDevModeTakesSets(t *testing.T) {
	for name, test := range map[string]struct {
		sets []string
		want string
	}{
		"another name": {sets: []string{"accounts[0].name=team"}},
		"a second account of the emulator": {
			sets: []string{"accounts[1].id=123e105f4ecef8ad9ca31a8372d0c353", "accounts[1].name=two"},
		},
		"another upstream needs a credential": {
			sets: []string{"accounts[0].base_url=http://127.0.0.1:8787/client/v4"},
			want: "--set accounts[0].credential: is missing",
		},
		"another upstream with a credential": {
			sets: []string{"accounts[0].base_url=http://127.0.0.1:8787/client/v4", "accounts[0].credential.api_token_file=token"},
		},
		"a misspelt key hides no mistake in the right one": {
			sets: []string{"listen.rset=127.0.0.1:1", "listen.rest=0.0.0.0:1"},
			want: "--set listen.rset: unknown key, did you mean rest? The keys here are rest, grpc, admin, shutdown_grace, drain_delay, trusted_proxies, proxy_protocol, max_connections, tls\n" +
				"--set listen.rest: must be on loopback",
		},
		"rules and a trail of one's own": {
			sets: []string{"policy.file=policy.yaml", "audit.sink=file", "audit.file=audit.log"},
		},
		"an audit file without a sink would not be used": {
			sets: []string{"audit.file=audit.log"},
			want: "--set audit.file: must go with sink file",
		},
		"a mistake in what was never given": {
			sets: []string{"accounts[1].id=123e105f4ecef8ad9ca31a8372d0c353"},
			want: "--set accounts[1].name: is missing",
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := config.Dev(test.sets)
			switch {
			case test.want == "" && err != nil:
				t.Error(err)
			case test.want != "" && (err == nil || !strings.HasPrefix(err.Error(), test.want)):
				t.Errorf("got %v, want it to start with %s", err, test.want)
			}
		})
	}
}
