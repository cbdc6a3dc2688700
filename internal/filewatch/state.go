package filewatch

import (
	"slices"
	"strings"
	"time"
)

// KindStats is the state of the groups of one kind.
type KindStats struct {
	// Kind is the kind of the groups.
	Kind string
	// Groups is the number of groups.
	Groups int
	// Failing is the number of groups whose files cannot be read or used.
	Failing int
	// Loads is the number of loads, including the first.
	Loads uint64
	// Failures is the number of failed reads and loads.
	Failures uint64
	// Last is the time of the last load.
	Last time.Time
}

// Stats returns the state of each kind, sorted by kind.
func (w *Watcher) Stats() []KindStats {
	kinds := map[string]*KindStats{}
	for _, one := range w.all() {
		s := kinds[one.group.Kind]
		if s == nil {
			s = &KindStats{Kind: one.group.Kind}
			kinds[one.group.Kind] = s
		}
		one.addTo(s)
	}
	list := make([]KindStats, 0, len(kinds))
	for _, s := range kinds {
		list = append(list, *s)
	}
	slices.SortFunc(list, func(a, b KindStats) int { return strings.Compare(a.Kind, b.Kind) })
	return list
}

func (w *Watch) addTo(s *KindStats) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s.Groups++
	s.Loads += w.count.loads
	s.Failures += w.count.failures
	if w.failure != nil {
		s.Failing++
	}
	if w.count.last.After(s.Last) {
		s.Last = w.count.last
	}
}
