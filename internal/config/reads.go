package config

import "time"

// Reads limits the age of cached reads.
type Reads struct {
	// MaxStaleness is the maximum age of a cached answer, up to 5 minutes. 0:
	// each read asks Cloudflare.
	MaxStaleness time.Duration `yaml:"max_staleness" doc:"How old what a caller reads may be, from 0s to 5m, so that reads cost few calls. Changes made through Storekeeper show at once; this is about those made elsewhere. 0s asks Cloudflare at each read, as Cache-Control: no-cache does for one." sample:"30s"`
}

func (r *Reads) setDefaults() { r.MaxStaleness = 30 * time.Second }

func (r *Reads) validate(k check) {
	if r.MaxStaleness < 0 || r.MaxStaleness > 5*time.Minute {
		k.field("max_staleness").fail("must be from 0s to 5m")
	}
}
