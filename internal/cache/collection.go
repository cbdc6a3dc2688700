package cache

import (
	"slices"
	"time"

	"platform.internal/storekeeper/internal/upstream"
)

// mostGone is the number of tombstones that a collection keeps.
const mostGone = 1000

// collection is the cache of one list: the stores of an account, or the secrets of a store. The
// lock of the account guards the collection.
type collection[T any] struct {
	of *accountListings
	// store is the identifier of the store whose secrets the collection holds. It is empty for a
	// list of stores.
	store string
	kind  collectionKind[T]
	read  upstream.PageReader[T]

	entries map[string]*entry[T]
	// names maps each name to the identifier last seen with that name.
	names map[string]string
	gone  map[string]tombstone
	// sorted holds the entries, newest first.
	sorted sortedIndex[T]
	// whole is the start of the last full listing, or nil if there is none.
	whole *readStart
	// said holds the notices that came with that listing.
	said []upstream.Notice
	// needs is the tick after which a listing must have begun to be valid.
	needs uint64
	// payer is the tenant that pays for the reading that needs requires, if charged is set.
	// Otherwise the reader that starts the reading pays.
	payer   string
	charged bool
	// changes counts the changes of the entries.
	changes uint64
	reading *reading
	failed  failure
	// large is the time until which the list counts as too long to cache.
	large time.Time
}

// entry is the last known state of an object. Readers use entries without the lock, so an entry is
// immutable, except for dropped, which readers do not use.
type entry[T any] struct {
	item    T
	learned uint64
	// listed is the tick of the listing that gave the entry its rank, or 0 if no listing did.
	listed uint64
	rank   int
	// dropped reports that the entry is no longer in the collection.
	dropped bool
}

// tombstone records that an object does not exist any more.
type tombstone struct {
	tick uint64
	// ours reports that Storekeeper deleted the object, so that no later read can restore the
	// object.
	ours bool
}

// readStart is the tick and time at which a reading began.
type readStart struct {
	tick  uint64
	began time.Time
}

// listing is a list that was read in full.
type listing[T any] struct {
	readStart
	items []T
	said  []upstream.Notice
}

func newCollection[T any](a *accountListings, store string, k collectionKind[T], read upstream.PageReader[T]) *collection[T] {
	return &collection[T]{of: a, store: store, kind: k, read: read, entries: map[string]*entry[T]{}, names: map[string]string{}, gone: map[string]tombstone{}}
}

// keeps reports whether a new entry is useful: to complete a listing, or because a running reading
// may have missed the object. A later reading finds the object by itself.
func (s *collection[T]) keeps() bool { return s.whole != nil || s.reading != nil }

// shows reports whether there is a listing to show. The receiver may be nil.
func (s *collection[T]) shows() bool { return s != nil && s.whole != nil }

// put merges the result of a change that began after since.
func (s *collection[T]) put(item T, since uint64) {
	if s.keeps() {
		s.merge(item, since, s.of.next())
	}
}

// observe merges an object seen by a read that began after since. If a listing that began later
// than the read lacks the object, the object was deleted after the read saw it.
func (s *collection[T]) observe(item T, since uint64) {
	_, known := s.entries[s.kind.id(item)]
	if s.keeps() && (known || s.whole == nil || s.whole.tick <= since) {
		s.merge(item, since, since)
	}
}

// merge stores a state of an object unless a newer state is known.
func (s *collection[T]) merge(item T, since, learned uint64) {
	id := s.kind.id(item)
	if g, ok := s.gone[id]; ok && (g.ours || g.tick > since) {
		return
	}
	if !s.holdsName(item, id) {
		return
	}
	f := &entry[T]{item: item, learned: learned}
	if old, known := s.entries[id]; known {
		if !s.newer(item, old, since) {
			return
		}
		f.learned, f.listed, f.rank = max(learned, old.learned), old.listed, old.rank
	}
	f.item = s.kind.keep(item)
	delete(s.gone, id)
	s.keep(id, f)
	s.names[s.kind.name(item)] = id
	s.changed()
}

// holdsName reports whether item is the current holder of its name. A name belongs to one object at a
// time, and objects are never renamed. So an older object with the same name was deleted, and if
// the known object is newer, item was deleted.
func (s *collection[T]) holdsName(item T, id string) bool {
	other := s.names[s.kind.name(item)]
	old, known := s.entries[other]
	if !known || other == id {
		return true
	}
	switch c := s.kind.created(item).Compare(s.kind.created(old.item)); {
	case c < 0:
		return false
	case c == 0:
		s.invalidate()
	}
	s.forget(other, tombstone{tick: s.of.next()})
	return true
}

// keep replaces the entry of an object.
func (s *collection[T]) keep(id string, f *entry[T]) {
	s.sorted.drop(s.entries[id])
	s.entries[id] = f
	s.sorted.add(f)
}

// newer reports whether a state seen since a tick replaces another state. If two states have the
// same modification time and neither is surely later, both are doubtful.
func (s *collection[T]) newer(item T, old *entry[T], since uint64) bool {
	k := s.kind
	if c := k.modified(item).Compare(k.modified(old.item)); c != 0 {
		return c > 0
	}
	switch same := k.same(item, old.item); {
	case same && k.status(item) == k.status(old.item):
		return false
	case old.learned <= since:
		return true
	case !same:
		s.invalidate()
	}
	return false
}

// markDeleted records that Storekeeper deleted an object.
func (s *collection[T]) markDeleted(id string) {
	s.forget(id, tombstone{tick: s.of.next(), ours: true})
}

// markMissing records that a read that began after since did not find an object.
func (s *collection[T]) markMissing(id string, since uint64) {
	f, known := s.entries[id]
	if known && f.learned <= since || !known && s.reading != nil {
		s.forget(id, tombstone{tick: s.of.next()})
	}
}

func (s *collection[T]) forget(id string, g tombstone) {
	if s.gone[id].ours {
		return
	}
	if f, known := s.entries[id]; known {
		if name := s.kind.name(f.item); s.names[name] == id {
			delete(s.names, name)
		}
		s.sorted.drop(f)
		delete(s.entries, id)
	}
	s.gone[id] = g
	s.forgetGone()
	s.changed()
	if s.store == "" {
		// The secrets of a store are deleted with the store.
		if inside := s.of.known(id); inside != nil {
			inside.invalidate()
		}
	}
}

// forgetGone removes the oldest tombstones. It removes many at a time to amortise the sort.
func (s *collection[T]) forgetGone() {
	if len(s.gone) <= mostGone+mostGone/4 {
		return
	}
	ticks := make([]uint64, 0, len(s.gone))
	for _, g := range s.gone {
		ticks = append(ticks, g.tick)
	}
	slices.Sort(ticks)
	since := ticks[len(ticks)-mostGone]
	for id, g := range s.gone {
		if g.tick < since {
			delete(s.gone, id)
		}
	}
}

// changed must be called after every change of the entries.
func (s *collection[T]) changed() {
	s.changes++
	s.of.version++
}

// invalidate makes the next read wait for a listing that begins after this call.
func (s *collection[T]) invalidate() {
	s.needs = s.of.next()
	s.of.version++
}

// invalidateFor is invalidate with the tenant that pays for the reading.
func (s *collection[T]) invalidateFor(payer string) {
	s.invalidate()
	s.payer, s.charged = payer, payer != ""
}

// clear drops everything but the tombstones.
func (s *collection[T]) clear() {
	s.entries, s.names, s.whole = map[string]*entry[T]{}, map[string]string{}, nil
	s.sorted = sortedIndex[T]{}
	s.changed()
}

// applyListing merges a listing. Entries learned after the listing began are kept.
func (s *collection[T]) applyListing(l listing[T]) {
	// Every rank changes.
	s.sorted = sortedIndex[T]{}
	listed := make(map[string]bool, len(l.items))
	for _, item := range l.items {
		listed[s.kind.id(item)] = true
	}
	// First release the names of deleted objects.
	for id, f := range s.entries {
		if !listed[id] && f.learned < l.tick {
			s.forget(id, tombstone{tick: s.of.next()})
		}
	}
	for rank, item := range l.items {
		id := s.kind.id(item)
		s.merge(item, l.tick, l.tick)
		if f, ok := s.entries[id]; ok {
			s.entries[id] = &entry[T]{item: f.item, learned: f.learned, listed: l.tick, rank: rank}
		}
	}
	s.whole, s.said = &l.readStart, l.said
}

// newestFirst orders entries as Cloudflare's listing did. Of two entries with the same creation
// time, the entry that no listing has shown yet counts as newer.
func (k collectionKind[T]) newestFirst(x, y *entry[T]) int {
	if c := k.created(y.item).Compare(k.created(x.item)); c != 0 {
		return c
	}
	switch {
	case x.listed != 0 && y.listed != 0:
		return x.rank - y.rank
	case x.listed == 0 && y.listed == 0 && x.learned > y.learned, x.listed == 0 && y.listed != 0:
		return -1
	case x.listed == 0 && y.listed == 0 && x.learned == y.learned:
		return 0
	}
	return 1
}
