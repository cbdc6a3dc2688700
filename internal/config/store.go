package config

import (
	"path/filepath"
	"time"
)

// The kinds of store.
const (
	// StoreFile is a folder of this machine, for one replica.
	StoreFile = "file"
	// StorePostgres is a PostgreSQL database that replicas share.
	StorePostgres = "postgres"
)

// stateFolder is the default name of the folder.
const stateFolder = "state"

// Store configures the storage of the records of changes.
type Store struct {
	// Kind is file or postgres.
	Kind string `yaml:"kind" oneof:"file postgres" doc:"Where the records of changes, the shared budget and the quotas are stored. They hold no secret value. file: a folder, for one replica. postgres: a PostgreSQL database, for several replicas, which holds the audit trail of all replicas too." example:"file"`
	// Folder is the folder of StoreFile. It is empty only in dev mode, where the folder is temporary, and
	// with StorePostgres.
	Folder string `yaml:"folder" type:"file" doc:"The folder, on a volume that outlives the program. It is created if it is missing. Each replica needs its own." need:"state beside audit.file, or beside the configuration file where there is none" example:"/var/lib/storekeeper/state"`
	// MaxSize is the maximum size in bytes of the write-ahead log in Folder.
	MaxSize Size `yaml:"max_size" doc:"Maximum size of the write-ahead log in the folder, from 256MiB to 1024GiB. When the log is full and no record in it has expired, changes are refused with STATE_FULL. A day at the full call budget takes about 1GiB." sample:"16GiB"`
	// MaxWait is the maximum wait of a change for a durable write.
	MaxWait time.Duration `yaml:"max_wait" doc:"How long a change waits until the disk or the database has made it durable, from 100ms to 10s. Then it is refused with STATE_UNAVAILABLE, and further changes at once until the write ends. Raise it where the disk is slow." sample:"900ms"`
	// KeyFile holds the HMAC key of request digests. It may be empty only if
	// Folder is.
	KeyFile string `yaml:"key_file" type:"file" doc:"File with the key of the request digests, at least 32 bytes, as openssl rand -hex 32 makes them. Without it, nobody can guess values by the digests in the records. All replicas need the same key." need:"created beside folder with kind file; required with kind postgres" sample:"/run/secrets/store-key"`
	// Postgres is the database of StorePostgres.
	Postgres Postgres `yaml:"postgres" doc:"The PostgreSQL database, version 15 or later, with fsync on." need:"with kind postgres"`
}

func (s *Store) setDefaults() {
	s.Kind = StoreFile
	s.MaxSize = 16 * GiB
	s.MaxWait = 900 * time.Millisecond
	s.Postgres.setDefaults()
}

func (s *Store) validate(k section) {
	if s.MaxSize < 256*MiB || s.MaxSize > 1024*GiB {
		k.field("max_size").fail("must be from 256MiB to 1024GiB")
	}
	if s.MaxWait < 100*time.Millisecond || s.MaxWait > 10*time.Second {
		k.field("max_wait").fail("must be from 100ms to 10s")
	}
	s.Postgres.validate(k.field("postgres"))
	switch {
	case k.field("kind").suppressed():
	case s.Kind == StorePostgres:
		s.validateShared(k)
	case len(s.Postgres.Hosts) > 0:
		k.field("postgres").field("hosts").fail("must go with kind postgres")
	}
}

// validateShared checks the settings of a store that several replicas share.
func (s *Store) validateShared(k section) {
	if len(s.Postgres.Hosts) == 0 {
		k.field("postgres").field("hosts").fail("is missing; it must list the servers, each " + serverRule)
	}
	if s.Folder != "" {
		k.field("folder").fail("must go with kind file")
	}
	if s.KeyFile == "" {
		k.field("key_file").fail("is missing; replicas that share a database must share a key, at least 32 bytes such as openssl rand -hex 32 makes")
	}
}

// complete sets default file names. In dev mode the folder is temporary and named
// later.
func (s *Store) complete(audit Audit, dev bool) {
	if s.Kind != StoreFile {
		return
	}
	if s.Folder == "" && !dev {
		s.Folder = stateFolder
		if audit.File != "" {
			s.Folder = filepath.Join(filepath.Dir(audit.File), stateFolder)
		}
	}
	if s.KeyFile == "" && s.Folder != "" {
		s.KeyFile = s.DefaultKeyFile()
	}
}

// DefaultKeyFile is the key file that Storekeeper creates if none is named.
func (s *Store) DefaultKeyFile() string { return s.Folder + ".key" }

// files lists the files of this section. k is the check of the section.
func (s *Store) files(k section) []fileSetting {
	key := secret
	if s.Kind == StoreFile && s.KeyFile == s.DefaultKeyFile() {
		key = created
	}
	return append([]fileSetting{
		{k.field("folder"), &s.Folder, folder},
		{k.field("key_file"), &s.KeyFile, key},
	}, s.Postgres.files(k.field("postgres"))...)
}
