package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/store/disk"
)

// newTrail makes the trail of a store. r is the state read from the log.
func newTrail(s *Store, r *replayer) *trailWriter {
	t := &trailWriter{
		store: s, c: s.c.Trail, reader: s.log.NewReader(), rotateSize: s.c.Trail.RotateSize,
		wake: make(chan struct{}, 1), stop: make(chan struct{}), ended: make(chan struct{}), changed: make(chan struct{}),
		health:     health{start: time.Now()},
		generation: r.synced.generation, frame: r.synced.frame, at: r.synced.at, synced: r.synced,
	}
	if !r.known {
		t.frame = s.log.End()
		t.synced.frame = t.frame
	}
	if t.c.Path != "" {
		t.head = trailHead{fs: s.c.FS, path: audit.HeadPath(t.c.Path), key: t.c.Key}
	}
	return t
}

// begin describes how this process continues the trail.
type begin struct {
	chain chainState
	// note is the reason of a recovered line that comes first. newFile reports that the file of the
	// next generation begins with that line.
	note    string
	newFile bool
}

// found describes the trail found at its path.
type found struct {
	file   disk.File
	size   int64
	named  audit.Place
	origin audit.Origin
	headed bool
}

// open determines the place at which the trail continues.
func (t *trailWriter) open(ctx context.Context, r *replayer) (begin, error) {
	if t.c.Path == "" {
		t.target = target{stream: t.c.Writer}
		return begin{chain: chainState{generation: r.chain.generation + 1, origin: audit.NewOrigin(t.c.Key)}}, nil
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
		b.note, err = t.missing()
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

// find opens and locks the trail at the path.
func (t *trailWriter) find(r *replayer) (f found, err error) {
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
		// The earlier process ended before the first head was durable. The log holds all lines.
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

// existing opens the audit file. It returns nil if the file is missing or empty.
func (t *trailWriter) existing() (disk.File, int64, error) {
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

// adopt starts or continues a trail that is not in the log: a new trail, or a trail written by an
// earlier state.
func (t *trailWriter) adopt(ctx context.Context, r *replayer, f found) (b begin, err error) {
	if err := t.leftBehind(r); err != nil {
		return b, err
	}
	b.chain = chainState{generation: r.chain.generation + 1, origin: f.origin, at: f.named}
	if !f.headed {
		b.chain.origin = audit.NewOrigin(t.c.Key)
	}
	var end audit.End
	if f.file != nil {
		end, err = audit.CheckEnd(ctx, audit.Opened{File: f.file, Size: f.size, Path: t.c.Path, Key: t.c.Key}, f.named, f.origin)
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

// beginEmpty sets the target to the empty file at the path.
func (t *trailWriter) beginEmpty() error {
	_ = t.target.close() // the file is empty
	file, err := create(t.store.c.FS, t.c.Path)
	t.target = target{fs: t.store.c.FS, path: t.c.Path, file: file}
	return err
}

// leftBehind writes lines of another trail that may not be durable there to a substitute file.
func (t *trailWriter) leftBehind(r *replayer) error {
	if !r.known {
		return nil
	}
	rest := t.restTarget()
	err := t.pending(func(e *frameEntry, _ audit.Place) error { return rest.write(e.value) })
	if err == nil {
		err = rest.sync()
	}
	return errors.Join(err, rest.close())
}
