package cache

import "slices"

// sortedIndex keeps entries in their order while some come and go, so that what a
// change costs does not grow with the list. Its zero value has nothing, and is
// filled when it is first looked at.
//
// Readers look at what list gave them without the lock. So what stands in their
// part of the collection is never written over: what is newer than all of it goes
// before it, into room that was left, and anything else into a copy.
type sortedIndex[T any] struct {
	// filled says that all entries are in it.
	filled bool
	// space holds the entries in their order, from first on.
	space []*entry[T]
	first int
	// fresh are those that are not among them yet, and dropped is how many of
	// them all are dropped.
	fresh   []*entry[T]
	dropped int
}

// add takes a new entry.
func (r *sortedIndex[T]) add(f *entry[T]) {
	if r.filled {
		r.fresh = append(r.fresh, f)
		r.bound()
	}
}

// drop takes an entry out. It may be nil.
func (r *sortedIndex[T]) drop(f *entry[T]) {
	if r.filled && f != nil {
		f.dropped = true
		r.dropped++
		r.bound()
	}
}

// bound starts again where nobody looks at the list while it changes.
func (r *sortedIndex[T]) bound() {
	if len(r.fresh)+r.dropped > len(r.space)-r.first+1000 {
		*r = sortedIndex[T]{}
	}
}

// list gives the entries in their order. Nobody may change it.
func (r *sortedIndex[T]) list(all map[string]*entry[T], order func(x, y *entry[T]) int) []*entry[T] {
	switch {
	case !r.filled:
		r.fresh, r.filled = make([]*entry[T], 0, len(all)), true
		for _, f := range all {
			r.fresh = append(r.fresh, f)
		}
	case len(r.fresh)+r.dropped == 0:
		return r.shown()
	}
	fresh := slices.DeleteFunc(r.fresh, func(f *entry[T]) bool { return f.dropped })
	slices.SortFunc(fresh, order)
	old := r.shown()
	r.dropped -= len(r.fresh) - len(fresh)
	if r.dropped > 0 {
		old = slices.DeleteFunc(slices.Clone(old), func(f *entry[T]) bool { return f.dropped })
	}
	n := len(fresh)
	if before := n == 0 || len(old) == 0 || order(fresh[n-1], old[0]) < 0; r.dropped == 0 && before && n <= r.first {
		r.first -= n
		copy(r.space[r.first:], fresh)
	} else {
		r.space, r.first = merged(fresh, old, order)
	}
	r.fresh, r.dropped = nil, 0
	return r.shown()
}

// shown is the list as it stands. Nothing can be appended to it in place.
func (r *sortedIndex[T]) shown() []*entry[T] { return slices.Clip(r.space[r.first:]) }

// merged makes one list of two, with room before it for those that come.
func merged[T any](x, y []*entry[T], order func(x, y *entry[T]) int) (space []*entry[T], first int) {
	first = 64 + (len(x)+len(y))/8
	space = make([]*entry[T], first, first+len(x)+len(y))
	for len(x) > 0 && len(y) > 0 {
		if order(x[0], y[0]) <= 0 {
			space, x = append(space, x[0]), x[1:]
		} else {
			space, y = append(space, y[0]), y[1:]
		}
	}
	return append(append(space, x...), y...), first
}
