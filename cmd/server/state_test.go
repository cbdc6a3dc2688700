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
	"platform.internal/storekeeper/internal/records/valkeytest"
	"platform.internal/storekeeper/internal/settle"
)

// ownState is a configuration of a file in a folder, with the key beside it.
func ownState(folder string) config.Idempotency {
	file := filepath.Join(folder, "state.db")
	return config.Idempotency{Store: config.StoreFile, File: file, KeyFile: file + ".key"}
}

func opened(t *testing.T, c config.Idempotency) *state {
	t.Helper()
	s, err := openState(t.Context(), c, zap.NewNop())
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
	info, err := os.Stat(ownState(folder).KeyFile)
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the key has mode %v", info.Mode())
	}
	all, err := filepath.Glob(filepath.Join(folder, "*"))
	must(t, err)
	// The state is a file and the two of its journal.
	if len(all) != 4 {
		t.Errorf("beside state and key there are %v", all)
	}
}

func TestAKeyThatIsNoneStopsTheStart(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prepare func(t *testing.T, c *config.Idempotency)
		says    string
	}{
		"short":            {func(t *testing.T, c *config.Idempotency) { written(t, c.KeyFile, strings.Repeat("k", 31)+"\n") }, "at least 32 bytes"},
		"empty":            {func(t *testing.T, c *config.Idempotency) { written(t, c.KeyFile, "") }, "at least 32 bytes"},
		"a folder":         {func(t *testing.T, c *config.Idempotency) { must(t, os.Mkdir(c.KeyFile, 0o700)) }, "is a directory"},
		"named, but away":  {func(_ *testing.T, c *config.Idempotency) { c.KeyFile = c.File + ".other" }, "no such file"},
		"with no room":     {func(_ *testing.T, c *config.Idempotency) { c.File += "/no/state"; c.KeyFile = c.File + ".key" }, "no such file"},
		"away, and shared": {func(_ *testing.T, c *config.Idempotency) { c.Store = config.StoreValkey }, "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			settings := ownState(t.TempDir())
			c.prepare(t, &settings)
			before, _ := os.ReadFile(settings.KeyFile)
			_, err := openState(t.Context(), settings, zap.NewNop())
			if err == nil || !strings.HasPrefix(err.Error(), "idempotency.") || !strings.Contains(err.Error(), strings.TrimSuffix(filepath.Base(settings.KeyFile), ".key")) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v", err)
			}
			if err != nil && len(before) > 0 && strings.Contains(err.Error(), string(before)) {
				t.Errorf("%v tells the key", err)
			}
			// A key that is wrong is never replaced: it may be the right one of another day.
			if after, _ := os.ReadFile(settings.KeyFile); !bytes.Equal(before, after) {
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
	_, err := openState(t.Context(), c, zap.NewNop())
	if err == nil || !strings.HasPrefix(err.Error(), "idempotency.file: ") || !strings.Contains(err.Error(), c.File+": another process holds it") {
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
		"that may forget":      {options: []string{"--appendfsync", "everysec"}, warns: 1},
		"that is away for now": {away: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := valkeytest.Start(t, test.options...)
			if test.away {
				server.Kill()
			}
			core, said := observed.New(zapcore.WarnLevel)
			s, err := openState(t.Context(), config.Idempotency{
				Store: config.StoreValkey, KeyFile: key, Valkey: config.Valkey{Address: server.Address(), TLS: "off"},
			}, zap.New(core))
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
		_, err := openState(t.Context(), config.Idempotency{
			Store: config.StoreValkey, KeyFile: key, Valkey: config.Valkey{Address: "127.0.0.1:1", TLS: "on", CAFile: file},
		}, zap.NewNop())
		if err == nil || !strings.HasPrefix(err.Error(), "idempotency.valkey.ca_file: ") || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v, want %s", err, says)
		}
	}
}

// claimed claims objects for a change, and gives those that others have.
func claimed(t *testing.T, s *state, change, account string, ids ...string) []string {
	t.Helper()
	others, err := settle.SharedOwners(s).Take(t.Context(), change, account, ids)
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
	if _, err := settle.SharedOwners(s).Take(t.Context(), "a", "main", []string{"x"}); fault.From(err).Reason != "STATE_UNAVAILABLE" {
		t.Errorf("got %v", err)
	}
}
