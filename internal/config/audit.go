package config

// The sinks of the audit trail.
const (
	// AuditFile is a file of its own.
	AuditFile = "file"
	// AuditStdout is standard output.
	AuditStdout = "stdout"
)

// Audit is where the audit trail is kept.
type Audit struct {
	// Sink is file or stdout. Empty only in dev mode, where the trail is a file
	// that goes with the program.
	Sink string `yaml:"sink" oneof:"file stdout" doc:"Where the trail of changes and denials is kept. file: each record is on the disk before the change leaves. stdout: whoever reads the stream must keep it; the log goes to standard error then. A record that cannot be written refuses the change." need:"required" example:"file"`
	// File is the audit file.
	File string `yaml:"file" type:"file" doc:"The audit file, which only grows; a second file with .head behind its name says where it ends. server audit verify tells whether it is still what was written." need:"with sink file" example:"/var/lib/storekeeper/audit.log"`
	// KeyFile holds the key that binds the trail.
	KeyFile string `yaml:"key_file" type:"file" doc:"File with a key that binds the trail, so that nobody who has the audit file alone can write it anew. Make it with openssl rand -hex 32. A trail keeps its key: with another, a new trail must be begun." sample:"/run/secrets/audit-key"`
	// Fingerprints is on or off.
	Fingerprints string `yaml:"fingerprints" oneof:"off on" doc:"Whether the intent of a change holds a keyed fingerprint of each new value, which tells whether two changes set the same value and does not give it away. It needs key_file." sample:"on"`
}

// setDefaults leaves values out of the trail altogether.
func (a *Audit) setDefaults() { a.Fingerprints = "off" }

func (a *Audit) validate(k check) {
	if a.Fingerprints == "on" && a.KeyFile == "" {
		k.of("key_file").fail("is missing; fingerprints are on, and without a key anyone could guess values by them")
	}
	switch {
	case a.Sink == "" && !k.dev:
		k.of("sink").fail("is missing; it must be file or stdout, since no change is made without a record")
	case a.Sink == AuditFile && a.File == "":
		k.of("file").fail("is missing; it must name the audit file, in a folder that outlives the program")
	case a.Sink != AuditFile && a.File != "":
		k.of("file").fail("must go with sink file")
	}
}
