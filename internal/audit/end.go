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

// End is how an audit file ends.
type End struct {
	// Last is the place of the last whole line, the zero Place where there is none.
	Last Place
	// Size is how many bytes the whole lines have, and Torn how many bytes stand
	// behind the last of them.
	Size, Torn int64
}

// Opened is an audit file that is open.
type Opened struct {
	File io.ReaderAt
	Size int64
	// Path is for errors.
	Path string
	// Key binds the chain. Empty: there is none.
	Key []byte
}

// CheckEnd checks the end of an audit file with the record that its head names,
// and not the records before, which is for VerifyAfter: what it reads does not grow
// with the file. Where the end is not what was written, the whole file is read,
// and the error has ErrBroken and names the line.
func CheckEnd(ctx context.Context, f Opened, head Place, o Origin) (End, error) {
	c := endCheck{file: f.File, size: f.Size, path: f.Path, hash: newHash(f.Key), at: head, origin: o}
	s, err := c.run(ctx)
	return End{Last: s.last, Size: s.bytes, Torn: s.torn}, err
}

// Broken is the error of an audit file that is not what was written. It has
// ErrBroken.
func Broken(path, text string) error { return broken(path, path, text) }

// BrokenHead is Broken for the head of an audit file.
func BrokenHead(path, text string) error { return broken(path, path+headSuffix, text) }

// broken is the error of an audit file or its head, whichever path names, that is
// not what was written.
func broken(file, path, text string) error {
	return fmt.Errorf("%w: %s: %s; to begin a new chain, move %s and %s away and keep them for verifying",
		ErrBroken, path, text, file, file+headSuffix)
}

// endCheck checks the end of a file against the record that its head names.
type endCheck struct {
	file   io.ReaderAt
	size   int64
	path   string
	hash   hash.Hash
	at     linePosition
	origin origin
}

func (c *endCheck) run(ctx context.Context) (span, error) {
	s, found, err := c.tail(ctx)
	if err == nil && !found {
		s, err = c.whole(ctx)
	}
	return s, err
}

// checkedTail is how many bytes at the end of the file a start checks at least.
const checkedTail = 256 << 10

// errTail says that the end of a file is not what was written.
var errTail = errors.New("the end of the file is not what was written")

// tail checks the end of the file: more than checkedTail, and as much as it takes
// to hold the record that the head names, which is at most one commit from the
// end. found is false where the file is shorter or something is wrong.
func (c *endCheck) tail(ctx context.Context) (s span, found bool, err error) {
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

// last checks the lines that begin behind a byte of the file.
func (c *endCheck) last(ctx context.Context, at int64) (span, error) {
	part := make([]byte, maxLine+1)
	n, err := c.file.ReadAt(part, at)
	if err != nil && !errors.Is(err, io.EOF) {
		return span{}, err
	}
	begins := at + int64(bytes.IndexByte(part[:n], '\n')) + 1
	if begins == at {
		return span{}, errTail
	}
	check := checker{hash: c.hash, head: c.at, origin: c.origin}
	check.wrong = func(uint64, uint64, string) error { return errTail }
	// The first of these lines is not the first of the file.
	return check.file(ctx, io.NewSectionReader(c.file, begins, math.MaxInt64-begins), span{lines: 1, bytes: begins})
}

// whole checks all that the file holds.
func (c *endCheck) whole(ctx context.Context) (span, error) {
	check := checker{hash: c.hash, head: c.at}
	check.wrong = func(number, seq uint64, text string) error {
		return broken(c.path, c.path, fmt.Sprintf("line %d (record %d): %s", number, seq, text))
	}
	s, err := check.file(ctx, io.NewSectionReader(c.file, 0, math.MaxInt64), span{})
	if err != nil {
		return s, err
	}
	if text := compareHead(s, c.at, c.origin, check.origin); text != "" && s.readable {
		return s, broken(c.path, c.path, text)
	}
	return s, nil
}
