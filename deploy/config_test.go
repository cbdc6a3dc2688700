// Package deploy_test keeps the configuration files in this folder true. What
// else is here is tested in test/deploy, with the readers of other projects.
package deploy_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"platform.internal/storekeeper/internal/config"
)

// update writes the example anew. What it wrote is to be read before it is
// kept.
var update = flag.Bool("update", false, "write config.example.yaml anew")

const example = "config.example.yaml"

// The example is written from the Go types, so it has every key and says of
// each what the reference says.
func TestExampleIsWhatTheProgramReads(t *testing.T) {
	if *update {
		if err := os.WriteFile(example, config.Example(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(readFile(t, example), config.Example()) {
		t.Errorf("%s differs from the program; go test ./deploy -update writes it anew", example)
	}
}

// files says how each file that a configuration needs is named in it.
var files = regexp.MustCompile(`(?m)^([ -]*[a-z_]+_file: )(/\S+)$`)

func TestConfigurationsAreGoodOnceTheirFilesExist(t *testing.T) {
	for _, name := range []string{example, "config.compose.yaml", "kubernetes/config.yaml"} {
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
				t.Error("no file with a credential is named")
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
	for _, name := range []string{"config.compose.yaml", "kubernetes/config.yaml"} {
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

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
