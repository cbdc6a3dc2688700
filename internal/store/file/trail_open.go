package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/store/disk"
	"platform.internal/storekeeper/internal/store/wal"
)

// newTrail makes the trail of a store whose log was read. What it knows is r.
func newTrail(s *Store, r *replayer) *trail {
	t := &trail{
		store: s, c: s.c.Trail, reader: s.log.NewReader(), rotateSize: s.c.Trail.RotateSize,
		wake: make(chan struct{}, 1), stop: make(chan struct{}), ended: make(chan struct{}), changed: make(chan struct{}),
		generation: r.synced.generation, frame: r.synced.frame, at: r.synced.at, synced: r.synced,
	}
	if !r.known {
		t.frame = s.log.End()
		t.synced.frame = t.frame
	}
	if t.c.Path != "" {
		t.head = head{fs: s.c.FS, path: audit.HeadPath(t.c.Path), key: t.c.Key}
	}
	return t
}

// begin says how the lines of this process continue the trail.
type begin struct {
	chain chain
	// note is the reason of a recovered line that comes first, and newFile says that
	// the file of the next generation begins with it.
	note    string
	newFile bool
}

// found is what was found of a trail at its path.
type found struct {
	file   disk.File
	size   int64
	named  audit.Place
	origin audit.Origin
	headed bool
}

// open finds the place to go on from.
func (t *trail) open(ctx context.Context, r *replayer) (begin, error) {
	if t.c.Path == "" {
		t.target = target{stream: t.c.Writer}
		return begin{chain: chain{generation: r.chain.generation + 1, origin: audit.NewOrigin(t.c.Key)}}, nil
	}
	f, err := t.find(r)
	if err != nil {
		return begin{}, err
	}
	b := begin{chain: r.chain}
	known := r.known && r.chain.path != "" && (f.headed && f.origin == r.chain.origin || !f.headed && r.chain.path == t.c.Path)
	switch {
	case f.file != nil && !f.headed:
		err = audit.BrokenHead(t.c.Path, "it is missing, but the audit file holds records")
	case !known:
		b, err = t.adopt(ctx, r, f)
	case f.headed && f.named.Seq() < t.synced.at.Seq():
		err = audit.BrokenHead(t.c.Path, fmt.Sprintf("it names record %d, and the state has seen record %d in the file", f.named.Seq(), t.synced.at.Seq()))
	case f.file == nil:
		b.note, err = t.missing(r.chain.at)
		b.newFile = b.note != ""
	default:
		err = t.resume(ctx, f)
	}
	b.chain.path, t.head.origin = t.c.Path, b.chain.origin
	if err != nil && f.file != nil && t.target.file == nil {
		err = errors.Join(err, f.file.Close())
	}
	return b, err
}

// find takes the trail at the path for this process.
func (t *trail) find(r *replayer) (f found, err error) {
	if err := t.head.open(); err != nil {
		return f, err
	}
	text, err := t.head.read()
	if err != nil {
		return f, err
	}
	f.headed = len(text) > 0
	f.named, f.origin, err = audit.ParseHead(text, t.c.Key)
	switch {
	case err != nil && r.known && r.chain.path == t.c.Path && r.synced.at.Seq() == 0:
		// The process ended before the first head was durable, when the log had all
		// lines.
		f.headed, f.origin, t.head.empty, t.head.failed = true, r.chain.origin, true, true
	case err != nil && f.headed:
		return f, audit.BrokenHead(t.c.Path, err.Error())
	case f.headed:
		if other := audit.OtherKeying(f.origin, t.c.Key); other != "" {
			return f, audit.BrokenHead(t.c.Path, other)
		}
	}
	f.file, f.size, err = t.existing()
	return f, err
}

// existing opens the audit file, nil where there is none or an empty one.
func (t *trail) existing() (disk.File, int64, error) {
	info, err := t.store.c.FS.Stat(t.c.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, 0, nil
	case err != nil:
		return nil, 0, err
	case !info.Mode().IsRegular():
		return nil, 0, fmt.Errorf("%w: %s is not a regular file", errPath, t.c.Path)
	case info.Size() == 0:
		return nil, 0, nil
	case info.Mode().Perm()&others != 0:
		return nil, 0, fmt.Errorf("%w: %s: its mode is %04o, so everyone can read or change it: make it 0600", errPath, t.c.Path, info.Mode().Perm())
	}
	file, err := t.store.c.FS.OpenFile(t.c.Path, os.O_RDWR|os.O_APPEND, 0)
	return file, info.Size(), err
}

// adopt takes up a trail that the log does not know: a new one, or one that an
// earlier state has written.
func (t *trail) adopt(ctx context.Context, r *replayer, f found) (b begin, err error) {
	if err := t.leftBehind(r); err != nil {
		return b, err
	}
	b.chain = chain{generation: r.chain.generation + 1, origin: f.origin, at: f.named}
	if !f.headed {
		b.chain.origin = audit.NewOrigin(t.c.Key)
	}
	var end audit.End
	if f.file != nil {
		end, err = audit.CheckEnd(ctx, f.file, f.size, t.c.Path, t.c.Key, f.named, f.origin)
		if err == nil && end.Torn > 0 {
			b.note = audit.ReasonTornTail
			err = f.file.Truncate(end.Size)
		}
		if err != nil {
			return b, err
		}
	}
	t.generation, t.frame = b.chain.generation, t.store.log.End()
	t.target = target{fs: t.store.c.FS, path: t.c.Path, file: f.file, size: end.Size}
	if end.Size > 0 {
		b.chain.at = end.Last
	} else if err := t.beginEmpty(); err != nil {
		return b, err
	} else if b.chain.at.Seq() > 0 {
		if b.note = t.whyGone(b.chain.at); b.note == audit.ReasonFileLost {
			t.countLoss(b.note, b.chain.at)
		}
	}
	t.at = b.chain.at
	t.reached()
	return b, nil
}

// beginEmpty makes the empty file at the path the target.
func (t *trail) beginEmpty() error {
	_ = t.target.close() // nothing is in it
	file, err := create(t.store.c.FS, t.c.Path)
	t.target = target{fs: t.store.c.FS, path: t.c.Path, file: file}
	return err
}

// leftBehind writes the lines of another trail that may not be durable in it to a
// file of their own.
func (t *trail) leftBehind(r *replayer) error {
	if !r.known {
		return nil
	}
	rest := t.restTarget()
	err := t.pending(func(e *entry, _ audit.Place) error { return rest.write(e.value) })
	if err == nil {
		err = rest.sync()
	}
	return errors.Join(err, rest.close())
}

// pending visits the lines of the log that may not be durable in the file.
func (t *trail) pending(visit func(e *entry, at audit.Place) error) error {
	_, err := t.reader.Read(t.synced.frame, func(f wal.Frame) error {
		return entries(f.Content, func(e *entry) error {
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

// whyGone says why the file that ends with a record is not at its path.
func (t *trail) whyGone(at audit.Place) string {
	if _, err := t.store.c.FS.Stat(audit.RotatedPath(t.c.Path, at.Seq())); err == nil {
		return audit.ReasonRotated
	}
	return audit.ReasonFileLost
}

// ending is how the lines of a generation end that may not be durable in its file.
type ending struct {
	// last is the last of them.
	last audit.Place
	// next is the generation that follows, 0 where none does.
	next uint32
}

func (t *trail) ending() (e ending, err error) {
	e.last = t.synced.at
	err = t.pending(func(l *entry, at audit.Place) error {
		if l.generation == t.synced.generation {
			e.last = at
		} else if e.next == 0 {
			e.next = l.generation
		}
		return nil
	})
	return e, err
}

// missing goes on where the file of the chain is not there, or empty. note is the
// reason of the line that begins a new file, empty where none is needed.
func (t *trail) missing(last audit.Place) (note string, err error) {
	e, err := t.ending()
	if err != nil {
		return "", err
	}
	why := t.whyGone(e.last)
	if why == audit.ReasonFileLost && t.synced.size == 0 {
		return "", t.beginEmpty() // all of its lines are in the log
	}
	t.target = t.restTarget()
	if why == audit.ReasonRotated {
		t.at = e.last // the file was durable before it was given its name
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

// resume goes on in a file that is there, behind what is in it already.
func (t *trail) resume(ctx context.Context, f found) error {
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
	if _, err := audit.CheckEnd(ctx, whole, size, t.c.Path, t.c.Key, f.named, f.origin); err != nil {
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

// compare holds what is in a file behind the durable lines against the log. It
// returns where the last whole line ends that is in both. What is behind it was
// never durable, and is cut off: it may be a part of a line, or what a loss of power
// left.
func (t *trail) compare(f found, from synced) (size int64, at audit.Place, err error) {
	size, at = from.size, from.at
	var text []byte
	differs := false
	err = t.pending(func(e *entry, line audit.Place) error {
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

// ahead returns an error where a file goes on with a line that the log, which ends
// here, does not have.
func (t *trail) ahead(f found, size int64, at audit.Place) error {
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
