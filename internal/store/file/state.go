package file

import (
	"cmp"
	"maps"
	"slices"

	"platform.internal/storekeeper/internal/store"
	"platform.internal/storekeeper/internal/store/wal"
)

// framePlace is the location of the entry of a record with an expiry in a segment. A length of 0
// means that the record was deleted, so that older segments do not count.
type framePlace struct {
	expires        int64
	offset, length uint32
}

// segmentIndex holds the locations of the records with an expiry in a segment. It has no pointers,
// so the garbage collector does not scan it.
type segmentIndex struct {
	segment uint64
	places  map[digest]framePlace
	// until is the latest expiry of the records.
	until int64
}

// records is the durable state: the records without an expiry in memory, and the locations of the
// records with an expiry in the log.
type records struct {
	lasting map[string][]byte
	// indexes are the indexes of the segments, oldest first.
	indexes []*segmentIndex
	digests *digester
}

func newRecords(key []byte) *records {
	return &records{lasting: map[string][]byte{}, digests: newDigester(key)}
}

// find returns the value of a record without an expiry, or the location of an unexpired record with
// an expiry.
func (r *records) find(key string, now int64) (value []byte, segment uint64, p framePlace, found bool) {
	if value, found = r.lasting[key]; found {
		return value, 0, p, true
	}
	segment, p = r.placeOf(r.digests.digest(key))
	return nil, segment, p, p.length > 0 && p.expires > now
}

func (r *records) placeOf(d digest) (segment uint64, p framePlace) {
	for _, i := range slices.Backward(r.indexes) {
		if p, ok := i.places[d]; ok {
			return i.segment, p
		}
	}
	return 0, framePlace{}
}

// index returns the index of a segment. A missing index is added; the segment must then be the
// newest.
func (r *records) index(segment uint64) *segmentIndex {
	at, found := slices.BinarySearchFunc(r.indexes, segment, func(i *segmentIndex, n uint64) int {
		return cmp.Compare(i.segment, n)
	})
	if !found {
		r.indexes = slices.Insert(r.indexes, at, &segmentIndex{segment: segment, places: map[digest]framePlace{}})
	}
	return r.indexes[at]
}

// put stores a record without an expiry.
func (r *records) put(segment uint64, key string, value []byte) {
	r.lasting[key] = value
	r.forget(segment, key)
}

// expire stores a record with an expiry.
func (r *records) expire(segment uint64, key string, p framePlace) {
	delete(r.lasting, key)
	i := r.index(segment)
	i.places[r.digests.digest(key)] = p
	i.until = max(i.until, p.expires)
}

func (r *records) remove(segment uint64, key string) {
	delete(r.lasting, key)
	r.forget(segment, key)
}

// forget deletes the location of a record with an expiry.
func (r *records) forget(segment uint64, key string) {
	if len(r.indexes) == 0 {
		return
	}
	d := r.digests.digest(key)
	at, p := r.placeOf(d)
	switch {
	case p.length == 0:
	case at == segment && !r.older(segment, d):
		delete(r.index(segment).places, d)
	default:
		r.index(segment).places[d] = framePlace{}
	}
}

// older reports whether the index of an earlier segment has the record.
func (r *records) older(segment uint64, d digest) bool {
	for _, i := range r.indexes {
		if i.segment < segment {
			if _, ok := i.places[d]; ok {
				return true
			}
		}
	}
	return false
}

// drop removes the indexes of segments before the given segment.
func (r *records) drop(before uint64) {
	r.indexes = slices.DeleteFunc(r.indexes, func(i *segmentIndex) bool { return i.segment < before })
}

// keys returns the keys with a prefix of the records without an expiry, in order.
func (r *records) keys(prefix string) []string {
	var keys []string
	for key := range r.lasting {
		if len(key) >= len(prefix) && key[:len(prefix)] == prefix {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
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
		i := r.index(segment)
		i.places[r.digests.digest(string(e.key))] = entryPlace(frame, e)
		i.until = max(i.until, e.expires)
	}
}

// snapshot is a copy of the records without an expiry.
func (r *records) snapshot() map[string][]byte { return maps.Clone(r.lasting) }

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
