package cache

import (
	"slices"
	"time"

	"platform.internal/storekeeper/internal/upstream"
)

// mostGone is how many identifiers of deleted objects a collection remembers.
const mostGone = 1000

// collection is what is known of one list: the stores of an account, or the secrets
// of a store. The lock of its account guards it.
type collection[T any] struct {
	of *accountListings
	// store is the store whose secrets these are, empty for stores.
	store string
	kind  collectionKind[T]
	read  upstream.PageReader[T]

	facts map[string]*entry[T]
	// names has the identifier that was last seen under each name.
	names map[string]string
	gone  map[string]tombstone
	// sorted holds the entries, the newest first.
	sorted sortedIndex[T]
	// whole is the listing on which the entries stand. Nil where there is none.
	whole *readStart
	// said is what Cloudflare said beside that listing.
	said []upstream.Notice
	// needs is the tick after which a listing must have begun to be believed.
	needs uint64
	// payer is the tenant that pays for the reading that needs asks for, and
	// charged says that there is one. Otherwise the reader who begins it pays.
	payer   string
	charged bool
	// changes counts what happened to the entries.
	changes uint64
	reading *reading
	failed  failure
	// large is until when the list is taken for one that is too long to keep.
	large time.Time
}

// entry is an object as it was last seen. It does not change, since readers look
// at it without the lock, but for dropped, at which they do not look.
type entry[T any] struct {
	item    T
	learned uint64
	// listed is the tick of the listing that gave the entry its rank, 0 where
	// none did.
	listed uint64
	rank   int
	// dropped says that it is not what is known any more.
	dropped bool
}

// tombstone is what is known of an object that is no more.
type tombstone struct {
	tick uint64
	// ours says that Storekeeper deleted it, so that nothing brings it back.
	ours bool
}

// readStart is when a reading began.
type readStart struct {
	tick  uint64
	began time.Time
}

// listing is a list that was read whole.
type listing[T any] struct {
	readStart
	items []T
	said  []upstream.Notice
}

func newShelf[T any](a *accountListings, store string, k collectionKind[T], read upstream.PageReader[T]) *collection[T] {
	return &collection[T]{of: a, store: store, kind: k, read: read, facts: map[string]*entry[T]{}, names: map[string]string{}, gone: map[string]tombstone{}}
}

// keeps says whether there is anything that an entry could complete: a listing, or
// a reading that may have missed it. Any later reading will see it by itself.
func (s *collection[T]) keeps() bool { return s.whole != nil || s.reading != nil }

// shows says whether there is a listing to show. There may be no collection.
func (s *collection[T]) shows() bool { return s != nil && s.whole != nil }

// put takes the result of a change that began after since.
func (s *collection[T]) put(item T, since uint64) {
	if s.keeps() {
		s.merge(item, since, s.of.next())
	}
}

// observe takes what a read saw that began after since. It saw an object that a
// later listing lacks before that object went.
func (s *collection[T]) observe(item T, since uint64) {
	_, known := s.facts[s.kind.id(item)]
	if s.keeps() && (known || s.whole == nil || s.whole.tick <= since) {
		s.merge(item, since, since)
	}
}

// merge takes a state of an object unless a newer one is known.
func (s *collection[T]) merge(item T, since, learned uint64) {
	id := s.kind.id(item)
	if g, ok := s.gone[id]; ok && (g.ours || g.tick > since) {
		return
	}
	if !s.ousts(item, id) {
		return
	}
	f := &entry[T]{item: item, learned: learned}
	if old, known := s.facts[id]; known {
		if !s.newer(item, old, since) {
			return
		}
		f.learned, f.listed, f.rank = max(learned, old.learned), old.listed, old.rank
	}
	f.item = s.kind.clone(item)
	delete(s.gone, id)
	s.keep(id, f)
	s.names[s.kind.name(item)] = id
	s.changed()
}

// ousts says whether an object has its name by now. A name belongs to one object
// at a time and no object changes its name, so an older object of the name is
// gone, and where the known one is newer, this one is.
func (s *collection[T]) ousts(item T, id string) bool {
	other := s.names[s.kind.name(item)]
	old, known := s.facts[other]
	if !known || other == id {
		return true
	}
	switch c := s.kind.created(item).Compare(s.kind.created(old.item)); {
	case c < 0:
		return false
	case c == 0:
		s.doubt()
	}
	s.forget(other, tombstone{tick: s.of.next()})
	return true
}

// keep puts an entry in the place of what was known of an object.
func (s *collection[T]) keep(id string, f *entry[T]) {
	s.sorted.drop(s.facts[id])
	s.facts[id] = f
	s.sorted.add(f)
}

// newer says whether a state that was seen since a tick replaces another one.
// Two states of the same time of which none is surely the later one cast doubt
// on both.
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
		s.doubt()
	}
	return false
}

// bury takes it that Storekeeper deleted an object.
func (s *collection[T]) bury(id string) {
	s.forget(id, tombstone{tick: s.of.next(), ours: true})
}

// miss takes it that a read that began after since did not find an object.
func (s *collection[T]) miss(id string, since uint64) {
	f, known := s.facts[id]
	if known && f.learned <= since || !known && s.reading != nil {
		s.forget(id, tombstone{tick: s.of.next()})
	}
}

func (s *collection[T]) forget(id string, g tombstone) {
	if s.gone[id].ours {
		return
	}
	if f, known := s.facts[id]; known {
		if name := s.kind.name(f.item); s.names[name] == id {
			delete(s.names, name)
		}
		s.sorted.drop(f)
		delete(s.facts, id)
	}
	s.gone[id] = g
	s.forgetGone()
	s.changed()
	if s.store == "" {
		// What a store held went with it.
		if inside := s.of.known(id); inside != nil {
			inside.doubt()
		}
	}
}

// forgetGone forgets the oldest tombstones, many at once where there are too many.
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

// changed is called after every change of the entries.
func (s *collection[T]) changed() {
	s.changes++
	s.of.version++
}

// doubt makes the next read wait for a listing that begins from now on.
func (s *collection[T]) doubt() {
	s.needs = s.of.next()
	s.of.version++
}

// doubtAt is doubt at the expense of a tenant.
func (s *collection[T]) doubtAt(payer string) {
	s.doubt()
	s.payer, s.charged = payer, payer != ""
}

// clear drops everything but what is known to be gone.
func (s *collection[T]) clear() {
	s.facts, s.names, s.whole = map[string]*entry[T]{}, map[string]string{}, nil
	s.sorted = sortedIndex[T]{}
	s.changed()
}

// land takes a listing. What was learned after it began stays on top of it.
func (s *collection[T]) land(l listing[T]) {
	// Each entry gets another place.
	s.sorted = sortedIndex[T]{}
	listed := make(map[string]bool, len(l.items))
	for _, item := range l.items {
		listed[s.kind.id(item)] = true
	}
	// What is gone leaves its name to others.
	for id, f := range s.facts {
		if !listed[id] && f.learned < l.tick {
			s.forget(id, tombstone{tick: s.of.next()})
		}
	}
	for rank, item := range l.items {
		id := s.kind.id(item)
		s.merge(item, l.tick, l.tick)
		if f, ok := s.facts[id]; ok {
			s.facts[id] = &entry[T]{item: f.item, learned: f.learned, listed: l.tick, rank: rank}
		}
	}
	s.whole, s.said = &l.readStart, l.said
}

// newestFirst orders entries as Cloudflare's listing did. Of two of the same
// moment, the one that no listing has shown yet is taken for the newer one.
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
