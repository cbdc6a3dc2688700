package file

import (
	"slices"
	"strings"
)

// lasting holds the records without an expiry. Records that have changed since the newest snapshot
// are in maps, and all others in a table: so a snapshot has to write the changes only, and the
// garbage collector has few objects to scan.
type lasting struct {
	// settled are the records of the newest snapshot.
	settled *changeTable
	// frozen are the changes of earlier segments that are in no snapshot yet, oldest first. The maps
	// do not change any more.
	frozen []map[string]lastingChange
	// recent are the changes since the begin of the segment.
	recent map[string]lastingChange
}

func newLasting() lasting {
	return lasting{settled: &changeTable{}, recent: map[string]lastingChange{}}
}

// get returns the value of a record.
func (l *lasting) get(key string) (value []byte, found bool) {
	c, changed := l.recent[key]
	if !changed {
		c, changed = l.earlier(key)
	}
	return c.value, changed && !c.deleted
}

// earlier returns the newest change of a record before the segment.
func (l *lasting) earlier(key string) (c lastingChange, changed bool) {
	for _, layer := range slices.Backward(l.frozen) {
		if c, changed = layer[key]; changed {
			return c, true
		}
	}
	return l.settled.find(key)
}

// hasRecent reports whether the record exists and has changed since the begin of the segment.
func (l *lasting) hasRecent(key string) bool {
	c, changed := l.recent[key]
	return changed && !c.deleted
}

func (l *lasting) put(key string, value []byte) { l.recent[key] = lastingChange{value: value} }

func (l *lasting) remove(key string) {
	if c, changed := l.earlier(key); changed && !c.deleted {
		l.recent[key] = lastingChange{deleted: true}
	} else {
		delete(l.recent, key)
	}
}

// keys returns the keys with a prefix, in order.
func (l *lasting) keys(prefix string) []string {
	changed := map[string]bool{}
	for _, layer := range append(slices.Clip(l.frozen), l.recent) {
		for key, c := range layer {
			if strings.HasPrefix(key, prefix) {
				changed[key] = !c.deleted
			}
		}
	}
	var keys []string
	for i := l.settled.search(prefix); i < len(l.settled.starts); i++ {
		key, _ := l.settled.at(i)
		if !strings.HasPrefix(string(key), prefix) {
			break
		}
		if _, known := changed[string(key)]; !known {
			keys = append(keys, string(key))
		}
	}
	for key, exists := range changed {
		if exists {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// freeze begins a segment.
func (l *lasting) freeze() {
	l.frozen = append(l.frozen, l.recent)
	l.recent = map[string]lastingChange{}
}

// settle replaces the settled records and the oldest frozen changes by a table that has both.
func (l *lasting) settle(t *changeTable, frozen int) {
	l.settled, l.frozen = t, slices.Clone(l.frozen[frozen:])
}
