package config

import "time"

// Reads limits the age of cached reads.
type Reads struct {
	// MaxStaleness is the maximum age of a cached answer, up to 5 minutes. 0:
	// each read asks Cloudflare.
	MaxStaleness time.Duration `yaml:"max_staleness" doc:"Maximum age of a cached answer to a read, from 0s to 5m. Changes made through Storekeeper are visible at once; this limit is about changes made elsewhere. With 0s each read asks Cloudflare, as a read with Cache-Control: no-cache does." sample:"30s"`
	// MaxOutageAge bounds the age of an answer while the shared store is away.
	MaxOutageAge time.Duration `yaml:"max_outage_age" doc:"Maximum age of a cached answer while the database of several replicas is away, from 1s to 24h. Such answers are marked as stale: changes that other replicas made may be missing. Cloudflare is asked at most once in max_staleness, and not at all once the replica's lease of the call budget has ended, after 6 s. Older answers are refused with 503." sample:"15m"`
}

func (r *Reads) setDefaults() { r.MaxStaleness, r.MaxOutageAge = 30*time.Second, 5*time.Minute }

func (r *Reads) validate(k section) {
	if r.MaxStaleness < 0 || r.MaxStaleness > 5*time.Minute {
		k.field("max_staleness").fail("must be from 0s to 5m")
	}
	if r.MaxOutageAge < time.Second || r.MaxOutageAge > 24*time.Hour {
		k.field("max_outage_age").fail("must be from 1s to 24h")
	}
}
