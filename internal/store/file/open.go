package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/store/disk"
	"platform.internal/storekeeper/internal/store/wal"
)

// errPath is in the error if a configured path cannot be used.
var errPath = errors.New("it cannot be used")

func open(ctx context.Context, c Config) (*Store, error) {
	if err := folder(c); err != nil {
		return nil, err
	}
	s := &Store{c: c, wake: make(chan struct{}, 1), closing: make(chan struct{}), ended: make(chan struct{})}
	r, files, err := s.load()
	if err == nil {
		err = s.start(ctx, r, files)
	}
	if err != nil {
		return nil, errors.Join(err, s.abandon())
	}
	return s, nil
}

// folder creates the folder, or checks that the path is a folder.
func folder(c Config) error {
	if c.Folder == "" || c.Trail.Path == "" && c.Trail.Writer == nil {
		return fmt.Errorf("%w: no path is given", errPath)
	}
	info, err := c.FS.Stat(c.Folder)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := c.FS.MkdirAll(c.Folder, 0o700); err != nil {
			return err
		}
		return c.FS.SyncDir(filepath.Dir(c.Folder))
	case err != nil:
		return err
	case info.Mode().IsRegular():
		return fmt.Errorf("%w: %s", errPath, firstEdition(c.FS, c.Folder))
	case !info.IsDir():
		return fmt.Errorf("%w: it is not a folder", errPath)
	}
	return nil
}

// firstEdition describes a file at the path of the folder.
func firstEdition(system disk.FS, path string) string {
	const way = "this build keeps the state in a folder. Move the file away, with the files beside it, or configure another path"
	file, err := system.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		return "it is a file; " + way
	}
	defer func() { _ = file.Close() }() // read-only: no data can be lost
	text := make([]byte, 32)
	_, err = file.ReadAt(text, 0)
	// The magic number of a bbolt database, after the header of its first page.
	if (err == nil || errors.Is(err, io.EOF)) && bytes.Equal(text[16:20], []byte{0xED, 0xDA, 0x0C, 0xED}) {
		return "it is a state of format 1, which an earlier build wrote as one file, and this build does not read it; " + way
	}
	return "it is a file; " + way
}

// load reads the content of the folder.
func (s *Store) load() (*replayer, *sealedFiles, error) {
	key, err := s.unlock()
	if err != nil {
		return nil, nil, err
	}
	s.sealing = s.identity.derive(key, "records")
	files := &sealedFiles{fs: s.c.FS, folder: s.c.Folder, store: s.identity.store, key: s.identity.derive(key, "files")}
	r := &replayer{records: newRecords(s.identity.derive(key, "index")), oldest: 1}
	chain, damaged, err := files.readSnapshot()
	if err != nil {
		return nil, nil, err
	}
	start, err := r.begin(chain)
	if err != nil {
		return nil, nil, err
	}
	config := wal.Config{
		FS: s.c.FS, Folder: s.c.Folder, Store: s.identity.store, Key: s.identity.derive(key, "frames"),
		SegmentSize: s.c.segment, MaxSize: s.c.MaxSize,
	}
	s.log, err = wal.Open(config, start, func(l *wal.Log) error {
		var merging sync.WaitGroup
		merging.Go(func() { r.records.lasting.settled = recordsOf(chain) })
		defer merging.Wait()
		return s.indexes(l, files, r)
	}, func(f wal.Frame) error {
		return entries(f.Content, func(e *frameEntry) error { return r.entry(f.Segment, f.Offset, e) })
	})
	if err != nil && start.Segment == 0 && wal.IsLost(err) {
		err = fmt.Errorf("%w; there is no %sN to go on from", err, snapshotPrefix)
	}
	if err != nil {
		return nil, nil, errors.Join(err, damaged)
	}
	if damaged != nil {
		s.c.Logger.Warn("a snapshot of the state was damaged, and an older one was read", zap.Error(damaged))
	}
	if reached := s.identity.reached; s.log.Number() < reached {
		last := segmentFile(walPrefix, s.log.End().Segment)
		return nil, nil, fmt.Errorf("%s: %w: it ends with number %d, and number %d was durable", last, wal.ErrLost, s.log.Number(), reached)
	}
	return r, files, s.tidy(r)
}

// unlock opens and locks the store of the folder, or creates it, and returns the operator's key.
func (s *Store) unlock() (key []byte, err error) {
	s.identity, err = openIdentity(s.c.FS, s.c.Folder)
	if err != nil {
		return nil, err
	}
	names, err := s.c.FS.Names(s.c.Folder)
	if err != nil {
		return nil, err
	}
	kept := ""
	for _, name := range names {
		if _, ok := segmentOf(walPrefix, name); ok || strings.HasPrefix(name, snapshotPrefix) {
			kept = name
		}
	}
	switch {
	case s.identity == nil && kept != "":
		return nil, fmt.Errorf("%s: it is missing, and there is %s", identityName, kept)
	case s.identity != nil && kept == "" && s.identity.reached > 0:
		return nil, fmt.Errorf("%w: %s is missing", wal.ErrLost, segmentFile(walPrefix, 1))
	case s.identity != nil && kept != "":
		return s.identity.unlock(s.c.Key)
	case s.identity == nil:
		if s.identity, err = createIdentity(s.c.FS, s.c.Folder); err != nil {
			return nil, err
		}
	}
	return s.identity.bind(s.c.Key)
}

// walPrefix is the prefix of the names of segments.
const walPrefix = "wal-"

// indexes reads the indexes of the segments that are not replayed.
func (s *Store) indexes(l *wal.Log, files *sealedFiles, r *replayer) error {
	var all []*segmentIndex
	for n := max(l.Oldest(), r.oldest); n < r.snapshots.newest(); n++ {
		i, err := files.readIndex(n)
		if err != nil {
			return fmt.Errorf("%s: %w", segmentFile(indexPrefix, n), err)
		}
		if i == nil {
			if i, err = rebuild(l, r.records.digests, n); err != nil {
				return err
			}
		}
		all = append(all, i)
	}
	r.records.load(all)
	return nil
}

// rebuild makes the index of a segment from its frames.
func rebuild(l *wal.Log, digests *digester, segment uint64) (*segmentIndex, error) {
	i := &segmentIndex{segment: segment}
	err := l.Scan(segment, func(f wal.Frame) error {
		return entries(f.Content, func(e *frameEntry) error {
			i.scan(digests, f.Offset, e)
			return nil
		})
	})
	i.sort()
	return i, err
}

// tidy removes segments that an earlier process no longer needed.
func (s *Store) tidy(r *replayer) error {
	if oldest := s.log.Oldest(); oldest > r.oldest {
		return fmt.Errorf("%w: %s is missing", wal.ErrLost, segmentFile(walPrefix, r.oldest))
	}
	r.records.drop(r.oldest)
	for n := s.log.Oldest(); n != 0 && n < r.oldest; n++ {
		if err := s.log.Remove(n); err != nil {
			return err
		}
	}
	return nil
}

// start starts the goroutines of the store. The first frame records the chain that its lines
// continue, and has the start line.
func (s *Store) start(ctx context.Context, r *replayer, files *sealedFiles) error {
	s.records, s.oldest, s.sealer = r.records, r.oldest, newSealer(s.sealing)
	s.segment, s.number = s.log.End().Segment, s.log.Number()
	if s.log.Empty() {
		s.segment = 0
	}
	s.trail = newTrail(s, r)
	s.progress.synced = s.trail.synced
	s.state = r.chain
	s.chain = audit.NewChain(s.c.Trail.Key, r.chain.origin, r.chain.at)
	s.maintain = &maintainer{
		store: s, files: files, wake: make(chan struct{}, 1), fill: make(chan struct{}, 1), ended: make(chan struct{}),
	}
	s.maintain.chain.Store(&r.snapshots)
	go s.run()
	b, err := s.trail.open(ctx, r)
	if err == nil {
		err = s.begin(b)
	}
	if err == nil {
		err = s.trail.catchUp()
	}
	if err == nil && s.trail.head.empty {
		err = s.trail.sync()
	}
	if err != nil {
		close(s.closing)
		<-s.ended
		return err
	}
	go s.trail.run()
	go s.maintain.run()
	return nil
}

// begin commits the first frame.
func (s *Store) begin(b begin) error {
	s.mu.Lock()
	s.state = b.chain
	s.chain = audit.NewChain(s.c.Trail.Key, b.chain.origin, b.chain.at)
	g := s.group()
	// No caller waits for this group, and a slow disk must not prevent a start.
	g.timer.Stop()
	slow := time.AfterFunc(s.c.MaxWait, func() {
		s.c.Logger.Warn("the first write to the log takes long, and the start waits for it", zap.String("folder", s.c.Folder))
	})
	defer slow.Stop()
	s.report(g)
	g.frame = appendChain(g.frame, b.chain)
	if b.newFile {
		g.chain.generation++
	}
	if b.note != "" {
		g.ownLine(s.chain, audit.KindRecovered, b.note, s.c.Now())
	}
	g.ownLine(s.chain, audit.KindStart, "", s.c.Now())
	s.mu.Unlock()
	s.nudge()
	<-g.done
	return g.err
}

// abandon closes the files of a failed start.
func (s *Store) abandon() error {
	var errs []error
	if s.trail != nil {
		errs = append(errs, s.trail.end())
	}
	if s.log != nil {
		errs = append(errs, s.log.Close())
	}
	if s.identity != nil {
		errs = append(errs, s.identity.file.Close())
	}
	return errors.Join(errs...)
}
