package audit

import (
	"sync"
	"time"
)

const (
	// lookAtDisk is the time between two looks at the free space.
	lookAtDisk = time.Second
	// reservedPart says which part of a small disk is kept for changes at most: an
	// eighth.
	reservedPart = 8
)

// room knows how much free space there is for records.
type room struct {
	// reserve is how much of it is kept for changes.
	reserve int64
	// space returns the free bytes and the size of the disk, and false where
	// nobody knows.
	space func() (free, size int64, known bool)

	mu     sync.Mutex
	looked time.Time
	scarce bool
}

// full says whether less than the reserve is left.
func (r *room) full(now time.Time) bool {
	if r.reserve <= 0 {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.looked.IsZero() || now.Sub(r.looked) >= lookAtDisk {
		free, size, known := r.space()
		r.looked, r.scarce = now, known && free < min(r.reserve, size/reservedPart)
	}
	return r.scarce
}

// Free returns the free bytes on the disk of the records, and false where that
// is not known.
func (l *Log) Free() (int64, bool) {
	free, _, known := l.space()
	return free, known
}

func (l *Log) space() (free, size int64, known bool) {
	if s, ok := l.sink.(interface{ Space() (int64, int64, bool) }); ok {
		return s.Space()
	}
	return 0, 0, false
}

// Suppressed returns how many denials were counted and not recorded.
func (l *Log) Suppressed() int64 { return l.denials.total.Load() }

func (l *Log) full() bool { return l.room.full(l.now()) }
