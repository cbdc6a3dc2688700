package audit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"go.uber.org/zap"
)

// FileConfig says where the record is kept.
type FileConfig struct {
	// Path is the audit file. FILE.head beside it names the last record.
	Path string
	// Key, unless empty, binds the chain, so that a holder of the files alone
	// cannot write it anew. A chain keeps its key: a new key needs new files.
	Key []byte
	// RotateSize is the size in bytes from which on the file is given another
	// name, FILE.rotated- and the number of its last record, and a new file
	// continues the chain. 0 means never.
	RotateSize int64
	// MaxWait is how long one write may take before callers are refused at
	// once. 0 means 900 ms.
	MaxWait time.Duration
	// Logger is told when the sink falls ill and recovers. nil means silence.
	Logger *zap.Logger
	// FS is where the files are. nil means those of the machine.
	FS FS
	// Now is the clock. nil means the system's.
	Now func() time.Time
}

// OpenFile starts a Journal that appends to a file, with mode 0600 where it
// creates one. It checks the end of the file with the record that the head
// names, and not the records before, which is for Verify: what a start reads does
// not grow with the file. A last line that was cut off by a crash is removed and
// a recovered record says so. Where the end is not what was written, the whole
// file is read, and the error has ErrBroken and names the line. A file that holds
// records and that everyone can read or write is refused.
//
// It returns once a start record is durable. It does not return while the
// file system hangs.
func OpenFile(ctx context.Context, c FileConfig) (*Journal, error) {
	if c.FS == nil {
		c.FS = OS()
	}
	s := settings{maxWait: c.MaxWait, logger: c.Logger, now: c.Now}.withDefaults()
	m := &fileMedium{fs: c.FS, path: c.Path, rotateSize: c.RotateSize, logger: s.logger}
	m.ledger = ledger{hash: newHash(c.Key), now: s.now, starting: true}
	m.head = headFile{fs: c.FS, path: c.Path + headSuffix, hash: newHash(c.Key)}
	err := m.start(ctx, newOrigin(c.Key))
	if err == nil {
		err = m.commit(nil)
	}
	if err != nil {
		m.end()
		return nil, fmt.Errorf("opening the audit file %s: %w", c.Path, err)
	}
	return newJournal(m, s), nil
}

// start finds the place to go on from. fresh is the origin of a new chain.
func (m *fileMedium) start(ctx context.Context, fresh origin) error {
	if err := m.head.open(); err != nil {
		return err
	}
	head, err := readHead(m.head.file)
	if err != nil {
		return err
	}
	m.origin = fresh
	if len(head) > 0 {
		if m.at, m.origin, err = parseHead(head, m.head.hash); err != nil {
			return m.broken(m.head.path, err.Error())
		}
		if m.origin.keyed != fresh.keyed {
			return m.broken(m.head.path, "the chain was begun "+keyedText(m.origin.keyed))
		}
	}
	m.head.origin = m.origin
	file, err := m.existing()
	if err != nil {
		return err
	}
	if file != nil {
		return m.goOn(ctx, file, len(head) > 0)
	}
	// A head is durable before the first line that it will name, so a file
	// with lines and no head never comes from a crash.
	if len(head) == 0 {
		if err := m.head.write(m.at); err != nil {
			return err
		}
	}
	return m.begin(m.whyGone())
}

func keyedText(keyed bool) string {
	if keyed {
		return "with a key, and none is configured"
	}
	return "without a key, and one is configured"
}

// existing opens the audit file, nil where there is none or an empty one.
func (m *fileMedium) existing() (File, error) {
	info, err := m.fs.Stat(m.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil //nolint:nilnil // No file is an answer like any other here.
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errors.New("it is not a regular file")
	case info.Size() == 0:
		return nil, nil //nolint:nilnil // As above.
	case info.Mode().Perm()&others != 0:
		return nil, fmt.Errorf("its mode is %04o, so everyone can read or change it: make it 0600", info.Mode().Perm())
	}
	return m.fs.OpenFile(m.path, os.O_RDWR|os.O_APPEND, 0)
}

// goOn checks the end of the file and continues behind it.
func (m *fileMedium) goOn(ctx context.Context, file File, headed bool) error {
	m.file = file
	if !headed {
		return m.broken(m.head.path, "it is missing, but the audit file holds records")
	}
	info, err := file.Stat()
	if err != nil {
		return err
	}
	c := endCheck{file: file, size: info.Size(), path: m.path, hash: m.hash, at: m.at, origin: m.origin}
	s, err := c.run(ctx)
	if err != nil {
		return err
	}
	return m.continueBehind(s)
}

func (m *fileMedium) continueBehind(s span) error {
	if s.torn > 0 {
		if err := m.file.Truncate(s.bytes); err != nil {
			return err
		}
		if err := m.file.Sync(); err != nil {
			return err
		}
		m.note = ReasonTornTail
	}
	if !s.readable {
		// Only a torn first line: the file begins anew.
		m.close()
		return m.begin(m.whyGone())
	}
	m.at, m.size = s.last, s.bytes
	return nil
}

func (m *fileMedium) broken(path, text string) error { return broken(m.path, path, text) }

// broken is the error of an audit file or its head, whichever path names, that is
// not what was written.
func broken(file, path, text string) error {
	return fmt.Errorf("%w: %s: %s; to begin a new chain, move %s and %s away and keep them for verifying",
		ErrBroken, path, text, file, file+headSuffix)
}
