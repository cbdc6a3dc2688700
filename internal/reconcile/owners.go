package reconcile

import (
	"context"
	"sync"
	"time"
)

const (
	// rememberFor is the minimum time for which the owner of an object is remembered, unless more than
	// rememberMost objects get owners in that time.
	rememberFor  = time.Hour
	rememberMost = 1 << 15
)

// localOwners is the Owners of one process. It has a younger and an older half, so that expiry needs no scan.
type localOwners struct {
	clock func() time.Time

	mu           sync.Mutex
	young, older map[string]string
	begun        time.Time
}

func newMemory(clock func() time.Time) *localOwners {
	return &localOwners{clock: clock, young: map[string]string{}, older: map[string]string{}, begun: clock()}
}

// Take gives objects to a change. Identifiers are unique across accounts.
func (m *localOwners) Take(_ context.Context, change, _ string, ids []string) (others []string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if now := m.clock(); len(m.young) >= rememberMost || now.Sub(m.begun) >= rememberFor {
		// The room of the older half is used again.
		clear(m.older)
		m.older, m.young, m.begun = m.young, m.older, now
	}
	for _, id := range ids {
		if owner := m.owner(id); owner != "" && owner != change {
			others = append(others, id)
			continue
		}
		m.young[id] = change
	}
	return others, nil
}

func (m *localOwners) owner(id string) string {
	if owner := m.young[id]; owner != "" {
		return owner
	}
	return m.older[id]
}
