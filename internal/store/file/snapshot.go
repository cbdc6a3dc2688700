package file

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"

	"platform.internal/storekeeper/internal/store/wal"
)

// snapshot is the durable state at the begin of a segment, except for the records with an expiry,
// which are in the indexes of the segments.
//
// The content of its file: the number of the last frame before the segment 8; the segment of the
// snapshot that this snapshot continues, or 0 if it has all records, 8; entries H, T and G; and
// entries P and D, sorted by key: the records that have changed since the continued snapshot, or all
// records.
type snapshot struct {
	segment uint64
	// number is the number of the last frame before the segment.
	number uint64
	chain  chainState
	synced synced
	oldest uint64
}

// writeSnapshot writes a snapshot with the records of a table. continues is the segment of the
// snapshot that the table changes, or 0 if the table has all records.
func (f *sealedFiles) writeSnapshot(s *snapshot, continues uint64, t *changeTable) error {
	text := slices.Grow(f.begin(snapshotMagic), len(t.text)+1024)
	text = binary.LittleEndian.AppendUint64(text, s.number)
	text = binary.LittleEndian.AppendUint64(text, continues)
	text = appendChain(text, s.chain)
	text = appendSynced(text, s.synced)
	text = appendOldest(text, s.oldest)
	return f.write(segmentFile(snapshotPrefix, s.segment), append(text, t.text...))
}

// readSnapshot reads the newest valid snapshot and those that it continues, newest first. There may
// be none. damaged is the error of a newer, damaged snapshot.
func (f *sealedFiles) readSnapshot() (chain []snapshotFile, damaged, err error) {
	names, err := f.fs.Names(f.folder)
	if err != nil {
		return nil, nil, err
	}
	slices.Sort(names)
	for _, name := range slices.Backward(names) {
		segment, ok := segmentOf(snapshotPrefix, name)
		if !ok {
			continue
		}
		chain, err := f.readSnapshots(segment)
		switch {
		case err == nil:
			return chain, damaged, nil
		case errors.Is(err, errSealed), errors.Is(err, os.ErrNotExist):
			damaged = fmt.Errorf("%s: %w", name, err)
		default:
			return nil, nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil, damaged, nil
}

// snapshotFile is the content of the file of a snapshot.
type snapshotFile struct {
	segment, number, continues uint64
	state                      [3]frameEntry
	table                      *changeTable
}

// readSnapshots reads a snapshot and those that it continues, newest first.
func (f *sealedFiles) readSnapshots(segment uint64) (chain []snapshotFile, err error) {
	for next := segment; next != 0; {
		text, err := f.read(segmentFile(snapshotPrefix, next), snapshotMagic)
		if err != nil {
			return nil, err
		}
		d := decoder{rest: text}
		s := snapshotFile{segment: next, number: d.u64(), continues: d.u64()}
		for i := range s.state {
			s.state[i].kind = d.byte()
			if err := d.entry(&s.state[i]); err != nil {
				return nil, err
			}
		}
		if s.table, err = readTable(d.rest); err != nil {
			return nil, err
		}
		if s.continues >= next {
			return nil, errSealed
		}
		chain, next = append(chain, s), s.continues
	}
	return chain, nil
}

// begin applies a snapshot and those that it continues, newest first, except for their records.
func (r *replayer) begin(chain []snapshotFile) (start wal.Start, err error) {
	if len(chain) == 0 {
		return start, nil
	}
	newest := &chain[0]
	for i := range newest.state {
		if err := r.entry(0, 0, &newest.state[i]); err != nil {
			return start, err
		}
	}
	for i, s := range chain {
		r.snapshots.segments = append(r.snapshots.segments, s.segment)
		if i < len(chain)-1 {
			r.snapshots.changed += len(s.table.text)
		}
	}
	return wal.Start{Segment: newest.segment, Number: newest.number}, nil
}

// recordsOf returns the records of a snapshot and of those that it continues, newest first.
func recordsOf(chain []snapshotFile) *changeTable {
	var changes []*changeTable
	for _, s := range slices.Backward(chain) {
		changes = append(changes, s.table)
	}
	switch len(changes) {
	case 0:
		return &changeTable{}
	case 1:
		return changes[0]
	}
	return merge(changes[0], mergeAll(changes[1:]), true)
}

const indexEntry = 16 + 8 + 4 + 4

func (f *sealedFiles) writeIndex(i *segmentIndex) error {
	i.sort()
	text := slices.Grow(f.begin(indexMagic), 16+len(i.places)*indexEntry+64)
	text = binary.LittleEndian.AppendUint64(text, i.segment)
	text = binary.LittleEndian.AppendUint64(text, uint64(i.until)) //nolint:gosec // the same bits
	for n, p := range i.places {
		text = append(text, i.digests[n][:]...)
		text = binary.LittleEndian.AppendUint64(text, uint64(p.expires)) //nolint:gosec // the same bits
		text = binary.LittleEndian.AppendUint32(text, p.offset)
		text = binary.LittleEndian.AppendUint32(text, p.length)
	}
	return f.write(segmentFile(indexPrefix, i.segment), text)
}

// readIndex reads the index of a segment. It returns nil if the index is missing or damaged; the
// caller then rebuilds it.
func (f *sealedFiles) readIndex(segment uint64) (*segmentIndex, error) {
	text, err := f.read(segmentFile(indexPrefix, segment), indexMagic)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, errSealed) {
		return nil, nil //nolint:nilnil // no index is an answer like any other here
	}
	if err != nil {
		return nil, err
	}
	d := decoder{rest: text}
	if d.u64() != segment || (len(text)-16)%indexEntry != 0 {
		return nil, nil //nolint:nilnil // as above
	}
	many := len(text) / indexEntry
	i := &segmentIndex{segment: segment, written: true, until: d.i64(), digests: make([]digest, 0, many), places: make([]framePlace, 0, many)}
	sorted, last := true, byte(0)
	for len(d.rest) > 0 {
		key := digest(d.take(len(digest{})))
		sorted, last = sorted && key[0] >= last, key[0]
		i.digests = append(i.digests, key)
		i.places = append(i.places, framePlace{expires: d.i64(), offset: d.u32(), length: d.u32()})
	}
	if d.short || !sorted {
		return nil, nil //nolint:nilnil // as above
	}
	return i, nil
}

// replayer builds the state of a store from the entries of its files, in order.
type replayer struct {
	records *records
	chain   chainState
	synced  synced
	oldest  uint64
	// known reports that the trail was begun.
	known bool
	// snapshots are the snapshot that was read and those that it continues.
	snapshots snapshotChain
}

// entry applies an entry. segment and frame are its location.
func (r *replayer) entry(segment uint64, frame int64, e *frameEntry) error {
	switch e.kind {
	case entryLine:
		at, err := linePlace(e)
		if err != nil {
			return err
		}
		r.chain.generation, r.chain.at = e.generation, at
	case entryChain:
		r.chain, r.known = e.chain, true
	case entryTrail:
		r.synced = e.synced
	case entryOldest:
		r.oldest = e.oldest
	default:
		if frame > math.MaxUint32-wal.MaxFrame-wal.ContentOffset {
			return errEntry
		}
		r.records.apply(segment, frame, e)
	}
	return nil
}
