package config

import "time"

// Idempotency configures how each change is made once.
type Idempotency struct {
	// Wait is how long a call waits for a change that another call began.
	Wait time.Duration `yaml:"wait" doc:"How long a call waits for a change of the same object that is not finished, or for its own change that an earlier call began, before it is answered 503 CHANGE_IN_PROGRESS with Retry-After: from 1s to 1m. Clients give up after a minute." sample:"15s"`
	// Retention is how long the answer of a change is kept, at least 24 hours.
	Retention time.Duration `yaml:"retention" doc:"How long the answer to a change is kept for repeats with the same key, from 24h to 720h." sample:"24h"`
	// TenantBytesPerHour is the number of bytes that the changes of one tenant
	// may write per hour. 0: no limit.
	TenantBytesPerHour Size `yaml:"tenant_bytes_per_hour" doc:"How many bytes the changes of one tenant may write to the state and the audit trail in an hour, from 1MiB to 1024GiB, or 0 for no limit; a caller without a tenant is one of its own. A change above it is refused with 429 and the time to come back, before anything is written. A change of one secret counts about 4KiB." sample:"64MiB"`
}

func (i *Idempotency) setDefaults() {
	i.Wait = 15 * time.Second
	i.Retention = 24 * time.Hour
	// Room for some 60,000 changes.
	i.TenantBytesPerHour = 256 * MiB
}

func (i *Idempotency) validate(k section) {
	if i.Retention < 24*time.Hour || i.Retention > 720*time.Hour {
		k.field("retention").fail("must be from 24h to 720h")
	}
	k.field("tenant_bytes_per_hour").sizeWithin(i.TenantBytesPerHour, MiB, 1024*GiB)
	if i.Wait < time.Second || i.Wait > time.Minute {
		k.field("wait").fail("must be from 1s to 1m")
	}
}
