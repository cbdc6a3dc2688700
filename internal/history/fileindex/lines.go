package fileindex

import (
	"bytes"
	"errors"
	"io"
	"os"
	"slices"

	"platform.internal/storekeeper/internal/audit"
)

// read returns the lines at some locations, nil for lines that were removed or damaged. If the trail is rotated
// meanwhile, read begins again.
func (f *files) read(at []audit.Location) ([][]byte, error) {
	for {
		all, err := f.list()
		if err != nil {
			return nil, err
		}
		lines, missed, err := readFrom(all, at)
		switch {
		case errors.Is(err, errRotated) && f.again():
			continue
		case err != nil || !slices.ContainsFunc(lines, func(l []byte) bool { return l == nil }):
			return lines, err
		}
		now, err := f.list()
		if err != nil {
			return nil, err
		}
		if slices.Equal(now, all) {
			f.missed = f.missed || missed
			return lines, nil
		}
	}
}

// readFrom reads the lines at some locations from files, nil for lines that are not in the files. missed reports
// whether such a line is damaged, and was not removed with its file. readFrom fails with errRotated if the trail
// is rotated meanwhile.
func readFrom(all []trailFile, at []audit.Location) (lines [][]byte, missed bool, err error) {
	lines = make([][]byte, len(at))
	opened := map[string]*os.File{}
	defer func() {
		for _, file := range opened {
			_ = file.Close() // it was opened for reading
		}
	}()
	for i, l := range at {
		in := holding(all, l.Seq)
		if in == nil {
			continue
		}
		if opened[in.path] == nil {
			file, err := in.open()
			if err != nil {
				return nil, false, err
			}
			opened[in.path] = file
		}
		file := opened[in.path]
		if lines[i], err = lineOf(file, l); err != nil {
			return nil, false, err
		}
		if lines[i] == nil && !missed {
			if missed, err = damagedAt(file, l.Seq); err != nil {
				return nil, false, err
			}
		}
	}
	return lines, missed, nil
}

// lineOf returns the line with a sequence number, nil if the file has none.
func lineOf(file *os.File, l audit.Location) ([]byte, error) {
	text, err := lineAt(file, l.Offset, nil)
	if err != nil {
		return nil, err
	}
	if place, ok := audit.PlaceOf(text); ok && place.Seq() == l.Seq {
		return text, nil
	}
	at, found, err := find(file, l.Seq)
	if err != nil || !found {
		return nil, err
	}
	return lineAt(file, at, nil)
}

// damagedAt reports whether a file without a certain line is damaged. The file has lost the line if it has a later
// record. If its last whole line is no record, the lost line can be that one.
func damagedAt(file *os.File, seq uint64) (bool, error) {
	info, err := file.Stat()
	if err != nil {
		return false, err
	}
	text := make([]byte, min(info.Size(), tailBytes))
	n, err := file.ReadAt(text, info.Size()-int64(len(text)))
	if err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	// Behind the last line feed, a line may be in the middle of a write.
	text = text[:max(0, bytes.LastIndexByte(text[:n], '\n'))]
	last, ok := audit.PlaceOf(text[bytes.LastIndexByte(text, '\n')+1:])
	return !ok || last.Seq() > seq, nil
}
