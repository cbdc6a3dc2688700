package filewatch

import (
	"slices"
	"strings"
	"time"
)

// State is what became of the groups of one kind.
type State struct {
	// Kind is the kind of the groups.
	Kind string
	// Groups is how many groups there are.
	Groups int
	// Failing is how many of them have changed files that are not in use.
	Failing int
	// Loads is how often content was loaded, the first time included.
	Loads uint64
	// Failures is how often files could not be read or loaded.
	Failures uint64
	// Last is when content was loaded last.
	Last time.Time
}

// States returns a State for each kind, in the order of their names.
func (w *Watcher) States() []State {
	kinds := map[string]*State{}
	for _, one := range w.all() {
		s := kinds[one.group.Kind]
		if s == nil {
			s = &State{Kind: one.group.Kind}
			kinds[one.group.Kind] = s
		}
		one.addTo(s)
	}
	list := make([]State, 0, len(kinds))
	for _, s := range kinds {
		list = append(list, *s)
	}
	slices.SortFunc(list, func(a, b State) int { return strings.Compare(a.Kind, b.Kind) })
	return list
}

func (w *Watch) addTo(s *State) {
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
