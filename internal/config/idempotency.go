package config

import (
	"path/filepath"
	"time"
)

// The stores of the records that outlive a call.
const (
	// StoreFile is a local file, for one replica.
	StoreFile = "file"
	// StoreValkey is a Valkey or Redis server that replicas share.
	StoreValkey = "valkey"
)

// stateFile is the default name of the file.
const stateFile = "storekeeper.db"

// Idempotency configures the store of the records that make a change happen
// once.
type Idempotency struct {
	// Store is file or valkey.
	Store string `yaml:"store" oneof:"file valkey" doc:"Where the records of changes, the shared budget and the quotas are kept; no secret value is among them. file: for one replica. valkey: a Valkey or Redis server, for several replicas." example:"file"`
	// File is the file of StoreFile. Empty only in dev mode, where the file
	// goes with the program, and with StoreValkey.
	File string `yaml:"file" type:"file" doc:"The file, on a volume that outlives the program. It is made where it is missing, and has one user: each replica needs its own. Its journal lies beside it, in .journal-a and .journal-b." need:"storekeeper.db beside audit.file, or beside the configuration file where there is none" example:"/var/lib/storekeeper/storekeeper.db"`
	// Valkey is the server of StoreValkey.
	Valkey Valkey `yaml:"valkey" doc:"The Valkey or Redis server. It must write each change to its disk before it answers (appendonly yes, appendfsync always) and evict nothing (maxmemory-policy noeviction)." need:"with store valkey"`
	// KeyFile holds the HMAC key of request digests. It may be empty only if
	// File is.
	KeyFile string `yaml:"key_file" type:"file" doc:"File with the key that digests of requests are made with, so that nobody who has the records can guess values by them: at least 32 bytes, as openssl rand -hex 32 makes them. All replicas have the same." need:"made beside file where none is named, required with store valkey" sample:"/run/secrets/idempotency-key"`
	// Wait is how long a call waits for a change that another call began.
	Wait time.Duration `yaml:"wait" doc:"How long a call waits for a change of the same object that is not finished, or for its own change that an earlier call began, before it is answered 503 CHANGE_IN_PROGRESS with Retry-After: from 1s to 1m. Clients give up after a minute." sample:"15s"`
	// Retention is how long the answer of a change is kept, at least 24 hours.
	Retention time.Duration `yaml:"retention" doc:"How long the answer to a change is kept for repeats with the same key, from 24h to 720h." sample:"24h"`
	// TenantBytesPerHour is the number of bytes that the changes of one tenant
	// may write per hour. 0: no limit.
	TenantBytesPerHour Size `yaml:"tenant_bytes_per_hour" doc:"How many bytes the changes of one tenant may write to the state and the audit trail in an hour, from 1MiB to 1024GiB, or 0 for no limit; a caller without a tenant is one of its own. A change above it is refused with 429 and the time to come back, before anything is written. A change of one secret counts about 4KiB." sample:"64MiB"`
}

func (i *Idempotency) setDefaults() {
	i.Store = StoreFile
	i.Wait = 15 * time.Second
	i.Retention = 24 * time.Hour
	i.Valkey.TLS = "off"
	i.Valkey.Prefix = "storekeeper"
	// Room for some 60,000 changes.
	i.TenantBytesPerHour = 256 * MiB
}

func (i *Idempotency) validate(k check) {
	if i.Retention < 24*time.Hour || i.Retention > 720*time.Hour {
		k.field("retention").fail("must be from 24h to 720h")
	}
	k.field("tenant_bytes_per_hour").sizeWithin(i.TenantBytesPerHour, MiB, 1024*GiB)
	if i.Wait < time.Second || i.Wait > time.Minute {
		k.field("wait").fail("must be from 1s to 1m")
	}
	i.Valkey.validate(k.field("valkey"))
	switch {
	case k.field("store").suppressed():
	case i.Store == StoreValkey:
		i.validateShared(k)
	case i.Valkey.Address != "":
		k.field("valkey").field("address").fail("must go with store valkey")
	}
}

// validateShared checks the settings of a store that several replicas share.
func (i *Idempotency) validateShared(k check) {
	if i.Valkey.Address == "" {
		k.field("valkey").field("address").fail("is missing; it " + serverRule)
	}
	if i.File != "" {
		k.field("file").fail("must go with store file")
	}
	if i.KeyFile == "" {
		k.field("key_file").fail("is missing; replicas that share a server must share a key, at least 32 bytes such as openssl rand -hex 32 makes")
	}
}

// complete sets default file names. In dev mode the file is temporary and named
// later.
func (i *Idempotency) complete(audit Audit, dev bool) {
	if i.Store != StoreFile {
		return
	}
	if i.File == "" && !dev {
		i.File = stateFile
		if audit.File != "" {
			i.File = filepath.Join(filepath.Dir(audit.File), stateFile)
		}
	}
	if i.KeyFile == "" && i.File != "" {
		i.KeyFile = i.defaultKeyFile()
	}
}

// defaultKeyFile is the key file that Storekeeper creates if none is named.
func (i *Idempotency) defaultKeyFile() string { return i.File + ".key" }

// files lists the files of this section. k is its check.
func (i *Idempotency) files(k check) []fileSetting {
	key := secret
	if i.Store == StoreFile && i.KeyFile == i.defaultKeyFile() {
		key = created
	}
	valkey := k.field("valkey")
	return []fileSetting{
		{k.field("file"), &i.File, created},
		{k.field("key_file"), &i.KeyFile, key},
		{valkey.field("password_file"), &i.Valkey.PasswordFile, secret},
		{valkey.field("ca_file"), &i.Valkey.CAFile, public},
	}
}
