package config_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/config"
)

const minimal = "testdata/valid/minimal.yaml"

func TestEveryKeyCanBeSet(t *testing.T) {
	c, err := config.Load(minimal, []string{
		"listen.rest=127.0.0.1:18080",
		"listen.shutdown_grace=5s",
		"accounts[0].name=first",
		"accounts[0].base_url=http://127.0.0.1:8787/client/v4/",
		"accounts[1].id=123e105f4ecef8ad9ca31a8372d0c353",
		"accounts[1].name=second",
		"accounts[1].credential.email=platform@example.com",
		"accounts[1].credential.api_key_file=/run/secrets/key",
		"callers.api_keys[0].groups[0]=a",
		"callers.api_keys[0].groups[1]=b=c",
		"callers.api_keys[0].groups[1]=b",
		"telemetry.log.format=console",
		"budget.calls=600",
		"budget.window=1m",
		"budget.weights[0].tenant=search",
		"budget.weights[0].weight=3",
		"audit.sink=store",
		"audit.file=",
		"store.kind=postgres",
		"store.postgres.hosts[0]=a:5432",
		"store.postgres.hosts[1]=b:5432",
		"store.key_file=/run/secrets/digests",
		"reads.max_staleness=0s",
		"quotas[0].tenant=*",
		"quotas[0].secrets=7",
	})
	if err != nil {
		t.Fatal(err)
	}
	got := []string{
		c.Listen.REST, c.Listen.GRPC, c.Accounts[0].Name, c.Accounts[0].BaseURL, c.Accounts[1].BaseURL,
		c.Accounts[1].Credential.APIKeyFile, strings.Join(c.Callers.APIKeys[0].Groups, " "), c.Telemetry.Log.Format,
		fmt.Sprint(c.Budget.Calls, c.Budget.Window, c.Budget.Weights),
		c.Store.Kind + c.Store.Folder, strings.Join(c.Store.Postgres.Hosts, " "), c.Store.KeyFile,
		fmt.Sprint(c.Reads.MaxStaleness, c.Quotas[0].Tenant, c.Quotas[0].Stores == nil, *c.Quotas[0].Secrets),
	}
	want := []string{
		"127.0.0.1:18080", "127.0.0.1:9090", "first", "http://127.0.0.1:8787/client/v4", config.DefaultBaseURL,
		"/run/secrets/key", "a b", "console",
		"600 1m0s [{search 3}]", "postgres", "a:5432 b:5432", "/run/secrets/digests", "0s*true 7",
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("value %d is %q, want %q", i, got[i], want[i])
		}
	}
	if c.Listen.ShutdownGrace != 5*time.Second {
		t.Errorf("shutdown_grace is %s, want 5s", c.Listen.ShutdownGrace)
	}
}

func TestMistakesInSets(t *testing.T) {
	for name, test := range map[string]struct{ set, want string }{
		"unknown key is suggested for": {
			"listen.rset=127.0.0.1:1",
			"--set listen.rset: unknown key, did you mean rest? The keys here are rest, grpc, admin, shutdown_grace",
		},
		"unknown key far from any": {
			"colour=red",
			"--set colour: unknown key; the keys here are listen, accounts, callers, policy, audit, budget, store, idempotency, reads, quotas, telemetry",
		},
		"unknown key cannot write to the terminal": {
			"listen.\x1b[0]=x",
			`--set listen."\x1b": unknown key`,
		},
		"no value":               {"listen.rest", "--set listen.rest: must be written KEY=VALUE"},
		"no key":                 {"=x", `--set "": must be written KEY=VALUE`},
		"broken index":           {"accounts[x].name=a", "--set accounts[x].name: must be written KEY=VALUE"},
		"index past the next":    {"accounts[2].name=a", "--set accounts: has 1 elements here, so the next is accounts[1]"},
		"section":                {"listen=x", "--set listen: is a section; set one of its keys: rest,"},
		"list":                   {"accounts=x", "--set accounts: is a list; set its elements one by one, from accounts[0]"},
		"key of a list":          {"accounts.name=x", "--set accounts: is a list"},
		"index of a section":     {"listen[0]=x", "--set listen: is a section"},
		"key of a value":         {"listen.rest.host=x", "--set listen.rest: is a single value; set it as listen.rest=VALUE"},
		"index of a value":       {"listen.rest[0]=x", "--set listen.rest: is a single value"},
		"wrong duration":         {"listen.shutdown_grace=20", "--set listen.shutdown_grace: must be a duration"},
		"wrong number":           {"budget.calls=many", "--set budget.calls: must be a whole number"},
		"number out of range":    {"budget.calls=0", "--set budget.calls: must be from 1 to 1000000"},
		"number left empty":      {"budget.calls=", "--set budget.calls: must be a whole number"},
		"wrong limit":            {"quotas[0].stores=1.5", "--set quotas[0].stores: must be a whole number"},
		"key of a number":        {"budget.calls.a=1", "--set budget.calls: is a single value"},
		"key of a limit":         {"quotas[0].stores.a=1", "--set quotas[0].stores: is a single value"},
		"wrong word":             {"telemetry.log.level=loud", "--set telemetry.log.level: must be one of debug, info, warn, error"},
		"wrong address":          {"listen.rest=here", "--set listen.rest: must be host:port"},
		"new element incomplete": {"accounts[1].name=a", "--set accounts[1].id: is missing"},
		"moved kind of store":    {"idempotency.store=valkey", "--set idempotency.store: is now store.kind, which is file or postgres: Valkey"},
		"moved file":             {"idempotency.file=a.db", "--set idempotency.file: is now store.folder, which is a folder"},
		"moved key":              {"idempotency.key_file=key", "--set idempotency.key_file: is now store.key_file"},
		"moved server":           {"idempotency.valkey.address=valkey:6379", "--set idempotency.valkey: is now store.postgres: Valkey"},
		"key of dev mode": {
			"callers.api_keys[0].sha256=ef260e9aa3c673af240d17a2660480361a8e081d1ffeca2a5ed0e3219fc18567",
			"--set callers.api_keys[0].sha256: must not be the digest of the key of dev mode",
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := config.Load(minimal, []string{test.set})
			if err == nil || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("got %v, want it to start with %s", err, test.want)
			}
		})
	}
}

func TestMistakesOfFileAndSetsComeTogetherFileFirst(t *testing.T) {
	_, err := config.Parse("a.yaml", []byte("listen:\n  rest: x\n  grpc: y\naccounts:\n  - name: main\n"), []string{
		"listen.admin=z",
		"listen.rest=127.0.0.1:1",
		"accounts[0].base_url=http://localhost",
	})
	want := []struct {
		file string
		line int
		key  string
	}{
		{"a.yaml", 1, "callers.api_keys"},
		{"a.yaml", 1, "policy.file"},
		{"a.yaml", 1, "audit.sink"},
		{"a.yaml", 3, "listen.grpc"},
		{"a.yaml", 5, "accounts[0].id"},
		{"a.yaml", 5, "accounts[0].credential"},
		{"--set", 0, "listen.admin"},
	}
	got, _ := errors.AsType[config.Mistakes](err)
	if len(got) != len(want) {
		t.Fatalf("got %d mistakes, want %d:\n%v", len(got), len(want), err)
	}
	for i, w := range want {
		if got[i].File != w.file || got[i].Line != w.line || got[i].Key != w.key {
			t.Errorf("mistake %d is %v, want %v", i, got[i], w)
		}
	}
}

func TestBrokenFileStillTellsOfSets(t *testing.T) {
	_, err := config.Parse("a.yaml", []byte("listen: ["), []string{"listen.rset=x"})
	if got, _ := errors.AsType[config.Mistakes](err); len(got) != 2 {
		t.Errorf("want a mistake of the file and one of the set, got %v", err)
	}
}

func TestSetIsCheckedEvenWhereTheFileIsWrong(t *testing.T) {
	_, err := config.Parse("a.yaml", append(read(t, minimal), "listen:\n  rest: [x]\n"...), []string{"listen.rest=y"})
	want := "a.yaml:13: listen.rest: must be a single value, not a section or a list\n--set listen.rest: must be host:port"
	if err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v, want it to start with %s", err, want)
	}
}
