package authz_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/authz"
	"platform.internal/storekeeper/internal/filewatch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// write replaces a file as an editor or a config map does.
func write(t *testing.T, name, text string) {
	t.Helper()
	next := name + ".next"
	if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, name); err != nil {
		t.Fatal(err)
	}
}

const (
	allowing = `rules: [{id: all, actions: ["*"], when: "true"}]`
	denying  = `rules: []`
	failing  = `{rules: [{id: all, actions: ["*"], when: "true"}], tests: [{name: n, do: secret.get, deny: true}]}`
)

func TestRulesFollowTheirFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "policy.yaml")
	write(t, name, allowing)
	files := filewatch.New(filewatch.Config{Debounce: time.Millisecond})
	var told []authz.Reload
	rules, err := authz.Follow(name, files, func(e authz.Reload) { told = append(told, e) })
	if err != nil {
		t.Fatal(err)
	}
	allows := func() bool {
		return rules.Decide(authz.Question{Principal: authn.Principal{}, Action: "quota.get", Store: text(""), Secret: text("")}).Allowed
	}
	for _, step := range []struct {
		name, text string
		good, want bool
	}{
		{"new rules are put into force", denying, true, false},
		{"rules that fail their tests are not", failing, false, false},
		{"rules that cannot be read are not", "rules: [", false, false},
		{"and the next good ones are", allowing, true, true},
	} {
		before := rules.Digest()
		write(t, name, step.text)
		files.Recheck(t.Context())
		if len(told) != 1 || (told[0].Err == nil) != step.good || told[0].Before != before || told[0].After != fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(step.text))) {
			t.Errorf("%s: told %v", step.name, told)
		}
		told = nil
		if allows() != step.want {
			t.Errorf("%s: allows %v", step.name, !step.want)
		}
	}
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	files.Recheck(t.Context())
	if len(told) != 1 || told[0].Err == nil || told[0].After != "" || !allows() {
		t.Errorf("a removed file: told %v, allows %v", told, allows())
	}
	write(t, name, allowing)
	files.Recheck(t.Context())
	if len(told) != 2 || told[1].Err != nil || told[1].Before != told[1].After || told[1].After != rules.Digest() {
		t.Errorf("a file that is back: told %v", told)
	}
}

func TestFollowRefusesABadBeginning(t *testing.T) {
	name := filepath.Join(t.TempDir(), "policy.yaml")
	if _, err := authz.Follow(name, nil, nil); err == nil {
		t.Error("no file is good rules")
	}
	write(t, name, failing)
	if _, err := authz.Follow(name, nil, nil); err == nil {
		t.Error("failing tests are good rules")
	}
}
