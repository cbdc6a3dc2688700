package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"
)

// End describes the end of an audit file.
type End struct {
	// Last is the position of the last complete line, or the zero Place if there is none.
	Last Place
	// Size is the length of the complete lines in bytes. Torn is the number of bytes after the last
	// complete line.
	Size, Torn int64
}

// Opened is an open audit file.
type Opened struct {
	File io.ReaderAt
	Size int64
	// Path is used in errors.
	Path string
	// Key is the key of the chain, or empty.
	Key []byte
}

// CheckEnd checks the end of an audit file, including the record that the head names. VerifyAfter
// checks the earlier records, so the cost of CheckEnd does not grow with the file. If the end was
// altered, CheckEnd reads the whole file, and the error wraps ErrBroken and names the line.
func CheckEnd(ctx context.Context, f Opened, head Place, o Origin) (End, error) {
	c := endCheck{file: f.File, size: f.Size, path: f.Path, hash: newHash(f.Key), at: head, origin: o}
	s, err := c.run(ctx)
	return End{Last: s.last, Size: s.bytes, Torn: s.torn}, err
}

// Broken returns the error for an altered audit file. It wraps ErrBroken.
func Broken(path, text string) error { return broken(path, path, text) }

// BrokenHead is Broken for the head of an audit file.
func BrokenHead(path, text string) error { return broken(path, path+headSuffix, text) }

// broken returns the error for an altered audit file or head. path names the altered file.
func broken(file, path, text string) error {
	return fmt.Errorf("%w: %s: %s; to begin a new chain, move %s and %s away and keep them for verifying",
		ErrBroken, path, text, file, file+headSuffix)
}

// endCheck checks the end of a file against the record that the head names.
type endCheck struct {
	file   io.ReaderAt
	size   int64
	path   string
	hash   hash.Hash
	at     linePosition
	origin origin
}

func (c *endCheck) run(ctx context.Context) (fileSummary, error) {
	s, found, err := c.tail(ctx)
	if err == nil && !found {
		s, err = c.whole(ctx)
	}
	return s, err
}

// checkedTail is the minimum number of bytes that a start checks at the end of the file.
const checkedTail = 256 << 10

// errTail reports that the end of a file was altered.
var errTail = errors.New("the end of the file is not what was written")

// tail checks more than checkedTail bytes at the end of the file, and as much as necessary to
// include the record that the head names, which is at most one commit before the end. found is
// false if the file is shorter or something is wrong.
func (c *endCheck) tail(ctx context.Context) (s fileSummary, found bool, err error) {
	for length := int64(checkedTail); length < c.size; length *= 2 {
		s, err = c.last(ctx, c.size-length)
		switch {
		case errors.Is(err, errTail):
			return s, false, nil
		case err != nil:
			return s, false, err
		case s.readable && s.before.seq < c.at.seq:
			return s, compareHead(s, c.at, c.origin, c.origin) == "", nil
		}
	}
	return s, false, nil
}

// last checks the lines that begin after an offset.
func (c *endCheck) last(ctx context.Context, at int64) (fileSummary, error) {
	part := make([]byte, maxLine+1)
	n, err := c.file.ReadAt(part, at)
	if err != nil && !errors.Is(err, io.EOF) {
		return fileSummary{}, err
	}
	begins := at + int64(bytes.IndexByte(part[:n], '\n')) + 1
	if begins == at {
		return fileSummary{}, errTail
	}
	check := checker{hash: c.hash, head: c.at, origin: c.origin}
	check.wrong = func(uint64, uint64, string) error { return errTail }
	// lines: 1 marks that the first checked line is not the first line of the file.
	return check.file(ctx, io.NewSectionReader(c.file, begins, math.MaxInt64-begins), fileSummary{lines: 1, bytes: begins})
}

// whole checks the whole file.
func (c *endCheck) whole(ctx context.Context) (fileSummary, error) {
	check := checker{hash: c.hash, head: c.at}
	check.wrong = func(number, seq uint64, text string) error {
		return broken(c.path, c.path, fmt.Sprintf("line %d (record %d): %s", number, seq, text))
	}
	s, err := check.file(ctx, io.NewSectionReader(c.file, 0, math.MaxInt64), fileSummary{})
	if err != nil {
		return s, err
	}
	if text := compareHead(s, c.at, c.origin, check.origin); text != "" && s.readable {
		return s, broken(c.path, c.path, text)
	}
	return s, nil
}
