// Package config reads the configuration, sets defaults, and reports every mistake.
//
// The package must not know the effect of the settings: it opens no listener and reads no credential. The
// format of subject patterns is its only import from Storekeeper.
package config

// maxFileBytes is the maximum size of a configuration file.
const maxFileBytes = 1 << 20

// Config is a complete and valid configuration. It holds names of files and digests but no secret, so it may
// be printed.
type Config struct {
	// Listen configures the listeners.
	Listen Listen `yaml:"listen" doc:"Listeners, TLS, and the stop of the service."`
	// Accounts are the Cloudflare accounts that are served, at least one.
	Accounts []Account `yaml:"accounts" doc:"The Cloudflare accounts that callers can use. At least one." need:"required"`
	// Callers configures the accepted callers.
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
	Quotas []QuotaLimits `yaml:"quotas" live:"true" doc:"Limits for the objects of each tenant, below the limits of the account."`
	// Telemetry configures the log.
	Telemetry Telemetry `yaml:"telemetry" doc:"Log."`

	// Dev says that this is the configuration of dev mode, in which the
	// emulator serves accounts without a base URL.
	Dev bool `yaml:"-"`

	// read reads callers.file.
	read  func(path string) ([]byte, error)
	input input
	// callersFile is callers.file as configured. Callers.File is the file in use, which only a restart
	// changes.
	callersFile string
	// resolved are the file names that are no longer relative to the folder of the configuration file.
	resolved map[*string]bool
	report   *mistakeReport
}

// input is the source of a configuration.
type input struct {
	// name is the configuration file, "" in dev mode.
	name string
	sets []string
	// running is the configuration at the start of the service, and inForce are the current callers. Nil:
	// this is a start.
	running *Config
	inForce *Callers
}

// validate checks every section.
func (c *Config) validate(k section) {
	c.Listen.validate(k.field("listen"))
	validateAccounts(c.Accounts, k.field("accounts"))
	c.Callers.validate(k.field("callers"))
	c.Policy.validate(k.field("policy"))
	c.Audit.validate(k.field("audit"))
	c.Budget.validate(&c.Callers, k.field("budget"))
	c.Store.validate(k.field("store"))
	c.Idempotency.validate(k.field("idempotency"))
	c.Reads.validate(k.field("reads"))
	c.validateQuotas(k.field("quotas"))
	c.validateTogether(k)
}

// validateTogether checks rules that concern several sections.
func (c *Config) validateTogether(k section) {
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
