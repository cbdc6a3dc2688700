package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
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
	s, found, err := m.tail(ctx)
	if err == nil && !found {
		s, err = m.whole(ctx)
	}
	if err != nil {
		return err
	}
	return m.continueBehind(s)
}

// checkedTail is how many bytes at the end of the file a start checks at least.
const checkedTail = 256 << 10

// errTail says that the end of a file is not what was written.
var errTail = errors.New("the end of the file is not what was written")

// tail checks the end of the file: more than checkedTail, and as much as it takes
// to hold the record that the head names, which is at most one commit from the
// end. found is false where the file is shorter or something is wrong.
func (m *fileMedium) tail(ctx context.Context) (s span, found bool, err error) {
	info, err := m.file.Stat()
	if err != nil {
		return s, false, err
	}
	for length := int64(checkedTail); length < info.Size(); length *= 2 {
		s, err = m.last(ctx, info.Size()-length)
		switch {
		case errors.Is(err, errTail):
			return s, false, nil
		case err != nil:
			return s, false, err
		case s.readable && s.before.seq < m.at.seq:
			return s, compareHead(s, m.at, m.origin, m.origin) == "", nil
		}
	}
	return s, false, nil
}

// last checks the lines that begin behind a byte of the file.
func (m *fileMedium) last(ctx context.Context, at int64) (span, error) {
	part := make([]byte, maxLine+1)
	n, err := m.file.ReadAt(part, at)
	if err != nil && !errors.Is(err, io.EOF) {
		return span{}, err
	}
	begins := at + int64(bytes.IndexByte(part[:n], '\n')) + 1
	if begins == at {
		return span{}, errTail
	}
	check := checker{hash: m.hash, head: m.at, origin: m.origin}
	check.wrong = func(uint64, uint64, string) error { return errTail }
	// The first of these lines is not the first of the file.
	return check.file(ctx, io.NewSectionReader(m.file, begins, math.MaxInt64-begins), span{lines: 1, bytes: begins})
}

// whole checks all that the file holds.
func (m *fileMedium) whole(ctx context.Context) (span, error) {
	check := checker{hash: m.hash, head: m.at}
	check.wrong = func(number, seq uint64, text string) error {
		return m.broken(m.path, fmt.Sprintf("line %d (record %d): %s", number, seq, text))
	}
	s, err := check.file(ctx, io.NewSectionReader(m.file, 0, math.MaxInt64), span{})
	if err != nil {
		return s, err
	}
	if text := compareHead(s, m.at, m.origin, check.origin); text != "" && s.readable {
		return s, m.broken(m.path, text)
	}
	return s, nil
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

func (m *fileMedium) broken(path, text string) error {
	return fmt.Errorf("%w: %s: %s; to begin a new chain, move %s and %s away and keep them for verifying",
		ErrBroken, path, text, m.path, m.path+headSuffix)
}
