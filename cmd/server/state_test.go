package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	observed "go.uber.org/zap/zaptest/observer"

	"platform.internal/storekeeper/internal/config"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/reconcile"
	"platform.internal/storekeeper/internal/store/postgrestest"
)

// ownState returns a configuration with state, key and trail in a folder.
func ownState(folder string) *config.Config {
	own := filepath.Join(folder, "state")
	return &config.Config{
		Store: config.Store{Kind: config.StoreFile, Folder: own, KeyFile: own + ".key"},
		Audit: config.Audit{Sink: config.AuditFile, File: filepath.Join(folder, "audit.log")},
	}
}

// sharedState is a configuration of a database at an address.
func sharedState(key, address string) *config.Config {
	return &config.Config{
		Store: config.Store{Kind: config.StorePostgres, KeyFile: key, Postgres: config.Postgres{
			Hosts: []string{address}, Database: postgrestest.Superuser, Schema: "storekeeper", User: postgrestest.Superuser, TLS: "off",
		}},
		Audit: config.Audit{Sink: config.AuditStore},
	}
}

func opened(t *testing.T, c *config.Config) *state {
	t.Helper()
	s, err := openState(t.Context(), settings{config: c}, zap.NewNop())
	must(t, err)
	return s
}

func TestTheKeyOfTheStateIsMadeOnce(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	first := opened(t, ownState(folder))
	must(t, first.Close())
	second := opened(t, ownState(folder))
	defer func() { must(t, second.Close()) }()
	if len(first.key) < 32 || !bytes.Equal(first.key, second.key) {
		t.Errorf("a key of %d bytes, the same after a restart: %v", len(first.key), bytes.Equal(first.key, second.key))
	}
	if first.shared != nil {
		t.Error("a file is shared")
	}
	other := opened(t, ownState(t.TempDir()))
	defer func() { must(t, other.Close()) }()
	if bytes.Equal(first.key, other.key) {
		t.Error("two states have one key")
	}
	info, err := os.Stat(ownState(folder).Store.KeyFile)
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the key has mode %v", info.Mode())
	}
	all, err := filepath.Glob(filepath.Join(folder, "*"))
	must(t, err)
	if len(all) != 4 {
		t.Errorf("beside state, key and the two files of the trail there are %v", all)
	}
}

func TestAKeyThatIsNoneStopsTheStart(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prepare func(t *testing.T, c *config.Store)
		says    string
	}{
		"short":            {func(t *testing.T, c *config.Store) { written(t, c.KeyFile, strings.Repeat("k", 31)+"\n") }, "at least 32 bytes"},
		"empty":            {func(t *testing.T, c *config.Store) { written(t, c.KeyFile, "") }, "at least 32 bytes"},
		"a folder":         {func(t *testing.T, c *config.Store) { must(t, os.Mkdir(c.KeyFile, 0o700)) }, "is a directory"},
		"named, but away":  {func(_ *testing.T, c *config.Store) { c.KeyFile = c.Folder + ".other" }, "no such file"},
		"with no room":     {func(_ *testing.T, c *config.Store) { c.KeyFile = filepath.Dir(c.Folder) + "/no/state.key" }, "no such file"},
		"away, and shared": {func(_ *testing.T, c *config.Store) { c.Kind = config.StorePostgres }, "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := ownState(t.TempDir())
			own := &all.Store
			c.prepare(t, own)
			before, _ := os.ReadFile(own.KeyFile)
			_, err := openState(t.Context(), settings{config: all}, zap.NewNop())
			if err == nil || !strings.HasPrefix(err.Error(), "store.") || !strings.Contains(err.Error(), strings.TrimSuffix(filepath.Base(own.KeyFile), ".key")) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v", err)
			}
			if err != nil && len(before) > 0 && strings.Contains(err.Error(), string(before)) {
				t.Errorf("%v tells the key", err)
			}
			// A wrong key is never replaced: it may belong to another state.
			if after, _ := os.ReadFile(own.KeyFile); !bytes.Equal(before, after) {
				t.Errorf("%q became %q", before, after)
			}
		})
	}
}

func written(t *testing.T, file, text string) {
	t.Helper()
	must(t, os.WriteFile(file, []byte(text), 0o600))
}

func TestAStateThatAnotherProcessHoldsIsNamed(t *testing.T) {
	t.Parallel()
	c := ownState(t.TempDir())
	holder := opened(t, c)
	_, err := openState(t.Context(), settings{config: c}, zap.NewNop())
	if err == nil || !strings.HasPrefix(err.Error(), "store.folder: ") || !strings.Contains(err.Error(), c.Store.Folder+": store: another process holds it") {
		t.Errorf("got %v", err)
	}
	must(t, holder.Close())
	must(t, opened(t, c).Close())
}

func TestSharedState(t *testing.T) {
	t.Parallel()
	key := filepath.Join(t.TempDir(), "key")
	written(t, key, strings.Repeat("k", 32))
	for name, test := range map[string]struct {
		options []string
		away    bool
		warns   int
	}{
		"that keeps all":       {},
		"that may forget":      {options: []string{"fsync=off"}, warns: 1},
		"that is away for now": {away: true, warns: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := postgrestest.Start(t, test.options...)
			if test.away {
				server.Kill()
			}
			core, said := observed.New(zapcore.WarnLevel)
			s, err := openState(t.Context(), settings{config: sharedState(key, server.Address())}, zap.New(core))
			must(t, err)
			defer func() { must(t, s.Close()) }()
			if s.shared == nil || string(s.key) != strings.Repeat("k", 32) {
				t.Errorf("the state is not the shared one, or its key is %q", s.key)
			}
			if said.Len() != test.warns {
				t.Errorf("it warns: %v", said.All())
			}
		})
	}
}

func TestWhatCannotSecureTheSharedStateIsNamed(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	key, empty := filepath.Join(folder, "key"), filepath.Join(folder, "empty")
	written(t, key, strings.Repeat("k", 32))
	written(t, empty, "no certificate")
	for file, says := range map[string]string{empty: "holds no certificate", filepath.Join(folder, "away"): "no such file"} {
		c := sharedState(key, "127.0.0.1:1")
		c.Store.Postgres.TLS, c.Store.Postgres.CAFile = "on", file
		_, err := openState(t.Context(), settings{config: c}, zap.NewNop())
		if err == nil || !strings.HasPrefix(err.Error(), "store.postgres.ca_file: ") || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v, want %s", err, says)
		}
	}
}

// claimed claims objects for a change, and gives those that other changes have.
func claimed(t *testing.T, s *state, change, account string, ids ...string) []string {
	t.Helper()
	others, err := reconcile.SharedOwners(s).Take(t.Context(), change, account, ids)
	must(t, err)
	return others
}

func TestAnObjectIsForTheChangeThatClaimsItFirst(t *testing.T) {
	t.Parallel()
	c := ownState(t.TempDir())
	s := opened(t, c)
	for _, step := range []struct {
		change, account string
		ids, others     []string
	}{
		{"a", "main", []string{"x", "y"}, nil},
		{"b", "main", []string{"y", "z"}, []string{"y"}},
		{"a", "main", []string{"z", "x"}, []string{"z"}},
		{"a", "main", []string{"x", "y"}, nil},
		{"c", "test", []string{"x", "y"}, nil},
	} {
		if got := claimed(t, s, step.change, step.account, step.ids...); !slices.Equal(got, step.others) {
			t.Errorf("%s claims %v of %s: others have %v, want %v", step.change, step.ids, step.account, got, step.others)
		}
	}
	must(t, s.Close())
	s = opened(t, c)
	defer func() { must(t, s.Close()) }()
	if got := claimed(t, s, "c", "main", "z", "x", "y"); !slices.Equal(got, []string{"z", "x", "y"}) {
		t.Errorf("after a restart others have %v", got)
	}
	if got := claimed(t, s, "a", "main", "x"); len(got) > 0 {
		t.Errorf("after a restart %v is not its own", got)
	}
}

func TestClaimsOfAStateThatIsClosedFail(t *testing.T) {
	t.Parallel()
	s := opened(t, ownState(t.TempDir()))
	must(t, s.Close())
	if _, err := reconcile.SharedOwners(s).Take(t.Context(), "a", "main", []string{"x"}); fault.From(err).Reason != "STATE_UNAVAILABLE" {
		t.Errorf("got %v", err)
	}
}
