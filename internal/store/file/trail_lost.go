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

// asideStamp is the time format in the name of a file that was moved aside.
const asideStamp = "20060102T150405.000000Z"

// errGone ends a read of the log because the file of the lines is gone.
var errGone = errors.New("the audit file is not what was written; a new one continues the chain")

// check checks the file before a write. If the file is gone, a new file continues the chain.
func (t *trailWriter) check() error {
	if !t.target.inPlace() {
		return nil
	}
	size, here, err := t.target.file.At(t.c.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !t.foldered():
		return err // the file is expected back together with its folder
	case errors.Is(err, fs.ErrNotExist), err == nil && !here:
		if !t.target.file.Named() {
			return t.gone(audit.ReasonFileLost)
		}
		// Under its new name, the file gets all lines up to the line that begins the new file.
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

// foldered reports whether the folder of the file exists.
func (t *trailWriter) foldered() bool {
	_, err := t.store.c.FS.Stat(filepath.Dir(t.c.Path))
	return err == nil
}

// returned reports whether a file that was moved is at its path again.
func (t *trailWriter) returned() bool {
	if !t.target.moved {
		return false
	}
	size, here, err := t.target.file.At(t.c.Path)
	t.target.moved = err != nil || !here || size != t.target.size
	return !t.target.moved
}

// damaged moves the file at the path aside.
func (t *trailWriter) damaged() error {
	if err := t.aside(); err != nil {
		return err
	}
	return t.gone(audit.ReasonFileDamaged)
}

func (t *trailWriter) aside() error {
	return t.store.c.FS.Rename(t.c.Path, t.c.Path+".damaged-"+t.store.c.Now().UTC().Format(asideStamp))
}

// gone gives up the file. Lines of the file that are still in the log go to a substitute file, up
// to the line that begins the new file.
func (t *trailWriter) gone(reason string) error {
	_ = t.target.close() // the content is not used any more
	t.target = t.restTarget()
	t.frame, t.at, t.waiting, t.failed = t.synced.frame, t.synced.at, time.Time{}, false
	t.loss = reason
	t.ask(reason)
	return errGone
}

func (t *trailWriter) restTarget() target {
	return target{fs: t.store.c.FS, path: t.c.Path, rest: fmt.Sprintf("%s.rest-%010d", t.c.Path, t.generation)}
}

// retry continues after a failed write or sync, through a new handle: the file is truncated to its
// durable length, and the rest is written again.
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
	_ = t.target.close() // already failed
	t.target.file, t.target.size = file, t.synced.size
	t.frame, t.at, t.waiting = t.synced.frame, t.synced.at, time.Time{}
	return nil
}

// turn ends the file of a generation and begins the next file. The end of the old file is durable
// in the log before the new file is created.
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
	_ = t.target.close() // the file is durable
	t.begun(generation, target{fs: t.store.c.FS, path: t.c.Path, file: file})
	return nil
}

// begun starts a generation with a target.
func (t *trailWriter) begun(generation uint32, next target) {
	if t.loss == audit.ReasonFileDamaged || t.loss == audit.ReasonFileLost && !t.target.moved {
		t.countLoss(t.loss, t.at)
	}
	t.target, t.generation, t.asked, t.loss = next, generation, nil, ""
	t.waiting = time.Time{}
	t.reached()
}

// countLoss counts and logs a lost file. A file that exists under another name was rotated by
// another program, and does not count.
func (t *trailWriter) countLoss(reason string, at audit.Place) {
	t.lost.Add(1)
	t.store.c.Logger.Error("audit records that were written are gone from their file",
		zap.String("reason", reason), zap.Uint64("last_record", at.Seq()))
}

// rotate renames the file to its rotated name, and never overwrites a file of that name, which may
// belong to another chain. If the rename fails, the file continues to grow: a failed rotation must
// not block changes.
func (t *trailWriter) rotate() bool {
	to := audit.RotatedPath(t.c.Path, t.at.Seq())
	if _, here, err := t.target.file.At(to); err == nil && here {
		return true // the earlier attempt failed after the rename
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
	t.rotateSize = 2 * t.target.size // the next attempt is at twice the size
	return false
}

// clear moves aside a foreign file at the path.
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
