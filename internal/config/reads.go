package config

import "time"

// Reads limits the age of cached reads.
type Reads struct {
	// MaxStaleness is the maximum age of a cached answer, up to 5 minutes. 0:
	// each read asks Cloudflare.
	MaxStaleness time.Duration `yaml:"max_staleness" doc:"Maximum age of a cached answer to a read, from 0s to 5m. Changes made through Storekeeper are visible at once; this limit is about changes made elsewhere. With 0s each read asks Cloudflare, as a read with Cache-Control: no-cache does." sample:"30s"`
}

func (r *Reads) setDefaults() { r.MaxStaleness = 30 * time.Second }

func (r *Reads) validate(k check) {
	if r.MaxStaleness < 0 || r.MaxStaleness > 5*time.Minute {
		k.field("max_staleness").fail("must be from 0s to 5m")
	}
}
