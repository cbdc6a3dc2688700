package bolt_test

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/records"
	"platform.internal/storekeeper/internal/records/bolt"
)

// put is a Decide that writes one record.
func put(key, value string, end time.Time) records.Decide {
	return func(map[string]records.Entry) (map[string]*records.Entry, error) {
		return map[string]*records.Entry{key: {Value: []byte(value), Expires: end}}, nil
	}
}

func set(t *testing.T, s *bolt.Store, key, value string, end time.Time) {
	t.Helper()
	if err := s.Change(t.Context(), []string{key}, put(key, value, end)); err != nil {
		t.Fatal(err)
	}
}

func want(t *testing.T, s *bolt.Store, key, value string) {
	t.Helper()
	found, err := s.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	if e, ok := found[key]; !ok || string(e.Value) != value {
		t.Fatalf("%q is %q (there: %v), want %q", key, e.Value, ok, value)
	}
}

func TestRecordsAreThereAfterReopening(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "records")
	s := open(t, file)
	set(t, s, "lasting", "1", time.Time{})
	set(t, s, "ending", "2", time.Now().Add(time.Hour))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, file)
	want(t, again, "lasting", "1")
	want(t, again, "ending", "2")
}

func TestFileIsForItsOwnerOnly(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(file string) error{
		"a new file":               func(string) error { return nil },
		"a file open to others":    func(file string) error { return os.WriteFile(file, nil, 0o666) },
		"a journal open to others": func(file string) error { return os.WriteFile(file+".journal-b", nil, 0o666) },
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "records")
			if err := prepare(file); err != nil {
				t.Fatal(err)
			}
			open(t, file)
			for _, suffix := range []string{"", ".journal-a", ".journal-b"} {
				info, err := os.Stat(file + suffix)
				if err != nil {
					t.Fatal(err)
				}
				if info.Mode().Perm() != 0o600 {
					t.Errorf("the mode of %s is %v", info.Name(), info.Mode())
				}
			}
		})
	}
}

func TestOpenSaysWhatIsWrongWithTheFile(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prepare func(t *testing.T, file string)
		says    string
	}{
		"held by another": {func(t *testing.T, file string) { open(t, file) }, "another process holds it"},
		"not one of ours": {func(t *testing.T, file string) { write(t, file, strings.Repeat("no", 50000)) }, "invalid"},
		"cut short":       {func(t *testing.T, file string) { write(t, file, "short") }, "invalid"},
		"a folder":        {func(_ *testing.T, file string) { _ = os.Mkdir(file, 0o700) }, "is a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "records")
			c.prepare(t, file)
			s, err := bolt.Open(bolt.Config{File: file})
			if err == nil {
				t.Fatal("it opened", s.Close())
			}
			if !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %q, want the file's name and %q", err, c.says)
			}
		})
	}
	if _, err := bolt.Open(bolt.Config{}); err == nil {
		t.Error("it opened without a path")
	}
	if _, err := bolt.Open(bolt.Config{File: filepath.Join(t.TempDir(), "none", "records")}); err == nil {
		t.Error("it opened in a folder that does not exist")
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestWhatWasReadOutlivesTheStore: what the file holds is mapped into memory,
// and gone with the transaction.
func TestWhatWasReadOutlivesTheStore(t *testing.T) {
	file := filepath.Join(t.TempDir(), "records")
	s := open(t, file)
	end := time.Now().Add(time.Hour)
	set(t, s, "lasting", "stays", time.Time{})
	set(t, s, "ending", "goes", end)
	// A small table is copied on the way anyway.
	set(t, s, "lasting, large", strings.Repeat("x", 8192), time.Time{})
	set(t, s, "ending, large", strings.Repeat("x", 8192), end)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, file)
	keys := []string{"lasting", "ending"}
	read, err := s.Get(t.Context(), keys...)
	if err != nil {
		t.Fatal(err)
	}
	var decided map[string]records.Entry
	err = s.Change(t.Context(), keys, func(now map[string]records.Entry) (map[string]*records.Entry, error) {
		decided = maps.Clone(now)
		return nil, nil
	})
	if err = errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	for _, seen := range []map[string]records.Entry{read, decided} {
		if got := string(seen["lasting"].Value) + " " + string(seen["ending"].Value); got != "stays goes" {
			t.Errorf("it has become %q", got)
		}
	}
}
