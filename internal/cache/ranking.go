package cache

import "slices"

// ranking keeps facts in their order while some come and go, so that what a
// change costs does not grow with the list. Its zero value has nothing, and is
// filled when it is first looked at.
//
// Readers look at what list gave them without the lock. So what stands in their
// part of the shelf is never written over: what is newer than all of it goes
// before it, into room that was left, and anything else into a copy.
type ranking[T any] struct {
	// filled says that all facts are in it.
	filled bool
	// space holds the facts in their order, from first on.
	space []*fact[T]
	first int
	// fresh are those that are not among them yet, and dropped is how many of
	// them all are dropped.
	fresh   []*fact[T]
	dropped int
}

// add takes a new fact.
func (r *ranking[T]) add(f *fact[T]) {
	if r.filled {
		r.fresh = append(r.fresh, f)
		r.bound()
	}
}

// drop takes a fact out. It may be nil.
func (r *ranking[T]) drop(f *fact[T]) {
	if r.filled && f != nil {
		f.dropped = true
		r.dropped++
		r.bound()
	}
}

// bound starts again where nobody looks at the list while it changes.
func (r *ranking[T]) bound() {
	if len(r.fresh)+r.dropped > len(r.space)-r.first+1000 {
		*r = ranking[T]{}
	}
}

// list gives the facts in their order. Nobody may change it.
func (r *ranking[T]) list(all map[string]*fact[T], order func(x, y *fact[T]) int) []*fact[T] {
	switch {
	case !r.filled:
		r.fresh, r.filled = make([]*fact[T], 0, len(all)), true
		for _, f := range all {
			r.fresh = append(r.fresh, f)
		}
	case len(r.fresh)+r.dropped == 0:
		return r.shown()
	}
	fresh := slices.DeleteFunc(r.fresh, func(f *fact[T]) bool { return f.dropped })
	slices.SortFunc(fresh, order)
	old := r.shown()
	r.dropped -= len(r.fresh) - len(fresh)
	if r.dropped > 0 {
		old = slices.DeleteFunc(slices.Clone(old), func(f *fact[T]) bool { return f.dropped })
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
func (r *ranking[T]) shown() []*fact[T] { return slices.Clip(r.space[r.first:]) }

// merged makes one list of two, with room before it for those that come.
func merged[T any](x, y []*fact[T], order func(x, y *fact[T]) int) (space []*fact[T], first int) {
	first = 64 + (len(x)+len(y))/8
	space = make([]*fact[T], first, first+len(x)+len(y))
	for len(x) > 0 && len(y) > 0 {
		if order(x[0], y[0]) <= 0 {
			space, x = append(space, x[0]), x[1:]
		} else {
			space, y = append(space, y[0]), y[1:]
		}
	}
	return append(append(space, x...), y...), first
}
