package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/config"
)

// A configuration that was written before these sections must go on to work.
func TestSectionsThatAreNotThereHaveDefaults(t *testing.T) {
	c, err := config.Load(minimal, nil)
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Dir(minimal)
	got := fmt.Sprintf("%+v %+v %+v %v", c.Budget, c.Idempotency, c.Reads, c.Quotas)
	want := fmt.Sprintf("%+v %+v %+v []",
		config.Budget{Calls: 1200, Window: 5 * time.Minute, PerSecond: 200, MaxWait: 20 * time.Second},
		config.Idempotency{
			Store: config.StoreFile, Wait: 15 * time.Second, Retention: 24 * time.Hour, TenantBytesPerHour: 256 * config.MiB,
			File: filepath.Join(folder, "storekeeper.db"), KeyFile: filepath.Join(folder, "storekeeper.db.key"),
			Valkey: config.Valkey{TLS: "off", Prefix: "storekeeper"},
		},
		config.Reads{MaxStaleness: 30 * time.Second})
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestStateOnAServerIsReadWhole(t *testing.T) {
	c, err := config.Load("testdata/valid/state_on_a_server.yaml", nil)
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("%+v %+v %+v", c.Budget, c.Idempotency, c.Reads)
	want := fmt.Sprintf("%+v %+v %+v",
		config.Budget{Calls: 1000, Window: time.Minute, Weights: []config.Weight{
			{Tenant: "payments", Weight: 4}, {Tenant: "github:repo:my-org/payments:ref:refs/heads/main", Weight: 2},
		}},
		config.Idempotency{
			Store: config.StoreValkey, KeyFile: "testdata/valid/keys/digests", Wait: 15 * time.Second, Retention: 48 * time.Hour, TenantBytesPerHour: 256 * config.MiB,
			Valkey: config.Valkey{
				Address: "[::1]:6379", Username: "storekeeper", TLS: "on", Prefix: "prod:eu",
				PasswordFile: "testdata/valid/keys/valkey", CAFile: "testdata/valid/ca.crt",
			},
		},
		config.Reads{})
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	var limits []string
	for _, q := range c.Quotas {
		limits = append(limits, strings.Join([]string{q.Tenant, q.Account, limit(q.Stores), limit(q.Secrets)}, " "))
	}
	if want := []string{"payments  1 40", "payments main none 0", "*  2 none"}; !slices.Equal(limits, want) {
		t.Errorf("quotas are %q, want %q", limits, want)
	}
}

func limit(n *int) string {
	if n == nil {
		return "none"
	}
	return fmt.Sprint(*n)
}

func TestStateFileIsBesideTheTrailOrTheConfiguration(t *testing.T) {
	for name, test := range map[string]struct {
		sets      []string
		file, key string
	}{
		"trail in a folder of its own": {
			sets: []string{"audit.file=/var/lib/storekeeper/audit.log"},
			file: "/var/lib/storekeeper/storekeeper.db", key: "/var/lib/storekeeper/storekeeper.db.key",
		},
		"trail in a relative folder": {
			sets: []string{"audit.file=trail/audit.log"},
			file: "/etc/storekeeper/trail/storekeeper.db", key: "/etc/storekeeper/trail/storekeeper.db.key",
		},
		"trail on standard output": {
			sets: []string{"audit.sink=stdout", "audit.file="},
			file: "/etc/storekeeper/storekeeper.db", key: "/etc/storekeeper/storekeeper.db.key",
		},
		"named file": {
			sets: []string{"idempotency.file=state/a.db"},
			file: "/etc/storekeeper/state/a.db", key: "/etc/storekeeper/state/a.db.key",
		},
		"named key": {
			sets: []string{"idempotency.key_file=key"},
			file: "/etc/storekeeper/storekeeper.db", key: "/etc/storekeeper/key",
		},
	} {
		c, err := config.Parse("/etc/storekeeper/config.yaml", read(t, minimal), test.sets)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if c.Idempotency.File != test.file || c.Idempotency.KeyFile != test.key {
			t.Errorf("%s: file is %s and key %s, want %s and %s", name, c.Idempotency.File, c.Idempotency.KeyFile, test.file, test.key)
		}
	}
}

// What dev mode changes is gone with its emulator, and so is what it remembers.
func TestDevModeNamesNoStateFile(t *testing.T) {
	c, err := config.Dev([]string{"audit.sink=file", "audit.file=audit.log"})
	if err != nil {
		t.Fatal(err)
	}
	if c.Idempotency.Store != config.StoreFile || c.Idempotency.File != "" || c.Idempotency.KeyFile != "" {
		t.Errorf("idempotency is %+v", c.Idempotency)
	}
	if c.Budget.Calls != 1200 || c.Reads.MaxStaleness != 30*time.Second {
		t.Errorf("budget is %+v and reads %+v", c.Budget, c.Reads)
	}
	if c, err = config.Dev([]string{"idempotency.file=a.db"}); err != nil || c.Idempotency.File != "a.db" || c.Idempotency.KeyFile != "a.db.key" {
		t.Errorf("named: %v", err)
	}
}

// A key that an operator names is one that other replicas have; a typing error
// must not make a new one.
func TestKeyFileIsMadeOnlyWhereItIsNotNamed(t *testing.T) {
	for name, test := range map[string]struct {
		sets []string
		make bool
		want string
	}{
		"not named, missing": {},
		"named, there":       {sets: []string{"idempotency.key_file=key"}, make: true},
		"named, missing":     {sets: []string{"idempotency.key_file=key"}, want: "--set idempotency.key_file: must name a file that exists"},
		"folder missing":     {sets: []string{"idempotency.file=none/a.db"}, want: "--set idempotency.file: must name a file in a folder that exists"},
	} {
		dir := t.TempDir()
		for _, needed := range []string{"token", "policy.yaml"} {
			file("x", 0o600)(t, filepath.Join(dir, needed))
		}
		if test.make {
			file("x", 0o600)(t, filepath.Join(dir, "key"))
		}
		c, err := config.Parse(filepath.Join(dir, "a.yaml"), read(t, minimal), test.sets)
		if err != nil {
			t.Fatal(err)
		}
		err = c.CheckFiles()
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.HasPrefix(err.Error(), test.want)) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
		if entries, _ := os.ReadDir(dir); len(entries) > 3 {
			t.Errorf("%s: a check made a file", name)
		}
	}
}
