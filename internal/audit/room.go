package audit

import (
	"path/filepath"
	"sync"
	"time"
)

// lookAtDisk is the time between two looks at the free space.
const lookAtDisk = time.Second

// room knows how much free space there is for records.
type room struct {
	// reserve is how much of it is kept for changes.
	reserve int64
	// free returns the free bytes, and false where nobody knows.
	free func() (int64, bool)

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
		free, known := r.free()
		r.looked, r.scarce = now, known && free < r.reserve
	}
	return r.scarce
}

// Free returns the free bytes on the disk of the file, and false where that is
// not known.
func (j *Journal) Free() (int64, bool) {
	file, ok := j.medium.(*fileMedium)
	if !ok {
		return 0, false
	}
	disk, ok := file.fs.(interface {
		Free(folder string) (int64, error)
	})
	if !ok {
		return 0, false
	}
	n, err := disk.Free(filepath.Dir(file.path))
	return n, err == nil
}

// Free returns the free bytes on the disk of the records, and false where that
// is not known.
func (l *Log) Free() (int64, bool) {
	if s, ok := l.sink.(interface{ Free() (int64, bool) }); ok {
		return s.Free()
	}
	return 0, false
}

// Suppressed returns how many denials were counted and not recorded.
func (l *Log) Suppressed() int64 { return l.denials.total.Load() }

func (l *Log) full() bool { return l.room.full(l.now()) }
