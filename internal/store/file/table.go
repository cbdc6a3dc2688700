package file

import (
	"bytes"
	"encoding/binary"
	"maps"
	"slices"
	"sort"
)

// lastingChange is the newest change of a record without an expiry.
type lastingChange struct {
	value   []byte
	deleted bool
}

// changeTable is an immutable list of changes of records without an expiry, sorted by key: entries put and
// delete as in a snapshot. The garbage collector does not scan a table, because a table has no
// pointers to its records.
type changeTable struct {
	text []byte
	// starts are the offsets of the entries in text.
	starts []int
}

// tableOf makes a table of changes by key. Later maps override earlier maps.
func tableOf(layers []map[string]lastingChange) *changeTable {
	all := map[string]lastingChange{}
	for _, l := range layers {
		maps.Copy(all, l)
	}
	t := &changeTable{}
	for _, key := range slices.Sorted(maps.Keys(all)) {
		t.starts = append(t.starts, len(t.text))
		if c := all[key]; c.deleted {
			t.text = appendDelete(t.text, key)
		} else {
			t.text = appendPut(t.text, key, c.value)
		}
	}
	return t
}

// readTable makes a table of entries that were written from a table.
func readTable(text []byte) (*changeTable, error) {
	t := &changeTable{text: text}
	err := entries(text, func(e *frameEntry) error {
		if e.kind != entryPut && e.kind != entryDelete {
			return errEntry
		}
		t.starts = append(t.starts, e.at)
		return nil
	})
	return t, err
}

// at returns the i-th key with its change.
func (t *changeTable) at(i int) (key []byte, c lastingChange) {
	text := t.text[t.starts[i]:]
	size := int(binary.LittleEndian.Uint16(text[1:]))
	if text[0] == entryDelete {
		return text[3:][:size], lastingChange{deleted: true}
	}
	length := int(binary.LittleEndian.Uint32(text[3:]))
	return text[7:][:size], lastingChange{value: text[7+size:][:length:length]}
}

// search returns the index of the first key that is not before a key.
func (t *changeTable) search(key string) int {
	return sort.Search(len(t.starts), func(i int) bool {
		k, _ := t.at(i)
		return string(k) >= key
	})
}

// find returns the change of a key. found is false if the table has none.
func (t *changeTable) find(key string) (c lastingChange, found bool) {
	i := t.search(key)
	if i == len(t.starts) {
		return c, false
	}
	k, c := t.at(i)
	return c, string(k) == key
}

// entry returns the bytes of the i-th entry.
func (t *changeTable) entry(i int) []byte {
	if i+1 < len(t.starts) {
		return t.text[t.starts[i]:t.starts[i+1]]
	}
	return t.text[t.starts[i]:]
}

func (t *changeTable) append(entry []byte) {
	t.starts = append(t.starts, len(t.text))
	t.text = append(t.text, entry...)
}

// merge returns the changes of older and newer. If a key has changed in both, the newer change
// counts. If all is true, older has all records, so deletions are left out.
func merge(older, newer *changeTable, all bool) *changeTable {
	out := &changeTable{
		text:   make([]byte, 0, len(older.text)+len(newer.text)),
		starts: make([]int, 0, len(older.starts)+len(newer.starts)),
	}
	at := 0
	for i := range newer.starts {
		key, c := newer.at(i)
		for order := -1; order < 0 && at < len(older.starts); {
			k, _ := older.at(at)
			if order = bytes.Compare(k, key); order < 0 {
				out.append(older.entry(at))
			}
			if order <= 0 {
				at++
			}
		}
		if !all || !c.deleted {
			out.append(newer.entry(i))
		}
	}
	for ; at < len(older.starts); at++ {
		out.append(older.entry(at))
	}
	return out
}

// mergeAll merges one or more tables, oldest first.
func mergeAll(tables []*changeTable) *changeTable {
	if len(tables) == 1 {
		return tables[0]
	}
	half := len(tables) / 2
	return merge(mergeAll(tables[:half]), mergeAll(tables[half:]), false)
}
