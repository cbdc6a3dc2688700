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
type snapshot struct {
	segment uint64
	// number is the number of the last frame before the segment.
	number  uint64
	lasting map[string][]byte
	chain   chainState
	synced  synced
	oldest  uint64
}

func (f *sealedFiles) writeSnapshot(s *snapshot) error {
	text := binary.LittleEndian.AppendUint64(f.begin(snapshotMagic), s.number)
	text = appendChain(text, s.chain)
	text = appendSynced(text, s.synced)
	text = appendOldest(text, s.oldest)
	for key, value := range s.lasting {
		text = appendPut(text, key, value)
	}
	return f.write(segmentFile(snapshotPrefix, s.segment), text)
}

// readSnapshot reads the newest valid snapshot into r. start is zero if there is none. damaged is
// the error of a newer, damaged snapshot.
func (f *sealedFiles) readSnapshot(r *replayer) (start wal.Start, damaged, err error) {
	names, err := f.fs.Names(f.folder)
	if err != nil {
		return start, nil, err
	}
	slices.Sort(names)
	for _, name := range slices.Backward(names) {
		segment, ok := segmentOf(snapshotPrefix, name)
		if !ok {
			continue
		}
		text, err := f.read(name, snapshotMagic)
		switch {
		case err == nil && len(text) >= 8:
			err = entries(text[8:], func(e *frameEntry) error { return r.entry(0, 0, e) })
			return wal.Start{Segment: segment, Number: binary.LittleEndian.Uint64(text)}, damaged, err
		case errors.Is(err, errSealed):
			damaged = fmt.Errorf("%s: %w", name, err)
		default:
			return start, nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return start, damaged, nil
}

const indexEntry = 16 + 8 + 4 + 4

func (f *sealedFiles) writeIndex(i *segmentIndex) error {
	text := slices.Grow(f.begin(indexMagic), 16+len(i.places)*indexEntry+64)
	text = binary.LittleEndian.AppendUint64(text, i.segment)
	text = binary.LittleEndian.AppendUint64(text, uint64(i.until)) //nolint:gosec // the same bits
	for d, p := range i.places {
		text = append(text, d[:]...)
		text = binary.LittleEndian.AppendUint64(text, uint64(p.expires)) //nolint:gosec // the same bits
		text = binary.LittleEndian.AppendUint32(text, p.offset)
		text = binary.LittleEndian.AppendUint32(text, p.length)
	}
	return f.write(segmentFile(indexPrefix, i.segment), text)
}

// readIndex reads the index of a segment. ok is false if the index is missing or damaged; the
// caller then rebuilds it.
func (f *sealedFiles) readIndex(segment uint64) (i *segmentIndex, ok bool, err error) {
	text, err := f.read(segmentFile(indexPrefix, segment), indexMagic)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, errSealed) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	d := decoder{rest: text}
	if d.u64() != segment || (len(text)-16)%indexEntry != 0 {
		return nil, false, nil
	}
	i = &segmentIndex{segment: segment, until: d.i64(), places: make(map[digest]framePlace, len(text)/indexEntry)}
	for len(d.rest) > 0 {
		key := digest(d.take(len(digest{})))
		i.places[key] = framePlace{expires: d.i64(), offset: d.u32(), length: d.u32()}
	}
	return i, !d.short, nil
}

// replayer builds the state of a store from the entries of its files, in order.
type replayer struct {
	records *records
	chain   chainState
	synced  synced
	oldest  uint64
	// known reports that the trail was begun.
	known bool
	// snapshot is the segment of the snapshot that was read. indexed is the last segment up to
	// which all segments have an index.
	snapshot, indexed uint64
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
