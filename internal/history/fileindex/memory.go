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

// memory is the segment under construction.
type memory struct {
	lines    int
	rows     []row
	postings map[audit.Key][]uint32
	// crossing are the rows with intents of earlier segments. crossed maps those intents to rows.
	crossing []uint32
	crossed  map[uint64]uint32
}

func newMemory() *memory {
	return &memory{postings: map[audit.Key][]uint32{}, crossed: map[uint64]uint32{}}
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
		m.postings[k] = append(m.postings[k], n)
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
			m.postings[k] = append(m.postings[k], n|late)
		}
	}
}

func (m *memory) row(r row) uint32 {
	m.rows = append(m.rows, r)
	return count(m.rows) - 1
}

// appendRows appends the rows of a key with a position below before, newest first.
func (m *memory) appendRows(rows []audit.Row, k audit.Key, before uint64, limit int) []audit.Row {
	list := m.postings[k]
	at := sort.Search(len(list), func(i int) bool { return m.rows[list[i]&^late].at(list[i]).Position >= before })
	for at--; at >= 0 && len(rows) < limit; at-- {
		rows = append(rows, m.rows[list[at]&^late].at(list[at]))
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
