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
	got := fmt.Sprintf("%+v %+v %+v %+v %v", c.Budget, c.Store, c.Idempotency, c.Reads, c.Quotas)
	want := fmt.Sprintf("%+v %+v %+v %+v []",
		config.Budget{Calls: 1200, Window: 5 * time.Minute, PerSecond: 200, MaxWait: 20 * time.Second},
		config.Store{
			Kind: config.StoreFile, Folder: filepath.Join(folder, "state"), KeyFile: filepath.Join(folder, "state.key"), MaxSize: 16 * config.GiB, MaxWait: 900 * time.Millisecond,
			Postgres: config.Postgres{Database: "storekeeper", Schema: "storekeeper", User: "storekeeper", TLS: "on"},
		},
		config.Idempotency{Wait: 15 * time.Second, Retention: 24 * time.Hour, TenantBytesPerHour: 256 * config.MiB},
		config.Reads{MaxStaleness: 30 * time.Second, MaxOutageAge: 5 * time.Minute})
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestStoreInPostgresIsReadWhole(t *testing.T) {
	c, err := config.Load("testdata/valid/store_in_postgres.yaml", nil)
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("%+v %+v %+v %+v %s%s", c.Budget, c.Store, c.Idempotency, c.Reads, c.Audit.Sink, c.Audit.File)
	want := fmt.Sprintf("%+v %+v %+v %+v store",
		config.Budget{Calls: 1000, Window: time.Minute, Weights: []config.Weight{
			{Tenant: "payments", Weight: 4}, {Tenant: "github:repo:my-org/payments:ref:refs/heads/main", Weight: 2},
		}},
		config.Store{
			Kind: config.StorePostgres, KeyFile: "testdata/valid/keys/digests", MaxSize: 16 * config.GiB, MaxWait: 900 * time.Millisecond,
			Postgres: config.Postgres{
				Hosts: []string{"[::1]:5432", "db-b.example.com:6432"}, Database: "platform", Schema: "prod_eu", User: "keeper", TLS: "on",
				PasswordFile: "testdata/valid/keys/postgres", CAFile: "testdata/valid/ca.crt", CertFile: "testdata/valid/client.crt",
				KeyFile: "testdata/valid/keys/client", MemoryFile: "/var/lib/storekeeper/store-seen",
			},
		},
		config.Idempotency{Wait: 15 * time.Second, Retention: 48 * time.Hour, TenantBytesPerHour: 256 * config.MiB},
		config.Reads{MaxOutageAge: 5 * time.Minute})
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

func TestStoreFolderIsBesideTheTrailOrTheConfiguration(t *testing.T) {
	for name, test := range map[string]struct {
		sets        []string
		folder, key string
	}{
		"trail in a folder of its own": {
			sets:   []string{"audit.file=/var/lib/storekeeper/audit.log"},
			folder: "/var/lib/storekeeper/state", key: "/var/lib/storekeeper/state.key",
		},
		"trail in a relative folder": {
			sets:   []string{"audit.file=trail/audit.log"},
			folder: "/etc/storekeeper/trail/state", key: "/etc/storekeeper/trail/state.key",
		},
		"trail on standard output": {
			sets:   []string{"audit.sink=stdout", "audit.file="},
			folder: "/etc/storekeeper/state", key: "/etc/storekeeper/state.key",
		},
		"named folder": {
			sets:   []string{"store.folder=kept/a"},
			folder: "/etc/storekeeper/kept/a", key: "/etc/storekeeper/kept/a.key",
		},
		"named key": {
			sets:   []string{"store.key_file=key"},
			folder: "/etc/storekeeper/state", key: "/etc/storekeeper/key",
		},
	} {
		c, err := config.Parse("/etc/storekeeper/config.yaml", read(t, minimal), test.sets)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if c.Store.Folder != test.folder || c.Store.KeyFile != test.key {
			t.Errorf("%s: folder is %s and key %s, want %s and %s", name, c.Store.Folder, c.Store.KeyFile, test.folder, test.key)
		}
	}
}

// TestDevModeNamesNoStoreFolder: dev mode keeps no state, because the emulator's state ends with the program.
func TestDevModeNamesNoStoreFolder(t *testing.T) {
	c, err := config.Dev([]string{"audit.sink=file", "audit.file=audit.log"})
	if err != nil {
		t.Fatal(err)
	}
	if c.Store.Kind != config.StoreFile || c.Store.Folder != "" || c.Store.KeyFile != "" {
		t.Errorf("store is %+v", c.Store)
	}
	if c.Budget.Calls != 1200 || c.Reads.MaxStaleness != 30*time.Second {
		t.Errorf("budget is %+v and reads %+v", c.Budget, c.Reads)
	}
	if c, err = config.Dev([]string{"store.folder=a"}); err != nil || c.Store.Folder != "a" || c.Store.KeyFile != "a.key" {
		t.Errorf("named: %v", err)
	}
}

// TestKeyFileIsMadeOnlyWhereItIsNotNamed: other replicas use a configured key file too, so a typing error
// must not create a new key.
func TestKeyFileIsMadeOnlyWhereItIsNotNamed(t *testing.T) {
	for name, test := range map[string]struct {
		sets []string
		make bool
		want string
	}{
		"not named, missing": {},
		"named, there":       {sets: []string{"store.key_file=key"}, make: true},
		"named, missing":     {sets: []string{"store.key_file=key"}, want: "--set store.key_file: must name a file that exists"},
		"folder missing":     {sets: []string{"store.folder=none/a"}, want: "--set store.folder: must name a folder in a folder that exists"},
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
