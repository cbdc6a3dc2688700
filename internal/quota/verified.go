package quota

import (
	"sync"
	"time"
)

const (
	// verifyPause is how long nothing is looked for again after all of a tenant's
	// objects were found: whoever is refused and goes on asking must not have all
	// records searched each time.
	verifyPause = time.Second
	// mostVerified is how many tenants that is remembered of.
	mostVerified = 1000
)

// verified remembers when all objects of a kind of a tenant were found.
type verified struct {
	mu sync.Mutex
	at map[verifiedKey]time.Time
}

type verifiedKey struct {
	reservedPlace

	kind resourceState
}

func (v *verified) since(k verifiedKey) time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.at[k]
}

func (v *verified) note(k verifiedKey, now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.at == nil || len(v.at) >= mostVerified {
		v.at = map[verifiedKey]time.Time{}
	}
	v.at[k] = now
}
