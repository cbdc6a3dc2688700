package bolt

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
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

// openFiles opens the file and its journal, whose content it puts into the file.
func openFiles(c Config) (*bbolt.DB, *journal.Journal, error) {
	db, err := openFile(c.File)
	if err != nil {
		return nil, nil, err
	}
	log, err := prepare(db, c)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("records file %s: %w", c.File, err), db.Close())
	}
	return db, log, nil
}

// openFile opens the file and holds its lock, which guards the journal too. A
// file that is not one of bbolt's can make bbolt panic, which is an error here.
func openFile(file string) (db *bbolt.DB, err error) {
	if file == "" {
		return nil, errors.New("records file: no path is given")
	}
	defer func() {
		if p := recover(); p != nil {
			db, err = nil, fmt.Errorf("records file %s: it is damaged: %v", file, p)
		}
	}()
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

// prepare makes what is missing, sees that the files are ours alone and that
// their names in the folder outlive a loss of power, which bbolt leaves open,
// and replays the journal.
func prepare(db *bbolt.DB, c Config) (*journal.Journal, error) {
	key, mark, err := tables(db)
	if err != nil {
		return nil, err
	}
	log, frames, err := journal.Open(journal.Config{Path: c.File, Key: key, Applied: mark, Open: c.Journal})
	if err != nil {
		return nil, err
	}
	if err = private(c.File); err == nil {
		err = syncFolder(filepath.Dir(c.File))
	}
	if err == nil && len(frames) > 0 {
		err = replay(db, frames, log.Mark())
	}
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	return log, nil
}

// tables makes the tables where they are missing, and returns what the journal
// is opened with.
func tables(db *bbolt.DB) (key []byte, mark uint64, err error) {
	err = db.View(func(tx *bbolt.Tx) error {
		key, mark = created(tx)
		return nil
	})
	if err != nil || key != nil {
		return key, mark, err
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		if err := create(tx); err != nil {
			return err
		}
		key, mark = created(tx)
		return nil
	})
	return key, mark, err
}

func replay(db *bbolt.DB, frames [][]byte, mark uint64) error {
	m := make(memory)
	for _, frame := range frames {
		if err := m.load(frame); err != nil {
			return err
		}
	}
	return (&keeper{db: db}).put(job{records: m, mark: mark})
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
