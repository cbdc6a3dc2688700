package file

import (
	"cmp"
	"slices"

	"platform.internal/storekeeper/internal/store"
	"platform.internal/storekeeper/internal/store/wal"
)

// framePlace is the location of the entry of a record with an expiry in a segment. A length of 0
// means that the record was deleted.
type framePlace struct {
	expires        int64
	offset, length uint32
}

// segmentIndex lists the changes of records with an expiry in a segment, in order.
type segmentIndex struct {
	segment uint64
	// digests are those of the keys. places are the new locations, in the same order. They are nil if
	// the index is in a file.
	digests []digest
	places  []framePlace
	// until is the latest expiry of the records.
	until int64
	// written reports that the index is in a file.
	written bool
}

func (i *segmentIndex) add(d digest, p framePlace) {
	i.digests, i.places = append(i.digests, d), append(i.places, p)
	i.until = max(i.until, p.expires)
}

// segmentPlace is the location of a record with an expiry in the log.
type segmentPlace struct {
	framePlace

	segment uint64
}

// records is the durable state: the records without an expiry, and the locations of the records with
// an expiry in the log.
type records struct {
	lasting lasting
	// places has no pointers, so the garbage collector does not scan it.
	places map[digest]segmentPlace
	// indexes are the indexes of the segments, oldest first.
	indexes []*segmentIndex
	digests *digester
}

func newRecords(key []byte) *records {
	return &records{lasting: newLasting(), places: map[digest]segmentPlace{}, digests: newDigester(key)}
}

// find returns the value of a record without an expiry, or the location of an unexpired record with
// an expiry.
func (r *records) find(key string, now int64) (value []byte, p segmentPlace, found bool) {
	if value, found = r.lasting.get(key); found {
		return value, p, true
	}
	p = r.places[r.digests.digest(key)]
	return nil, p, p.length > 0 && p.expires > now
}

// index returns the index of a segment. A missing index is added; the segment must then be the
// newest.
func (r *records) index(segment uint64) *segmentIndex {
	at, found := slices.BinarySearchFunc(r.indexes, segment, func(i *segmentIndex, n uint64) int {
		return cmp.Compare(i.segment, n)
	})
	if !found {
		r.indexes = slices.Insert(r.indexes, at, &segmentIndex{segment: segment})
	}
	return r.indexes[at]
}

// put stores a record without an expiry. An existing record without an expiry has no location in the
// log.
func (r *records) put(segment uint64, key string, value []byte) {
	if !r.lasting.hasRecent(key) {
		r.forget(segment, key)
	}
	r.lasting.put(key, value)
}

// expire stores a record with an expiry.
func (r *records) expire(segment uint64, key string, p framePlace) {
	r.lasting.remove(key)
	r.locate(segment, key, p)
}

// locate sets the location of a record with an expiry.
func (r *records) locate(segment uint64, key string, p framePlace) {
	d := r.digests.digest(key)
	r.places[d] = segmentPlace{p, segment}
	r.index(segment).add(d, p)
}

func (r *records) remove(segment uint64, key string) {
	if !r.lasting.hasRecent(key) {
		r.forget(segment, key)
	}
	r.lasting.remove(key)
}

// forget deletes the location of a record with an expiry.
func (r *records) forget(segment uint64, key string) {
	d := r.digests.digest(key)
	if _, known := r.places[d]; known {
		delete(r.places, d)
		r.index(segment).add(d, framePlace{})
	}
}

// load adds the newest index that is in a file.
func (r *records) load(i *segmentIndex) {
	for n, d := range i.digests {
		if p := i.places[n]; p.length > 0 {
			r.places[d] = segmentPlace{p, i.segment}
		} else {
			delete(r.places, d)
		}
	}
	i.places, i.written = nil, true
	r.indexes = append(r.indexes, i)
}

// drop removes the indexes of segments before the given segment.
func (r *records) drop(before uint64) {
	r.indexes = slices.DeleteFunc(r.indexes, func(i *segmentIndex) bool {
		if i.segment >= before {
			return false
		}
		for _, d := range i.digests {
			if r.places[d].segment < before {
				delete(r.places, d)
			}
		}
		return true
	})
}

// apply applies an entry of a record. It copies the bytes.
func (r *records) apply(segment uint64, frame int64, e *frameEntry) {
	switch e.kind {
	case entryPut:
		r.put(segment, string(e.key), slices.Clone(e.value))
	case entryExpire:
		r.expire(segment, string(e.key), entryPlace(frame, e))
	case entryDelete:
		r.remove(segment, string(e.key))
	}
}

// scanned applies an entry to the records with an expiry only.
func (r *records) scanned(segment uint64, frame int64, e *frameEntry) {
	switch e.kind {
	case entryPut, entryDelete:
		r.forget(segment, string(e.key))
	case entryExpire:
		r.locate(segment, string(e.key), entryPlace(frame, e))
	}
}

// record makes the record that a reader gets.
func record(value []byte, expires int64) store.Record {
	return store.Record{Value: value, Expires: store.End(expires)}
}

// entryPlace returns the location of an entry in its segment. frame is the offset of its frame.
func entryPlace(frame int64, e *frameEntry) framePlace {
	return framePlace{
		expires: e.expires,
		offset:  uint32(frame + wal.ContentOffset + int64(e.at)), //nolint:gosec // a segment is smaller than 4 GiB
		length:  uint32(e.length),                                //nolint:gosec // as above
	}
}
