package bolt

import (
	"maps"
	"slices"
	"time"

	"platform.internal/storekeeper/internal/records"
)

// item is what a record has become: gone, or with a value and perhaps an end.
type item struct {
	gone bool
	end  int64
	// kept is the value, behind its end where it has one: as the table keeps
	// it. It is never changed, so that readers may have it.
	kept []byte
}

// itemOf is what an entry becomes, nil for one that goes.
func itemOf(e *records.Entry) item {
	if e == nil {
		return item{gone: true}
	}
	end := records.Until(e.Expires)
	if end == 0 {
		return item{kept: e.Value}
	}
	return item{end: end, kept: behindEnd(end, e.Value)}
}

// entry is the record, which may not exist at a time.
func (i item) entry(at time.Time) (e records.Entry, exists bool) {
	switch {
	case i.gone:
		return records.Entry{}, false
	case i.end == 0:
		return records.Entry{Value: i.kept}, true
	}
	end := records.End(i.end)
	if !end.After(at) {
		return records.Entry{}, false
	}
	return records.Entry{Value: i.kept[endSize:], Expires: end}, true
}

// memory is what has become of some records since the table was written.
type memory map[string]item

// in puts the item into the table. What ended meanwhile needs no place there.
func (i item) in(t *table, key []byte, at time.Time) error {
	switch {
	case i.gone, i.end != 0 && !records.End(i.end).After(at):
		return t.drop(key)
	case i.end != 0:
		return t.putEnding(key, i.end, i.kept)
	}
	return t.putLasting(key, i.kept)
}

// in puts all of it into the table, in the order of the table.
func (m memory) in(t *table, at time.Time) error {
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if err := m[key].in(t, []byte(key), at); err != nil {
			return err
		}
	}
	return nil
}
