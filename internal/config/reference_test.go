package config_test

import (
	"fmt"
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/config"
)

const referenceHead = `# Configuration

<!-- Written from the Go types: go test ./internal/config -update -->

Check a configuration file, and start the service with it:

    go run ./cmd/server doctor --config FILE
    go run ./cmd/server serve --config FILE

The file is YAML. A key can also be set on the command line, which overrides the file:
` + "`--set listen.rest=127.0.0.1:18080`" + `. ` + "`--set`" + ` can be repeated. An element of a list is
` + "`--set accounts[0].name=main`" + `; the first index past the end appends an element. ` + "`server dev`" + ` takes no
file, only ` + "`--set`" + `.

All mistakes are reported at once, each with file, line, key and the rule that it breaks. An unknown key is a
mistake. A mistake never repeats the value. YAML aliases and tags are not supported.

A duration is a number with a unit, or several: ` + "`20s`, `1m30s`, `500ms`" + `. A size is a number of bytes with or
without a unit: ` + "`1048576`, `512KiB`, `64MiB`, `1GiB`" + `.

The file and callers.file are read again when they change. These keys take effect without a restart: LIVE.
Both files are checked whole, as at a start. If one has a mistake, the log names it and what is in force stays. If a key that needs a
restart was changed, the log names it and takes over the rest.

The file holds no secret: credentials are in separate files, and API keys of callers are stored as digests.
`

// TestReferenceDocumentIsUpToDate: the document for operators is generated from the types, so it cannot
// contradict the program.
func TestReferenceDocumentIsUpToDate(t *testing.T) {
	var b strings.Builder
	b.WriteString(strings.ReplaceAll(referenceHead, "LIVE", strings.Join(liveKeys(config.Reference()), ", ")))
	for _, section := range config.Reference() {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n", section.Name, section.Meaning)
		b.WriteString("| key | type | default | meaning | example |\n|---|---|---|---|---|\n")
		rows(&b, section.Parts)
	}
	golden(t, "../../docs/configuration.md", b.String())
}

// liveKeys lists the keys that take effect without a restart.
func liveKeys(entries []config.KeyReference) []string {
	var all []string
	for _, e := range entries {
		if e.Live {
			all = append(all, "`"+e.Key+"`")
			continue
		}
		all = append(all, liveKeys(e.Parts)...)
	}
	return all
}

func rows(b *strings.Builder, entries []config.KeyReference) {
	for _, e := range entries {
		example := ""
		if e.Example != "" {
			example = "`" + e.Example + "`"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s | %s |\n", e.Key, e.Type, e.Default, e.Meaning, example)
		rows(b, e.Parts)
	}
}

func TestEveryKeyIsDescribed(t *testing.T) {
	for _, section := range config.Reference() {
		if section.Meaning == "" {
			t.Errorf("%s has no meaning", section.Key)
		}
	}
	for _, e := range leaves(config.Reference()) {
		if e.Meaning == "" || e.Example == "" {
			t.Errorf("%s has no meaning or no example", e.Key)
		}
		if strings.Contains(e.Meaning+e.Example+e.Default+e.Type, "|") {
			t.Errorf("%s breaks the table with a |", e.Key)
		}
	}
}

// TestShippedExampleIsUpToDate: the shipped example is generated from the types, so it has every key with its
// reference text.
func TestShippedExampleIsUpToDate(t *testing.T) {
	golden(t, "../../deploy/config.example.yaml", string(config.SampleFile()))
}

func TestExampleIsAGoodConfiguration(t *testing.T) {
	text := config.SampleFile()
	if _, err := config.Parse("example.yaml", text, nil); err != nil {
		t.Errorf("%v\n%s", err, text)
	}
	for _, e := range leaves(config.Reference()) {
		if !strings.Contains(string(text), " "+e.Name+": "+e.Example+"\n") {
			t.Errorf("%s is not in the example:\n%s", e.Key, text)
		}
	}
}

// TestRareKeysInTheExampleAreGood: the keys that the example has as comments must be valid too.
func TestRareKeysInTheExampleAreGood(t *testing.T) {
	c, err := config.Parse("example.yaml", config.SampleFile(), []string{
		"accounts[0].credential.api_token_file=",
		"accounts[0].credential.email=platform@example.com",
		"accounts[0].credential.api_key_file=/run/secrets/cloudflare-api-key",
	})
	if err != nil {
		t.Fatal(err)
	}
	if c.Accounts[0].BaseURL != config.DefaultBaseURL {
		t.Errorf("base_url is %s", c.Accounts[0].BaseURL)
	}
	text := string(config.SampleFile())
	for _, key := range []string{
		"base_url", "tenant", "groups", "algorithms", "jwks_url", "ca_file", "refresh_interval", "refresh_min_interval", "keys_max_age",
		"claim", "groups_claim", "key_file", "calls", "window", "per_second", "max_wait", "retention", "max_staleness", "account",
		"hosts", "database", "schema", "user", "password_file", "tls", "cert_file", "memory_file", "max_size", "max_wait",
	} {
		text = strings.ReplaceAll(text, "# "+key+":", key+":")
	}
	if c, err = config.Parse("example.yaml", []byte(text), []string{"store.kind=postgres", "store.folder=", "audit.sink=store", "audit.file="}); err != nil {
		t.Fatal(err)
	}
	key, issuer := c.Callers.APIKeys[0], c.Callers.Issuers[0]
	if key.Tenant == "" || len(key.Groups) == 0 || issuer.JWKSURL == "" || len(issuer.Algorithms) == 0 || issuer.Subjects[0].GroupsClaim == "" || c.Audit.KeyFile == "" {
		t.Errorf("some are missing in %+v and %+v", c.Callers, c.Audit)
	}
}
