package fileindex

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"platform.internal/storekeeper/internal/audit"
)

// load loads the segments that match the trail and removes the others. It does nothing if the trail is empty.
func (x *Index) load() error {
	for {
		if err := x.loadFiles(); !errors.Is(err, errRotated) || !x.tail.files.again() {
			return err
		}
	}
}

// loadFiles is load, but fails with errRotated if the trail is rotated meanwhile.
func (x *Index) loadFiles() error {
	all, err := x.tail.files.list()
	if err != nil || len(all) == 0 {
		return err
	}
	chain, err := chainOf(all[0].path)
	if err != nil {
		return err
	}
	folder := cmp.Or(x.c.Known, x.c.Folder)
	if x.c.Known == "" {
		removeUnfinished(folder)
	}
	var kept []*segment
	var open []openIntent
	for _, name := range segmentNames(folder) {
		path := filepath.Join(folder, name)
		s, at, err := openSegment(path)
		if err == nil && s.chain == chain && s.last >= all[0].first && follows(kept, s, all[0].first) {
			same, err := sameLine(all, s)
			if err != nil {
				return err
			}
			if same {
				kept, open = append(kept, s), at
				continue
			}
		}
		if x.c.Known != "" {
			continue
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	x.tail.last, x.tail.begun = 0, all[0].first
	if len(kept) > 0 {
		newest := kept[len(kept)-1]
		x.tail.last, x.tail.begun, x.tail.hash = newest.last, newest.last+1, newest.hash
		if err := x.resume(all, newest); err != nil {
			return err
		}
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.segments, x.chain = kept, chain
	x.openNewest()
	for i := range open {
		open[i].row = -1
		x.open.add(&open[i])
	}
	return nil
}

// follows reports whether a segment begins where the previous segment ends. The first segment must contain
// the first line of the trail, or an earlier line that was removed since.
func follows(kept []*segment, s *segment, first uint64) bool {
	if len(kept) == 0 {
		return s.first <= first
	}
	return s.first == kept[len(kept)-1].last+1
}

// sameLine reports whether the last line of a segment is unchanged in the trail. A rotation must not look like a
// changed line, because the segment would be removed. sameLine then fails with errRotated.
func sameLine(all []trailFile, s *segment) (bool, error) {
	in := holding(all, s.last)
	if in == nil {
		return false, nil
	}
	file, err := in.open()
	if errors.Is(err, errRotated) {
		return false, err
	}
	if err != nil {
		return false, nil // the segment is made again
	}
	defer func() { _ = file.Close() }() // it was opened for reading
	at, found, err := find(file, s.last)
	if err != nil || !found {
		return false, nil // as above
	}
	text, err := lineAt(file, at, nil)
	place, ok := audit.PlaceOf(text)
	return err == nil && ok && place.Hash() == s.hash, nil
}

// resume positions the tail after the last line of a segment.
func (x *Index) resume(all []trailFile, s *segment) error {
	in := holding(all, s.last)
	if next := holding(all, s.last+1); next != in {
		return x.tail.open(*next, 0)
	}
	if err := x.tail.open(*in, s.end); err != nil {
		return err
	}
	if lineBefore(x.tail.file, s.end) != s.last {
		// The file differs from the indexed file. The tail skips known lines.
		x.tail.at = 0
	}
	return nil
}

// lineBefore returns the sequence number of the line that ends before an offset, 0 if none does.
func lineBefore(file io.ReaderAt, at int64) uint64 {
	text := make([]byte, min(at, mostLine))
	if n, err := file.ReadAt(text, at-int64(len(text))); err != nil && (!errors.Is(err, io.EOF) || n < len(text)) {
		return 0
	}
	text, ended := bytes.CutSuffix(text, []byte("\n"))
	if !ended {
		return 0
	}
	place, _ := audit.PlaceOf(text[bytes.LastIndexByte(text, '\n')+1:])
	return place.Seq()
}

// chainOf returns the chain identifier at the start of a file. A partial trail may lack the identifier, and
// then has no reusable segments.
func chainOf(path string) (string, error) {
	const unnamed = "00000000000000000000000000000000"
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", rotated(path)
	}
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }()
	text, err := lineAt(file, 0, nil)
	if err != nil {
		return "", err
	}
	e, err := audit.ParseLine(text)
	if err != nil || len(e.Chain) != len(unnamed) {
		return unnamed, nil
	}
	return e.Chain, nil
}
