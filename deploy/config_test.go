// Package deploy_test keeps the configuration files in this folder true. What
// else is here is tested in test/deploy, with the readers of other projects.
package deploy_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/authz"
	"platform.internal/storekeeper/internal/config"
)

const example = "config.example.yaml"

// files says how each file that a configuration needs is named in it.
var files = regexp.MustCompile(`(?m)^([ -]*(?:[a-z_]+_)?(?:file|folder): )(/\S+)$`)

func TestConfigurationsAreGoodOnceTheirFilesExist(t *testing.T) {
	for _, name := range []string{example, "config.compose.yaml", "kubernetes/config.yaml", "systemd/config.yaml"} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			named := 0
			text := files.ReplaceAllFunc(readFile(t, name), func(line []byte) []byte {
				named++
				file := filepath.Join(folder, strconv.Itoa(named))
				if err := os.WriteFile(file, []byte("token"), 0o400); err != nil {
					t.Fatal(err)
				}
				return files.ReplaceAll(line, []byte("${1}"+file))
			})
			if named == 0 {
				t.Error("no file is named")
			}
			c, err := config.Parse(name, text, nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := c.CheckFiles(); err != nil {
				t.Error(err)
			}
		})
	}
}

// The address of Cloudflare is not repeated in the files: the program knows it.
func TestConfigurationsLeadToCloudflare(t *testing.T) {
	for _, name := range []string{"config.compose.yaml", "kubernetes/config.yaml", "systemd/config.yaml"} {
		c, err := config.Load(name, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, account := range c.Accounts {
			if account.BaseURL != config.DefaultBaseURL {
				t.Errorf("%s leads to %s", name, account.BaseURL)
			}
		}
	}
}

// policies are the policy files, and the configurations that they are for.
func policies() map[string][]string {
	return map[string][]string{
		"policy.example.yaml":    {"config.compose.yaml", "systemd/config.yaml"},
		"kubernetes/policy.yaml": {"kubernetes/config.yaml"},
	}
}

func TestPoliciesPassTheirTestsAndEachRuleHasOne(t *testing.T) {
	for name := range policies() {
		_, file, err := authz.ReadFile(name)
		if err != nil {
			t.Error(err)
			continue
		}
		tested := map[string]bool{}
		for _, test := range file.Tests {
			tested[test.Allow] = true
		}
		for _, rule := range file.Rules {
			if !tested[rule.ID] {
				t.Errorf("%s: no test expects rule %s to allow something", name, rule.ID)
			}
		}
		if !tested[""] {
			t.Errorf("%s: no test expects a denial", name)
		}
	}
}

// A rule about a team that nobody belongs to would be worth nothing, and a
// caller without any rule could do nothing of use.
func TestPoliciesAreAboutTheCallersOfTheConfigurations(t *testing.T) {
	for name, configurations := range policies() {
		text := string(readFile(t, name))
		for _, configuration := range configurations {
			c, err := config.Load(configuration, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, key := range c.Callers.APIKeys {
				for _, called := range append(key.Groups, key.Tenant) {
					if called != "" && !strings.Contains(text, strconv.Quote(called)) {
						t.Errorf("%s has no rule about %s, to whom %s of %s belongs", name, called, key.Name, configuration)
					}
				}
				if key.Tenant == "" && len(key.Groups) == 0 {
					t.Errorf("%s: %s has neither tenant nor groups", configuration, key.Name)
				}
			}
		}
	}
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
