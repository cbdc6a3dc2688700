package file

import (
	"cmp"
	"runtime"
	"slices"
	"sort"
	"sync"

	"platform.internal/storekeeper/internal/store"
	"platform.internal/storekeeper/internal/store/wal"
)

// framePlace is the location of the entry of a record with an expiry in a segment. A length of 0
// means that the record was deleted.
type framePlace struct {
	expires        int64
	offset, length uint32
}

// segmentIndex lists the changes of records with an expiry in a segment, in order. In a file and after
// sort, it is in order of the first byte of the digests.
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

// sort brings the changes into the order of the first byte of the digests. The changes of a digest stay
// in order.
func (i *segmentIndex) sort() {
	order := make([]int, len(i.digests))
	for n := range order {
		order[n] = n
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(i.digests[a][0], i.digests[b][0]) })
	sorted := segmentIndex{digests: make([]digest, 0, len(order)), places: make([]framePlace, 0, len(order))}
	for _, n := range order {
		sorted.add(i.digests[n], i.places[n])
	}
	i.digests, i.places = sorted.digests, sorted.places
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
	// places are the locations, in a map for each first byte of a digest. A map has no pointers, so the
	// garbage collector does not scan it.
	places [256]map[digest]segmentPlace
	// indexes are the indexes of the segments, oldest first.
	indexes []*segmentIndex
	digests *digester
}

func newRecords(key []byte) *records {
	r := &records{lasting: newLasting(), digests: newDigester(key)}
	r.load(nil)
	return r
}

// find returns the value of a record without an expiry, or the location of an unexpired record with
// an expiry.
func (r *records) find(key string, now int64) (value []byte, p segmentPlace, found bool) {
	if value, found = r.lasting.get(key); found {
		return value, p, true
	}
	d := r.digests.digest(key)
	p = r.places[d[0]][d]
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
	r.places[d[0]][d] = segmentPlace{p, segment}
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
	if _, known := r.places[d[0]][d]; known {
		delete(r.places[d[0]], d)
		r.index(segment).add(d, framePlace{})
	}
}

// load sets the locations of sorted indexes, oldest first. It fills one map after the other, because a
// small map fits into the cache of a processor.
func (r *records) load(all []*segmentIndex) {
	r.indexes = all
	part := len(r.places) / min(runtime.GOMAXPROCS(0), len(r.places))
	var filling sync.WaitGroup
	for from := 0; from < len(r.places); from += part {
		filling.Go(func() { r.loadMaps(all, from, min(from+part, len(r.places))) })
	}
	filling.Wait()
	for _, i := range all {
		if i.written {
			i.places = nil
		}
	}
}

// loadMaps is load for the digests with some first bytes.
func (r *records) loadMaps(all []*segmentIndex, from, to int) {
	next, many := make([]int, len(all)), 0
	for n, i := range all {
		next[n] = sort.Search(len(i.digests), func(at int) bool { return int(i.digests[at][0]) >= from })
		many += len(i.digests)
	}
	for first := from; first < to; first++ {
		places := make(map[digest]segmentPlace, many/len(r.places))
		for n, i := range all {
			for ; next[n] < len(i.digests) && int(i.digests[next[n]][0]) == first; next[n]++ {
				d, p := i.digests[next[n]], i.places[next[n]]
				if p.length > 0 {
					places[d] = segmentPlace{p, i.segment}
				} else {
					delete(places, d)
				}
			}
		}
		r.places[first] = places
	}
}

// drop removes the indexes of segments before the given segment.
func (r *records) drop(before uint64) {
	r.indexes = slices.DeleteFunc(r.indexes, func(i *segmentIndex) bool {
		if i.segment >= before {
			return false
		}
		for _, d := range i.digests {
			if r.places[d[0]][d].segment < before {
				delete(r.places[d[0]], d)
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

// scan adds an entry to the index of a segment that has lost its file. A record is noted as deleted
// even if it had no location.
func (i *segmentIndex) scan(digests *digester, frame int64, e *frameEntry) {
	switch e.kind {
	case entryPut, entryDelete:
		i.add(digests.digest(string(e.key)), framePlace{})
	case entryExpire:
		i.add(digests.digest(string(e.key)), entryPlace(frame, e))
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
