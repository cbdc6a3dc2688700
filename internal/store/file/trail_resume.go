package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/store/wal"
)

// pending visits the lines of the log that may not be durable in the file.
func (t *trailWriter) pending(visit func(e *frameEntry, at audit.Place) error) error {
	_, err := t.reader.Read(t.synced.frame, func(f wal.Frame) error {
		return entries(f.Content, func(e *frameEntry) error {
			if e.kind != entryLine || e.generation < t.synced.generation {
				return nil
			}
			at, err := linePlace(e)
			if err != nil || e.generation == t.synced.generation && at.Seq() <= t.synced.at.Seq() {
				return err
			}
			return visit(e, at)
		})
	})
	return err
}

// whyGone returns the reason why the file that ends with a record is not at its path.
func (t *trailWriter) whyGone(at audit.Place) string {
	if _, err := t.store.c.FS.Stat(audit.RotatedPath(t.c.Path, at.Seq())); err == nil {
		return audit.ReasonRotated
	}
	return audit.ReasonFileLost
}

// ending describes the lines of a generation that may not be durable in the generation's file.
type ending struct {
	// last is the last of these lines.
	last audit.Place
	// next is the following generation, or 0 if there is none.
	next uint32
}

func (t *trailWriter) ending() (e ending, err error) {
	e.last = t.synced.at
	err = t.pending(func(l *frameEntry, at audit.Place) error {
		if l.generation == t.synced.generation {
			e.last = at
		} else if e.next == 0 {
			e.next = l.generation
		}
		return nil
	})
	return e, err
}

// missing continues a chain whose file is missing or empty. note is the reason of the line that
// begins a new file, or empty if none is needed.
func (t *trailWriter) missing() (note string, err error) {
	e, err := t.ending()
	if err != nil {
		return "", err
	}
	why := t.whyGone(e.last)
	if why == audit.ReasonFileLost && t.synced.size == 0 {
		return "", t.beginEmpty() // all lines of the file are in the log
	}
	t.target = t.restTarget()
	if why == audit.ReasonRotated {
		t.at = e.last // the file was synced before it was renamed
	}
	if why == audit.ReasonFileLost && e.last != t.synced.at || e.next == 0 {
		t.loss = why
	}
	if e.next == 0 {
		note = why
	}
	return note, nil
}

// errCompared ends the comparison of a file with the log.
var errCompared = errors.New("compared")

// resume continues an existing file after its last valid line.
func (t *trailWriter) resume(ctx context.Context, f found) error {
	from := t.synced
	if f.size < from.size || !ends(f.file, from.size, from.at) {
		e, err := t.ending()
		if err != nil {
			return err
		}
		if e.next == 0 || e.last != from.at {
			return audit.Broken(t.c.Path, fmt.Sprintf("it is not the file in which the state has seen record %d", from.at.Seq()))
		}
		// The process ended when it had just begun this file.
		from.generation, from.size = e.next, 0
	}
	size, at, err := t.compare(f, from)
	if err != nil {
		return err
	}
	whole := io.NewSectionReader(f.file, 0, size)
	if _, err := audit.CheckEnd(ctx, audit.Opened{File: whole, Size: size, Path: t.c.Path, Key: t.c.Key}, f.named, f.origin); err != nil {
		return err
	}
	if size < f.size {
		if err := f.file.Truncate(size); err != nil {
			return err
		}
	}
	t.target = target{fs: t.store.c.FS, path: t.c.Path, file: f.file, size: size}
	t.generation, t.at, t.synced = from.generation, at, from
	if size > from.size {
		t.waiting = time.Now()
	}
	return nil
}

// compare compares the file with the log after the durable lines. It returns the end of the last
// line that both have. The file is truncated there: the rest was never durable, and may be a
// partial line or garbage of a power loss.
func (t *trailWriter) compare(f found, from synced) (size int64, at audit.Place, err error) {
	size, at = from.size, from.at
	var text []byte
	differs := false
	err = t.pending(func(e *frameEntry, line audit.Place) error {
		if e.generation < from.generation {
			return nil
		}
		if e.generation > from.generation || size+int64(len(e.value)) > f.size {
			return errCompared
		}
		text = append(text[:0], e.value...)
		if _, err := f.file.ReadAt(text, size); err != nil {
			return err
		}
		if differs = string(text) != string(e.value); differs {
			return errCompared
		}
		size, at = size+int64(len(text)), line
		return nil
	})
	switch {
	case errors.Is(err, errCompared), differs:
		return size, at, nil
	case err != nil:
		return 0, at, err
	}
	return size, at, t.ahead(f, size, at)
}

// ahead returns an error if the file continues with a line that the log lacks.
func (t *trailWriter) ahead(f found, size int64, at audit.Place) error {
	text := make([]byte, min(f.size-size, mostLine))
	if _, err := f.file.ReadAt(text, size); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	next, ok := audit.PlaceOf(firstLine(text))
	if !ok || next.Seq() != at.Seq()+1 {
		return nil
	}
	return fmt.Errorf("%w: %s goes on behind record %d, which is the last that the state has written: the state has lost its end, or is of an earlier time",
		errAhead, t.c.Path, at.Seq())
}

var errAhead = errors.New("the audit trail is newer than the state")
