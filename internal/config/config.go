// Package config reads the configuration, sets defaults, and reports every
// mistake in it.
//
// The package must not know what the settings are used for: it opens no
// listener and reads no credential. Of Storekeeper it imports only the format
// of subject patterns.
package config

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
)

// maxFileBytes is the maximum size of a configuration file.
const maxFileBytes = 1 << 20

// Config is a complete and checked configuration. It holds names of files and
// digests but no secret, so it may be printed.
type Config struct {
	// Listen configures the listeners.
	Listen Listen `yaml:"listen" doc:"Listeners, TLS, and the stop of the service."`
	// Accounts are the Cloudflare accounts that are served, at least one.
	Accounts []Account `yaml:"accounts" doc:"The Cloudflare accounts that callers can use. At least one." need:"required"`
	// Callers configures who may call.
	Callers Callers `yaml:"callers" doc:"Who may call, and with which credentials."`
	// Policy configures the authorisation rules.
	Policy Policy `yaml:"policy" doc:"Authorisation: who may do what."`
	// Audit configures the audit trail.
	Audit Audit `yaml:"audit" doc:"The audit trail of changes and denials."`
	// Budget limits the calls to Cloudflare.
	Budget Budget `yaml:"budget" doc:"The call budget: how many calls to Cloudflare may be made, and how tenants share them."`
	// Store configures the store of records and of the shared audit trail.
	Store Store `yaml:"store" doc:"The store: the records of changes, the budget and the quotas, and the audit trail of several replicas."`
	// Idempotency configures how each change is made once.
	Idempotency Idempotency `yaml:"idempotency" doc:"How each change is made once, however often it is asked for."`
	// Reads limits the age of cached reads.
	Reads Reads `yaml:"reads" doc:"Reads."`
	// Quotas limit the objects of each tenant.
	Quotas []Quota `yaml:"quotas" doc:"Limits for the objects of each tenant, below the limits of the account."`
	// Telemetry configures the log.
	Telemetry Telemetry `yaml:"telemetry" doc:"Log."`

	// Dev says that this is the configuration of dev mode, in which the
	// emulator serves accounts without a base URL.
	Dev bool `yaml:"-"`

	report *report
}

// Load reads the configuration file at path and then applies sets, each in the
// form KEY=VALUE. An error is of type Mistakes.
func Load(path string, sets []string) (*Config, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, Mistakes{{File: path, Text: "cannot be read: " + cause(err)}}
	}
	return Parse(path, data, sets)
}

// Parse is Load for bytes that were already read. name is their file: mistakes
// name it, and relative file names start at its folder. An error is of type
// Mistakes.
func Parse(name string, data []byte, sets []string) (*Config, error) {
	c := newConfig(name, false)
	if node := c.report.document(data); node != nil {
		nodeDecoder{report: c.report}.decode(node, settingTarget{value: reflect.ValueOf(c).Elem()})
	}
	return c.finish(filepath.Dir(name), sets)
}

// Dev returns the configuration of dev mode with sets applied: the emulator in
// place of Cloudflare, loopback listeners, one account and one public API key.
// It refuses a listener that is not on loopback, since the key is public. An
// error is of type Mistakes.
func Dev(sets []string) (*Config, error) {
	c := newConfig("dev", true)
	c.Accounts = []Account{{ID: DevAccount, Name: "dev"}}
	c.Callers.APIKeys = []APIKey{{Name: DevCaller, SHA256: devDigest()}}
	return c.finish(".", sets)
}

// newConfig returns the default configuration. name is its file.
func newConfig(name string, dev bool) *Config {
	c := &Config{Dev: dev, report: newReport(name)}
	c.Listen.setDefaults()
	c.Audit.setDefaults()
	c.Budget.setDefaults()
	c.Store.setDefaults()
	c.Idempotency.setDefaults()
	c.Reads.setDefaults()
	c.Telemetry.setDefaults()
	return c
}

// finish applies sets, checks the configuration and completes it. Relative file
// names start at dir.
func (c *Config) finish(dir string, sets []string) (*Config, error) {
	for _, set := range sets {
		setter{report: c.report, dev: c.Dev}.apply(set, reflect.ValueOf(c).Elem())
	}
	if c.Store.Kind == StorePostgres && c.Audit.Sink == "" {
		c.Audit.Sink = AuditStore
	}
	c.validate(check{report: c.report, dev: c.Dev})
	if err := c.report.err(); err != nil {
		return nil, err
	}
	for i := range c.Accounts {
		c.Accounts[i].complete()
	}
	c.Listen.complete(check{report: c.report}.field("listen"))
	c.Store.complete(c.Audit, c.Dev)
	for _, f := range c.files(check{}) {
		f.resolve(dir)
	}
	return c, nil
}

// validate checks every section.
func (c *Config) validate(k check) {
	c.Listen.validate(k.field("listen"))
	validateAccounts(c.Accounts, k.field("accounts"))
	c.Callers.validate(k.field("callers"))
	c.Policy.validate(k.field("policy"))
	c.Audit.validate(k.field("audit"))
	c.Budget.validate(k.field("budget"))
	c.Store.validate(k.field("store"))
	c.Idempotency.validate(k.field("idempotency"))
	c.Reads.validate(k.field("reads"))
	validateQuotas(c.Quotas, c.Accounts, k.field("quotas"))
	c.validateTogether(k)
}

// validateTogether checks rules that concern several sections.
func (c *Config) validateTogether(k check) {
	if len(c.Callers.Certificates) > 0 && c.Listen.TLS.ClientCAFile == "" {
		k.field("callers").field("certificates").fail("must go with listen.tls.client_ca_file, which says who signs the certificates")
	}
	if shared := c.Store.Kind == StorePostgres; c.Audit.Sink != "" && shared != (c.Audit.Sink == AuditStore) && !k.field("store").field("kind").suppressed() {
		k.field("audit").field("sink").fail("must be store with store.kind postgres, and file or stdout otherwise")
	}
	if f := c.Store.Folder; f != "" && (f == c.Audit.File || f == c.Audit.KeyFile || f == c.Store.KeyFile) {
		k.field("store").field("folder").fail("must be a folder of its own")
	}
}

// readFile reads a file of at most maxFileBytes.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // opened for reading: nothing can be lost
	data, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFileBytes {
		return nil, fmt.Errorf("must be at most %d bytes", maxFileBytes)
	}
	return data, nil
}
