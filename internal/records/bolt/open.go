package bolt

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"platform.internal/storekeeper/internal/records/journal"
)

// lockWait is how long Open waits for another process to let go of the file,
// which covers a restart.
const lockWait = time.Second

const (
	// mapped is how many bytes of address space the file is given at once. Each
	// time that it outgrows them, bbolt copies all that the transaction has in
	// hand, and readers wait.
	mapped = 256 << 20
	// growth is how many bytes longer the file gets where it is full, which
	// takes a sync of its own.
	growth = 4 << 20
)

// opened is the file and its journal, ready for use.
type opened struct {
	*file

	log *journal.Journal
	// label writes the labels of the journal's files.
	label func(mark uint64) error
	// witness notes beside the journal's file in use that a frame is durable in it.
	witness func(reached uint64)
	// damaged are the keys of records that are never served.
	damaged []string
}

// openFiles opens the file and its journal, whose content it puts into the file.
func openFiles(c Config) (*opened, error) {
	if c.Journal == nil {
		c.Journal = journal.OpenFile
	}
	db, err := openFile(c.File)
	if err != nil {
		return nil, err
	}
	o := &opened{file: &file{db: db, guard: &guard{}}}
	if err := o.prepare(c); err != nil {
		return nil, errors.Join(refused(c.File, err), o.close())
	}
	return o, nil
}

// refused is the error of files that cannot be used, with the way out.
func refused(file string, err error) error {
	return fmt.Errorf("records file %s: %w. Restore it, %s%s, %s%s and the key file from one backup, or move all of them away to begin a new state, "+
		"which forgets earlier changes (docs/state.md)", file, err, filepath.Base(file), journal.Suffixes()[0], filepath.Base(file), journal.Suffixes()[1])
}

// openFile opens the file and holds its lock, which guards the journal too. A
// file that is not one of bbolt's can make bbolt panic, which is an error here.
func openFile(file string) (db *bbolt.DB, err error) {
	if file == "" {
		return nil, errors.New("records file: no path is given")
	}
	if err := inspect(file); err != nil {
		return nil, refused(file, err)
	}
	defer func() {
		if p := recover(); p != nil {
			db, err = nil, refused(file, fmt.Errorf("it is damaged: %v", p))
		}
	}()
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	db, err = bbolt.Open(file, 0o600, &bbolt.Options{
		Timeout: lockWait, FreelistType: bbolt.FreelistMapType, NoStatistics: true, InitialMmapSize: mapped,
	})
	if errors.Is(err, berrors.ErrTimeout) {
		return nil, fmt.Errorf("records file %s: another process holds it", file)
	}
	if err != nil {
		return nil, fmt.Errorf("records file %s: %w", file, err)
	}
	db.AllocSize = growth
	return db, nil
}

// prepare sees that file, journal and key belong together, that the files are
// ours alone and that their names in the folder outlive a loss of power, which
// bbolt leaves open, and begins a new life of the store.
func (o *opened) prepare(c Config) error {
	if err := o.guard.add(c.File, nil); err != nil {
		return err
	}
	i, err := o.identify()
	if err != nil {
		return err
	}
	if o.seals, err = unlock(i, c); err != nil {
		return err
	}
	if o.damaged, err = o.verify(); err != nil {
		return err
	}
	frames, parts, err := o.openJournal(c, i)
	if err != nil {
		return err
	}
	err = private(c.File)
	if err == nil {
		err = syncFolder(filepath.Dir(c.File))
	}
	if err == nil && len(frames) > 0 {
		err = o.replay(frames)
	}
	if err == nil {
		err = o.live(i, parts)
	}
	if err != nil {
		return errors.Join(err, o.log.Close())
	}
	return nil
}

// identify returns what the file says about itself, and makes the tables of a
// new one.
func (f *file) identify() (i *identity, err error) {
	read := func(tx *bbolt.Tx) error {
		i, err = readIdentity(tx)
		return err
	}
	err = f.careful(func() error { return f.db.View(read) })
	if err != nil || i != nil {
		return i, err
	}
	err = f.db.Update(newIdentity)
	if err == nil {
		err = f.db.View(read)
	}
	return i, err
}

// unlock gets the operator's key.
func unlock(i *identity, c Config) (*seals, error) {
	var key []byte
	if c.Key != nil {
		var err error
		if key, err = c.Key(i.store.String(), i.fresh()); err != nil {
			return nil, err
		}
	}
	sealing, err := i.bind(key)
	return newSeals(sealing), err
}

// openJournal opens both files of the journal behind their labels.
func (o *opened) openJournal(c Config, i *identity) (frames [][]byte, parts []*part, err error) {
	j := journal.Config{Path: c.File, Key: i.frames, Applied: i.applied, Reached: i.reached}
	for _, suffix := range journal.Suffixes() {
		p, l, err := openPart(c, c.File+suffix, i, o.guard)
		if err != nil {
			for _, before := range parts {
				err = errors.Join(err, before.Close())
			}
			return nil, nil, err
		}
		parts = append(parts, p)
		j.Kept, j.Reached = max(j.Kept, l.mark), max(j.Reached, l.reached)
	}
	j.Open = func(path string) (journal.File, error) {
		return parts[slices.IndexFunc(parts, func(p *part) bool { return p.path == path })], nil
	}
	o.log, frames, err = journal.Open(j)
	return frames, parts, err
}

// live begins the next life of the store. Where the process ends between two of
// the steps, the next start takes the files for those of one store all the same.
func (o *opened) live(i *identity, parts []*part) error {
	o.label = func(mark uint64) error {
		for _, p := range parts {
			if err := p.write(label{store: i.store, life: max(i.life, i.next), mark: mark}); err != nil {
				return err
			}
		}
		return nil
	}
	o.witness = func(reached uint64) { parts[o.log.Idle()].witness(reached) }
	if err := i.announce(o.db); err != nil {
		return err
	}
	if err := o.label(o.log.Mark()); err != nil {
		return err
	}
	return i.begun(o.db)
}

func (o *opened) replay(frames [][]byte) error {
	m := make(memory)
	for _, frame := range frames {
		if err := m.load(frame); err != nil {
			return err
		}
	}
	return (&keeper{file: o.file}).put(job{records: m, mark: o.log.Mark(), reached: o.log.Durable()})
}

// private sees that nobody else can read a file.
func private(file string) error {
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return os.Chmod(file, 0o600)
	}
	return nil
}

func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	// Some file systems cannot sync a folder and say so.
	if err := folder.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) {
		return errors.Join(err, folder.Close())
	}
	return folder.Close()
}
