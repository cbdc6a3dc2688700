package quota

import (
	"sync"
	"time"
)

const (
	// verifyPause is the pause between two verifications after all objects of a tenant were found. Without
	// the pause, a refused tenant that retries would cause a scan of all records each time.
	verifyPause = time.Second
	// mostVerified bounds the number of remembered tenants.
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
