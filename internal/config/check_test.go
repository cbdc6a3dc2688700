package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/config"
)

func TestACheckReportsMistakesOfKeysAndOfFilesTogether(t *testing.T) {
	file := written(t, strings.Replace(mainFile, "name: main", "name: MAIN", 1)+"quotas: [{tenant: a}]\n", oneKey+"- {name: team-b}\n")
	folder := filepath.Dir(file)
	if err := os.WriteFile(filepath.Join(folder, "policy.yaml"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, mistakes := config.Check(file, []string{"reads.max_staleness=never"})
	want := []string{
		"config.yaml:2: accounts[0].credential.api_token_file: must name a file that exists",
		"config.yaml:2: accounts[0].name: must be",
		"config.yaml:4: policy.file: must name a file that is not empty",
		"config.yaml:6: quotas[0].secrets: is missing",
		"callers.yaml:3: callers.api_keys[1].sha256: is missing",
		"--set reads.max_staleness: must be a duration",
	}
	if len(mistakes) != len(want) {
		t.Fatalf("got %v", mistakes)
	}
	for i, m := range mistakes {
		if i != 0 && i != 1 && !strings.Contains(m.String(), want[i]) {
			t.Errorf("got %s, want %s", m, want[i])
		}
		if !strings.Contains(mistakes.Error(), want[i]) {
			t.Errorf("%s is missing in %v", want[i], mistakes)
		}
	}
	if _, mistakes := config.Check(filepath.Join(folder, "none.yaml"), nil); len(mistakes) != 1 || !strings.Contains(mistakes.Error(), "cannot be read") {
		t.Errorf("no file: %v", mistakes)
	}
}

func TestACheckOfAGoodConfigurationHasNoMistakes(t *testing.T) {
	file := written(t, mainFile, oneKey)
	for _, name := range []string{"token", "policy.yaml"} {
		if err := os.WriteFile(filepath.Join(filepath.Dir(file), name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, mistakes := config.Check(file, nil)
	if mistakes != nil || c.Callers.APIKeys[0].Name != "team-a" {
		t.Errorf("got %v", mistakes)
	}
}
