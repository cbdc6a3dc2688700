package file

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"go.uber.org/zap"

	"platform.internal/storekeeper/internal/audit"
)

// asideStamp dates a file that was moved aside.
const asideStamp = "20060102T150405.000000Z"

// errGone ends a read of the log whose lines have no file any more.
var errGone = errors.New("the audit file is not what was written; a new one continues the chain")

// check holds the file against what was written to it, before more is written. A
// file that is gone is followed by a new one.
func (t *trailWriter) check() error {
	if !t.target.inPlace() {
		return nil
	}
	size, here, err := t.target.file.At(t.c.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !t.foldered():
		return err // the file is where its folder is, and is expected back
	case errors.Is(err, fs.ErrNotExist), err == nil && !here:
		if !t.target.file.Named() {
			return t.gone(audit.ReasonFileLost)
		}
		// Under its new name it gets all lines up to that which begins the new file.
		t.target.moved = true
		t.ask(audit.ReasonFileLost)
		return nil
	case err != nil:
		return err
	case size == t.target.size:
		return nil
	case size == 0:
		return t.gone(audit.ReasonFileLost)
	case size > t.target.size && ends(t.target.file, t.target.size, t.at):
		return t.target.file.Truncate(t.target.size)
	}
	return t.damaged()
}

// foldered says whether the folder of the file is at its path.
func (t *trailWriter) foldered() bool {
	_, err := t.store.c.FS.Stat(filepath.Dir(t.c.Path))
	return err == nil
}

// returned says whether a file that was not at its path is there again.
func (t *trailWriter) returned() bool {
	if !t.target.moved {
		return false
	}
	size, here, err := t.target.file.At(t.c.Path)
	t.target.moved = err != nil || !here || size != t.target.size
	return !t.target.moved
}

// damaged moves aside what is at the path.
func (t *trailWriter) damaged() error {
	if err := t.aside(); err != nil {
		return err
	}
	return t.gone(audit.ReasonFileDamaged)
}

func (t *trailWriter) aside() error {
	return t.store.c.FS.Rename(t.c.Path, t.c.Path+".damaged-"+t.store.c.Now().UTC().Format(asideStamp))
}

// gone gives up the file. The lines that the log has of it go to a file of their
// own, up to that which begins the new file.
func (t *trailWriter) gone(reason string) error {
	_ = t.target.close() // nothing in it is relied on
	t.target = t.restTarget()
	t.frame, t.at, t.waiting, t.failed = t.synced.frame, t.synced.at, time.Time{}, false
	t.loss = reason
	t.ask(reason)
	return errGone
}

func (t *trailWriter) restTarget() target {
	return target{fs: t.store.c.FS, path: t.c.Path, rest: fmt.Sprintf("%s.rest-%010d", t.c.Path, t.generation)}
}

// retry goes on after a write or a sync that failed, through a new handle: cut to
// what is durable, and written again from there.
func (t *trailWriter) retry() error {
	switch {
	case t.target.stream != nil:
		return nil
	case t.target.rest != "", t.target.moved:
		if err := t.gone(t.loss); !errors.Is(err, errGone) {
			return err
		}
		return nil
	}
	_, here, err := t.target.file.At(t.c.Path)
	if errors.Is(err, fs.ErrNotExist) && t.foldered() || err == nil && !here {
		return t.gone(audit.ReasonFileLost)
	}
	if err != nil {
		return err
	}
	file, err := t.store.c.FS.OpenFile(t.c.Path, os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		return errors.Join(err, file.Close())
	}
	if info.Size() < t.synced.size || !ends(file, t.synced.size, t.synced.at) {
		return errors.Join(t.damaged(), file.Close())
	}
	err = file.Truncate(t.synced.size)
	if err == nil {
		err = file.Sync()
	}
	if err != nil {
		return errors.Join(err, file.Close())
	}
	_ = t.target.close() // it has failed already
	t.target.file, t.target.size = file, t.synced.size
	t.frame, t.at, t.waiting = t.synced.frame, t.synced.at, time.Time{}
	return nil
}

// turn ends the file of a generation and begins that of the next one. Before the
// new file is there, the log knows how the old one ends.
func (t *trailWriter) turn(generation uint32) error {
	if t.target.stream != nil {
		t.generation, t.at = generation, audit.Place{}
		return nil
	}
	if err := t.target.sync(); err != nil {
		t.failed = true
		return err
	}
	if err := t.head.write(t.at); err != nil {
		return err
	}
	t.reached()
	if err := t.store.settled(); err != nil {
		return err
	}
	if t.returned() || t.target.inPlace() && !t.rotate() {
		t.begun(generation, t.target)
		return nil
	}
	if err := t.clear(); err != nil {
		return err
	}
	file, err := create(t.store.c.FS, t.c.Path)
	if err != nil {
		return err
	}
	_ = t.target.close() // it is durable
	t.begun(generation, target{fs: t.store.c.FS, path: t.c.Path, file: file})
	return nil
}

// begun makes a target that of a generation.
func (t *trailWriter) begun(generation uint32, next target) {
	if t.loss == audit.ReasonFileDamaged || t.loss == audit.ReasonFileLost && !t.target.moved {
		t.countLoss(t.loss, t.at)
	}
	t.target, t.generation, t.asked, t.loss = next, generation, nil, ""
	t.waiting = time.Time{}
	t.reached()
}

// countLoss tells of a file that was lost. One that lives on under another name was
// rotated by somebody else.
func (t *trailWriter) countLoss(reason string, at audit.Place) {
	t.lost.Add(1)
	t.store.c.Logger.Error("audit records that were written are gone from their file",
		zap.String("reason", reason), zap.Uint64("last_record", at.Seq()))
}

// rotate gives the file the name of a rotated one, and never over another one, which
// may be of another chain. Where it cannot, the file goes on growing: a trail that
// cannot be rotated must not refuse changes.
func (t *trailWriter) rotate() bool {
	to := audit.RotatedPath(t.c.Path, t.at.Seq())
	if _, here, err := t.target.file.At(to); err == nil && here {
		return true // and then the new file could not be begun
	}
	_, err := t.store.c.FS.Stat(to)
	switch {
	case err == nil:
		err = fmt.Errorf("%s: %w", to, fs.ErrExist)
	case errors.Is(err, fs.ErrNotExist):
		err = t.store.c.FS.Rename(t.c.Path, to)
	}
	if err == nil {
		return true
	}
	t.store.c.Logger.Error("the audit file could not be rotated and goes on growing", zap.Error(err))
	t.rotateSize = 2 * t.target.size // tried again when there is twice as much
	return false
}

// clear moves aside what somebody has put at the path.
func (t *trailWriter) clear() error {
	info, err := t.store.c.FS.Stat(t.c.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a regular file", t.c.Path)
	case info.Size() == 0:
		return nil
	}
	return t.aside()
}
