package config

import "regexp"

// The sinks of the audit trail.
const (
	// AuditFile is a file.
	AuditFile = "file"
	// AuditStdout is standard output.
	AuditStdout = "stdout"
	// AuditStore is the database that replicas share.
	AuditStore = "store"
)

// Audit configures the audit trail.
type Audit struct {
	// Sink is file, stdout or store. It is empty only in dev mode, where the trail is a temporary file.
	Sink string `yaml:"sink" oneof:"file stdout store" doc:"Where the audit trail of changes and denials is written. file: a file, with store.kind file. stdout: the reader of the stream must store it; the log goes to standard error. store: a table of the database, with store.kind postgres. Each record is durable before the change is sent. If a record cannot be written, the change is refused." need:"required; store with store.kind postgres" example:"file"`
	// File is the audit file.
	File string `yaml:"file" type:"file" doc:"The audit file. It only grows until it is rotated. A second file with the suffix .head names the end of the trail. server audit verify checks that the files are what was written." need:"with sink file" example:"/var/lib/storekeeper/audit.log"`
	// RotateSize is the size at which the file is rotated, in bytes. 0: never.
	RotateSize Size `yaml:"rotate_size" doc:"Size at which the audit file is renamed to FILE.rotated- and the number of its last record, and a new file continues the trail; from 1MiB, or 0 for never. server audit verify FILE reads all of them, oldest first. Storekeeper deletes none." sample:"1GiB"`
	// Stream is off, stdout or file.
	Stream string `yaml:"stream" oneof:"off stdout file" doc:"Where the records of a trail in the database are written too, for shipping, with sink store. stdout: one record a line; the log goes to standard error. file: the file stream_file. All replicas together write each record once; a replica that is killed while it writes may have written some twice." sample:"stdout"`
	// StreamFile is the file of the stream.
	StreamFile string `yaml:"stream_file" type:"file" doc:"The file that the stream is appended to. It may be renamed at any time, as logrotate does, and is made again. Storekeeper deletes nothing of it." need:"with stream file" sample:"/var/lib/storekeeper/shipped.jsonl"`
	// StreamName names the position of the stream.
	StreamName string `yaml:"stream_name" doc:"Name of the stream: 1 to 63 of a-z, 0-9, _ and -. The database remembers by it what was written. Another name begins with the first record." sample:"siem"`
	// Partition is day or month.
	Partition string `yaml:"partition" oneof:"month day" doc:"How long a partition of a trail in the database lasts, by UTC, with sink store: server audit archive takes whole partitions out of the trail. A change applies to partitions that are not made yet. The next one usually exists already, so the change applies after it." sample:"day"`
	// DenialsPerHour is the number of recorded denials per caller and hour. 0:
	// all are recorded.
	DenialsPerHour int `yaml:"denials_per_hour" doc:"Number of denials of one caller that are recorded per hour, from 1 to 1000000, or 0 for all. The first 100 may come at once. The log has all denials, and a record says how many of which caller were left out." sample:"60"`
	// Reserve is the free space that is kept for changes, in bytes.
	Reserve Size `yaml:"reserve" doc:"Free space on the disk of the audit file below which denials are counted and not recorded, so that callers without rights cannot use up the space for changes; up to 1024GiB, and at most an eighth of a small disk." sample:"1GiB"`
	// KeyFile holds the key of the hash chain.
	KeyFile string `yaml:"key_file" type:"file" doc:"File with the key of the hash chain. With it, nobody who has only the audit file can rewrite the trail. Make it with openssl rand -hex 32. A trail keeps its key: another key needs a new trail." sample:"/run/secrets/audit-key"`
	// Fingerprints is on or off.
	Fingerprints string `yaml:"fingerprints" oneof:"off on" doc:"Whether the audit record of a change holds a keyed fingerprint of each new value. It shows whether two changes set the same value and does not reveal it. It needs key_file." sample:"on"`
}

// setDefaults sets the defaults. Fingerprints of values are off.
func (a *Audit) setDefaults() {
	a.Fingerprints = "off"
	a.Stream, a.StreamName, a.Partition = "off", "default", "month"
	a.RotateSize, a.Reserve, a.DenialsPerHour = 512*MiB, 256*MiB, 600
}

func (a *Audit) validate(k section) {
	if a.Fingerprints == "on" && a.KeyFile == "" {
		k.field("key_file").fail("is missing; fingerprints are on, and without a key anyone could guess values by them")
	}
	for _, key := range []string{"rotate_size", "reserve"} {
		if a.Sink != AuditFile && a.Sink != "" && k.field(key).isSet() {
			k.field(key).fail("must go with sink file")
		}
	}
	a.validateStream(k)
	k.field("rotate_size").sizeWithin(a.RotateSize, MiB, 1024*GiB)
	k.field("reserve").sizeWithin(a.Reserve, 1, 1024*GiB)
	if a.DenialsPerHour != 0 {
		k.field("denials_per_hour").within(a.DenialsPerHour, 1, 1_000_000)
	}
	switch {
	case a.Sink == "" && !k.dev:
		k.field("sink").fail("is missing; it must be file, stdout or store, since no change is made without a record")
	case a.Sink == AuditFile && a.File == "":
		k.field("file").fail("is missing; it must name the audit file, in a folder that outlives the program")
	case a.Sink != AuditFile && a.File != "":
		k.field("file").fail("must go with sink file")
	}
}

var streamName = regexp.MustCompile(`^[a-z0-9_-]+$`)

func (a *Audit) validateStream(k section) {
	k.field("stream_name").format(a.StreamName, textFormat{streamName, 63}, "must be 1 to 63 of a-z, 0-9, _ and -")
	if a.Sink != AuditStore && a.Sink != "" && k.field("partition").isSet() {
		k.field("partition").fail("must go with sink store")
	}
	switch {
	case a.Stream != "off" && a.Sink != AuditStore && !k.field("stream").suppressed():
		k.field("stream").fail("must go with sink store: a file is shipped as it is, and standard output is a stream already")
	case a.Stream == "file" && a.StreamFile == "":
		k.field("stream_file").fail("is missing; it must name the file that the stream is appended to")
	case a.Stream != "file" && a.StreamFile != "":
		k.field("stream_file").fail("must go with stream file")
	}
}
