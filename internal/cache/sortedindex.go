package cache

import "slices"

// sortedIndex keeps entries sorted under insertions and deletions, so that the cost of a change
// does not grow with the list. The zero value is empty and is filled by the first call of list.
//
// Readers use the result of list without the lock, so the occupied part of space is never
// overwritten. Entries that are newer than all others are written into free space before the list.
// Any other change copies the list.
type sortedIndex[T any] struct {
	// filled reports that the index holds all entries.
	filled bool
	// space holds the sorted entries, beginning at first.
	space []*entry[T]
	first int
	// fresh holds entries that are not in space yet. dropped is the number of dropped entries in
	// space and fresh.
	fresh   []*entry[T]
	dropped int
}

// add inserts an entry.
func (r *sortedIndex[T]) add(f *entry[T]) {
	if r.filled {
		r.fresh = append(r.fresh, f)
		r.bound()
	}
}

// drop removes an entry. The entry may be nil.
func (r *sortedIndex[T]) drop(f *entry[T]) {
	if r.filled && f != nil {
		f.dropped = true
		r.dropped++
		r.bound()
	}
}

// bound resets the index if many changes accumulate without a read.
func (r *sortedIndex[T]) bound() {
	if len(r.fresh)+r.dropped > len(r.space)-r.first+1000 {
		*r = sortedIndex[T]{}
	}
}

// list returns the entries in order. The result must not be changed.
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

// shown returns the current list, clipped so that append copies.
func (r *sortedIndex[T]) shown() []*entry[T] { return slices.Clip(r.space[r.first:]) }

// merged merges two sorted lists and leaves free space before the result.
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
