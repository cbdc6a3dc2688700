// Package bolt keeps records in one file of this machine.
//
// It must not know what the records mean, nor that other replicas exist: one
// process at a time holds the file.
//
// All changes that wait are written together, so that many callers share the
// cost of reaching the disk. Nothing waits for others to come.
package bolt

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/records"
)

const (
	// lockWait is how long Open waits for another process to let go of the
	// file, which covers a restart.
	lockWait = time.Second
	// queued is how many changes wait inside the store; more wait outside.
	queued = 1024
)

// Config says where the records are.
type Config struct {
	// File is the path of the file. Its folder must exist. It is created with
	// mode 0600, and given that mode where others could read it.
	File string
}

// Store is a records.Store in a file.
type Store struct {
	db      *bbolt.DB
	queue   chan *change
	closing chan struct{}
	stopped chan struct{}
	once    sync.Once
	err     error
}

var _ records.Store = (*Store)(nil)

// Open opens the file or makes it. It fails within about a second where another
// process holds it. The store must be closed.
func Open(c Config) (*Store, error) {
	db, err := openFile(c.File)
	if err != nil {
		return nil, err
	}
	if err := prepare(db, c.File); err != nil {
		return nil, errors.Join(fmt.Errorf("records file %s: %w", c.File, err), db.Close())
	}
	s := &Store{
		db:      db,
		queue:   make(chan *change, queued),
		closing: make(chan struct{}),
		stopped: make(chan struct{}),
	}
	go s.write()
	return s, nil
}

// openFile opens the file and holds its lock. A file that is not one of bbolt's
// can make bbolt panic, which is an error here.
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
		Timeout: lockWait, FreelistType: bbolt.FreelistMapType, NoStatistics: true,
	})
	if errors.Is(err, berrors.ErrTimeout) {
		return nil, fmt.Errorf("records file %s: another process holds it", file)
	}
	if err != nil {
		return nil, fmt.Errorf("records file %s: %w", file, err)
	}
	return db, nil
}

// prepare makes the tables and sees that the file is ours alone and that its
// name in the folder outlives a loss of power, which bbolt leaves open.
func prepare(db *bbolt.DB, file string) error {
	if err := db.Update(create); err != nil {
		return err
	}
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o077 != 0 {
		if err := os.Chmod(file, 0o600); err != nil {
			return err
		}
	}
	folder, err := os.Open(filepath.Dir(file))
	if err != nil {
		return err
	}
	// Some file systems cannot sync a folder and say so.
	if err := folder.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) {
		return errors.Join(err, folder.Close())
	}
	return folder.Close()
}

// Get returns those of the records that exist and have not expired.
func (s *Store) Get(ctx context.Context, keys ...string) (map[string]records.Entry, error) {
	if err := records.CheckKeys(keys); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, fault.From(err)
	}
	var found map[string]records.Entry
	err := s.db.View(func(tx *bbolt.Tx) error {
		found = tableOf(tx).readAll(keys, time.Now())
		return nil
	})
	if err != nil {
		return nil, records.Unavailable(err)
	}
	return found, nil
}

// Change does as records.Store says. Where ctx ends while the change waits, the
// error is that of ctx and the change may happen or not; decide is not asked
// after Change returned. Where a write fails, all changes that were written
// together fail, those whose decide gave an error too, since it may rest on
// what was not written. decide must not use the store.
func (s *Store) Change(ctx context.Context, keys []string, decide records.Decide) error {
	if err := records.CheckKeys(keys); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fault.From(err)
	}
	c := &change{keys: keys, decide: decide, done: make(chan error, 1)}
	select {
	case s.queue <- c:
	case <-s.stopped:
		return records.Unavailable(records.ErrClosed)
	case <-ctx.Done():
		return fault.From(ctx.Err())
	}
	select {
	case err := <-c.done:
		return err
	case <-ctx.Done():
		c.leave()
		return c.outcome(fault.From(ctx.Err()))
	case <-s.stopped:
		return c.outcome(records.Unavailable(records.ErrClosed))
	}
}

// Close waits for the write that runs, refuses the changes that wait, and gives
// the file back. It may be called again.
func (s *Store) Close() error {
	s.once.Do(func() {
		close(s.closing)
		<-s.stopped
		s.err = s.db.Close()
	})
	return s.err
}
