package fileindex

import (
	"slices"
	"sort"

	"platform.internal/storekeeper/internal/audit"
)

// maxOpen bounds the number of open intents in memory. The outcome of an intent beyond this bound becomes a
// separate change.
const maxOpen = 100_000

// row is a change with its intent or outcome in a segment.
type row struct {
	intent, outcome audit.Location
}

// at returns the row of a posting.
func (r row) at(posting uint32) audit.Row {
	position := r.intent.Seq
	if posting&late != 0 {
		position = r.outcome.Seq
	}
	return audit.Row{Position: position, Intent: r.intent, Outcome: r.outcome}
}

// openIntent is an intent without an outcome.
type openIntent struct {
	id string
	at audit.Location
	// row is the number of the row of the intent, -1 if the intent is in an earlier segment.
	row int
	// keys are the keys of the intent, nil if the intent was loaded from a segment.
	keys []audit.Key
}

// posting is an entry of the list of a key.
type posting struct {
	// row is the number of a row, with the bit late.
	row uint32
	// before is the index of the posting before it in the list of the key, 0 if there is none.
	before uint32
}

// memory is the segment under construction. Postings have no pointers, so the garbage collector does not
// scan them.
type memory struct {
	lines int
	rows  []row
	// postings are those of all keys; the first is unused. newest is the index of the newest posting of a key.
	postings []posting
	newest   map[audit.Key]uint32
	// crossing are the rows with intents of earlier segments. crossed maps those intents to rows.
	crossing []uint32
	crossed  map[uint64]uint32
}

func newMemory() *memory {
	return &memory{postings: make([]posting, 1), newest: map[audit.Key]uint32{}, crossed: map[uint64]uint32{}}
}

// openIntents are the intents without an outcome, by identifier and by sequence number.
type openIntents struct {
	byID  map[string]*openIntent
	bySeq map[uint64]*openIntent
}

func newOpenIntents() openIntents {
	return openIntents{byID: map[string]*openIntent{}, bySeq: map[uint64]*openIntent{}}
}

func (o openIntents) add(i *openIntent) {
	if len(o.bySeq) < maxOpen {
		o.byID[i.id], o.bySeq[i.at.Seq] = i, i
	}
}

func (o openIntents) take(id string) *openIntent {
	i := o.byID[id]
	if i != nil {
		delete(o.byID, id)
		delete(o.bySeq, i.at.Seq)
	}
	return i
}

// list returns the open intents in order.
func (o openIntents) list() []openIntent {
	all := make([]openIntent, 0, len(o.byID))
	for _, i := range o.byID {
		all = append(all, *i)
	}
	sort.Slice(all, func(a, b int) bool { return all[a].at.Seq < all[b].at.Seq })
	return all
}

// intent adds an intent.
func (m *memory) intent(id string, at audit.Location, keys []audit.Key, open openIntents) {
	n := m.row(row{intent: at})
	for _, k := range keys {
		m.post(k, n)
	}
	open.add(&openIntent{id: id, at: at, row: int(n), keys: keys})
}

// outcome adds the outcome of an intent. i is nil if the intent is unknown.
func (m *memory) outcome(i *openIntent, at audit.Location, keys []audit.Key) {
	var n uint32
	var known []audit.Key
	switch {
	case i == nil:
		n = m.row(row{intent: at, outcome: at})
	case i.row >= 0:
		n, known = uint32(i.row), i.keys //nolint:gosec // It was a uint32.
		m.rows[n].outcome = at
	default:
		n, known = m.row(row{intent: i.at, outcome: at}), i.keys
		m.crossing, m.crossed[i.at.Seq] = append(m.crossing, n), n
	}
	for _, k := range keys {
		if !slices.Contains(known, k) {
			m.post(k, n|late)
		}
	}
}

// post adds a posting to the list of a key.
func (m *memory) post(k audit.Key, row uint32) {
	m.postings = append(m.postings, posting{row: row, before: m.newest[k]})
	m.newest[k] = count(m.postings) - 1
}

func (m *memory) row(r row) uint32 {
	m.rows = append(m.rows, r)
	return count(m.rows) - 1
}

// appendRows appends the rows of a key with a position below before, newest first.
func (m *memory) appendRows(rows []audit.Row, k audit.Key, before uint64, limit int) []audit.Row {
	for at := m.newest[k]; at != 0 && len(rows) < limit; at = m.postings[at].before {
		p := m.postings[at].row
		if r := m.rows[p&^late].at(p); r.Position < before {
			rows = append(rows, r)
		}
	}
	return rows
}

// appendRows is like memory.appendRows.
func (o opened) appendRows(rows []audit.Row, k audit.Key, before uint64, limit int) ([]audit.Row, error) {
	begin, end, err := o.list(k)
	if err != nil || begin == end {
		return rows, err
	}
	if before <= o.last {
		end = begin + uint32(sort.Search(int(end-begin), func(i int) bool { //nolint:gosec // It is below end-begin.
			r, rerr := o.posting(begin + uint32(i)) //nolint:gosec // As above.
			if rerr != nil {
				err = rerr
			}
			return r.Position >= before
		}))
	}
	for at := end; at > begin && len(rows) < limit && err == nil; at-- {
		var r audit.Row
		r, err = o.posting(at - 1)
		rows = append(rows, r)
	}
	return rows, err
}
