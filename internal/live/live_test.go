package live_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"platform.internal/storekeeper/internal/config"
	"platform.internal/storekeeper/internal/filewatch"
	"platform.internal/storekeeper/internal/live"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const mainFile = `accounts:
  - {id: 023e105f4ecef8ad9ca31a8372d0c353, name: main, credential: {api_token_file: token}}
callers: {file: callers.yaml}
policy: {file: policy.yaml}
audit: {sink: file, file: audit.log}
`

// entry is an API key in callers.file.
func entry(name, digit string) string {
	return fmt.Sprintf("- {name: %s, sha256: %s}\n", name, strings.Repeat(digit, 64))
}

// service is a running service with its two files.
type service struct {
	t       *testing.T
	folder  string
	files   *filewatch.Watcher
	reload  *live.Reloader
	applied *config.Config
	events  []live.Reload
	refuse  error
}

func run(t *testing.T, main, callers string) *service {
	t.Helper()
	s := &service{t: t, folder: t.TempDir(), files: filewatch.New(filewatch.Config{Debounce: time.Millisecond})}
	s.write("config.yaml", main)
	s.write("callers.yaml", callers)
	running, err := config.Load(filepath.Join(s.folder, "config.yaml"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.reload, err = live.Start(t.Context(), s.config(running)); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *service) config(running *config.Config) live.Config {
	return live.Config{
		Running: running, Files: s.files, Report: func(e live.Reload) { s.events = append(s.events, e) },
		Apply: func(c *config.Config) error {
			if s.refuse == nil {
				s.applied = c
			}
			return s.refuse
		},
	}
}

// write replaces a file as an editor or a config map does.
func (s *service) write(name, text string) {
	s.t.Helper()
	next := filepath.Join(s.folder, name+".next")
	if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	if err := os.Rename(next, filepath.Join(s.folder, name)); err != nil {
		s.t.Fatal(err)
	}
}

// check makes the watcher read the files and returns the resulting events.
func (s *service) check() []live.Reload {
	s.events = nil
	s.files.Recheck(s.t.Context())
	return s.events
}

// names lists the names of the keys in force.
func (s *service) names() string {
	var all []string
	for _, k := range s.applied.Callers.APIKeys {
		all = append(all, k.Name)
	}
	return strings.Join(all, " ")
}

func digest(text string) string { return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(text))) }

func TestChangedCallersAreInForceWhole(t *testing.T) {
	before, after := "api_keys:\n"+entry("a", "1"), "api_keys:\n"+entry("b", "2")+entry("c", "3")
	s := run(t, mainFile, before)
	if got := s.names(); got != "a" || len(s.events) != 0 {
		t.Fatalf("at the start: %s, told %v", got, s.events)
	}
	s.write("callers.yaml", after)
	want := []live.Reload{{Kind: live.KindCallers, File: filepath.Join(s.folder, "callers.yaml"), Before: digest(before), After: digest(after)}}
	if got := s.check(); !reflect.DeepEqual(got, want) || s.names() != "b c" {
		t.Errorf("%s: told %+v, want %+v", s.names(), got, want)
	}
	if got := s.check(); len(got) != 0 {
		t.Errorf("without a change: told %+v", got)
	}
}

func TestAFileWithAMistakeChangesNothing(t *testing.T) {
	good, bad := "api_keys:\n"+entry("a", "1"), "api_keys:\n"+entry("b", "2")+entry("C", "s3cr3t-sentinel")
	s := run(t, mainFile, good)
	s.write("callers.yaml", bad)
	got := s.check()
	if len(got) != 1 || got[0].Before != digest(good) || got[0].After != digest(bad) || s.names() != "a" {
		t.Fatalf("%s: told %+v", s.names(), got)
	}
	text := got[0].Err.Error()
	if !strings.Contains(text, "callers.yaml:3: callers.api_keys[1].name: must be") || strings.Contains(text, "s3cr3t") {
		t.Errorf("got %s", text)
	}
	status := s.reload.Status()
	if len(status) != 2 || status[0].Failure != nil || status[1].Failure == nil || status[1].Digest != digest(good) || status[1].Kind != live.KindCallers || status[1].Loaded.IsZero() {
		t.Errorf("the status is %+v", status)
	}
	if got := s.check(); len(got) != 0 {
		t.Errorf("again: told %+v", got)
	}
	s.write("callers.yaml", good)
	if got := s.check(); len(got) != 1 || got[0].Err != nil || got[0].Before != got[0].After || s.reload.Status()[1].Failure != nil {
		t.Errorf("as before: told %+v, status %+v", got, s.reload.Status())
	}
	must(t, os.Remove(filepath.Join(s.folder, "callers.yaml")))
	if got := s.check(); len(got) != 1 || !errors.Is(got[0].Err, os.ErrNotExist) || got[0].After != "" || s.names() != "a" {
		t.Errorf("removed: told %+v", got)
	}
}

func TestWhatCannotBeAppliedIsNotInForce(t *testing.T) {
	s := run(t, mainFile, "api_keys:\n"+entry("a", "1"))
	s.refuse = errors.New("no")
	s.write("callers.yaml", "api_keys:\n"+entry("b", "2"))
	if got := s.check(); len(got) != 1 || !errors.Is(got[0].Err, s.refuse) || s.names() != "a" {
		t.Errorf("%s: told %+v", s.names(), got)
	}
	s.refuse = nil
	if got := s.check(); len(got) != 1 || got[0].Err != nil || s.names() != "b" {
		t.Errorf("the next try: %s, told %+v", s.names(), got)
	}
}

// A mistake in the configuration file must not keep a key from being revoked.
func TestAMistakeInOneFileDoesNotHoldUpTheOther(t *testing.T) {
	s := run(t, mainFile, "api_keys:\n"+entry("a", "1"))
	s.write("config.yaml", mainFile+"quotas: oops\n")
	if got := s.check(); len(got) != 1 || got[0].Kind != live.KindConfiguration || got[0].Err == nil {
		t.Fatalf("told %+v", got)
	}
	s.write("callers.yaml", "api_keys:\n"+entry("b", "2"))
	if got := s.check(); len(got) != 1 || got[0].Kind != live.KindCallers || got[0].Err != nil || s.names() != "b" {
		t.Errorf("%s: told %+v", s.names(), got)
	}
}

// TestFilesThatAreRightOnlyTogetherAreTakenTogether: two quotas of one tenant are a mistake, so after a
// change of ids and quotas each file is invalid with the old content of the other.
func TestFilesThatAreRightOnlyTogetherAreTakenTogether(t *testing.T) {
	keys := "api_keys:\n" + entry("a", "1")
	texts := map[string]string{
		// With the old ids, x and b are one tenant; with the new ids, a and b.
		"config.yaml":  mainFile + "quotas: [{tenant: x, stores: 1}, {tenant: b, stores: 2}]\n",
		"callers.yaml": "tenants: [{name: b, id: y}]\n" + keys,
	}
	for _, order := range [][]string{{"config.yaml", "callers.yaml"}, {"callers.yaml", "config.yaml"}} {
		s := run(t, mainFile+"quotas: [{tenant: y, stores: 1}, {tenant: b, stores: 2}]\n", "tenants: [{name: b, id: x}]\n"+keys)
		s.write(order[0], texts[order[0]])
		if got := s.check(); len(got) != 1 || got[0].Err == nil {
			t.Fatalf("%s alone: told %+v", order[0], got)
		}
		s.write(order[1], texts[order[1]])
		var kinds []string
		for _, e := range s.check() {
			if e.Err != nil || e.Before == e.After {
				t.Errorf("%v: told %+v", order, e)
			}
			kinds = append(kinds, e.Kind)
		}
		slices.Sort(kinds)
		if fmt.Sprint(kinds) != "[callers configuration]" || s.applied.Callers.TenantID("b") != "y" || s.applied.Quotas[0].Tenant != "x" {
			t.Errorf("%v: told of %v, applied %+v", order, kinds, s.applied)
		}
		s.check()
		for _, status := range s.reload.Status() {
			if status.Failure != nil || status.Digest != digest(texts[filepath.Base(status.File)]) {
				t.Errorf("%v: the status is %+v", order, status)
			}
		}
		if got := s.check(); len(got) != 0 {
			t.Errorf("%v: afterwards: told %+v", order, got)
		}
	}
}

func TestKeysThatNeedARestartAreNamed(t *testing.T) {
	s := run(t, mainFile, "api_keys:\n"+entry("a", "1"))
	live := "quotas: [{tenant: a, stores: 1}]\n"
	s.write("config.yaml", mainFile+live+"reads: {max_staleness: 1s}\nlisten: {rest: 127.0.0.1:1}\n")
	got := s.check()
	want := []string{"listen.rest", "reads.max_staleness"}
	if len(got) != 1 || !reflect.DeepEqual(got[0].Restart, want) || len(s.applied.Quotas) != 1 || !reflect.DeepEqual(s.reload.Status()[1].Restart, want) {
		t.Errorf("told %+v, applied %+v", got, s.applied.Quotas)
	}
	s.write("config.yaml", mainFile+live)
	if got := s.check(); len(got) != 1 || len(got[0].Restart) != 0 {
		t.Errorf("taken back: told %+v", got)
	}
}

func TestAChangeBetweenReadingAndWatchingIsInForce(t *testing.T) {
	s := run(t, mainFile, "api_keys:\n"+entry("a", "1"))
	running := s.applied
	s.reload.Stop()
	s.write("callers.yaml", "api_keys:\n"+entry("b", "2"))
	var err error
	if s.reload, err = live.Start(t.Context(), s.config(running)); err != nil || s.names() != "b" {
		t.Errorf("%v: %s", err, s.names())
	}
	s.write("callers.yaml", "api_keys: oops\n")
	if _, err = live.Start(context.Background(), s.config(running)); err == nil || !strings.Contains(err.Error(), "callers.yaml:1: callers.api_keys: must be a list") {
		t.Errorf("got %v", err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
