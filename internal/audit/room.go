package audit

import (
	"sync"
	"time"
)

const (
	// lookAtDisk is the interval between checks of the free space.
	lookAtDisk = time.Second
	// reservedPart limits the reserve on a small disk to an eighth of the disk.
	reservedPart = 8
)

// room tracks the free space for records.
type room struct {
	// reserve is the space in bytes that is kept for changes.
	reserve int64
	// space returns the free bytes and the size of the disk, and false if they are unknown.
	space func() (free, size int64, known bool)

	mu     sync.Mutex
	looked time.Time
	scarce bool
}

// full reports whether the free space is less than the reserve.
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

// Free returns the free bytes on the disk of the records, and false if the number is unknown.
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

// Suppressed returns the number of denials that were counted but not recorded.
func (l *Log) Suppressed() int64 { return l.denials.total.Load() }

func (l *Log) full() bool { return l.room.full(l.now()) }
