package audit

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
)

// checker verifies a chain over the lines of a file, or of several consecutive files, in constant
// memory.
type checker struct {
	hash hash.Hash
	// seen, unless nil, is called with each readable line.
	seen func(*line)
	// wrong is called with each problem of a line. number is the line number in the file, from 1.
	// seq is 0 if the record has no readable number. An error of wrong stops the check.
	wrong func(number, seq uint64, text string) error
	// head is the position that the head names.
	head linePosition

	// at is the position of the last line. known is false before the first line and after an
	// unreadable line.
	at    linePosition
	known bool
	// border is the last line of the previous file, while the current file repeats lines of the
	// previous file.
	border linePosition
	// origin is the origin in the first record that has an origin.
	origin origin
	// now is the line being checked.
	now line
	// long holds a line that is longer than the read buffer.
	long, body, text []byte
}

// usualLines is the size of the read buffer in bytes.
const usualLines = 32 << 10

// fileSummary describes the content of a file.
type fileSummary struct {
	// lines is the number of complete lines, and bytes their total length.
	lines uint64
	bytes int64
	// torn is the number of bytes after the last complete line.
	torn int64
	// before is the position that the first readable line continues, and last the position of the
	// last readable line.
	before, last linePosition
	readable     bool
	// named is the hash of the record that the head names, or zero if the file does not hold that
	// record.
	named [hashBytes]byte
}

// file checks all lines. s describes the lines before them. The error comes from the reader, from
// ctx or from wrong.
func (c *checker) file(ctx context.Context, r io.Reader, s fileSummary) (fileSummary, error) {
	in := bufio.NewReaderSize(r, usualLines)
	for {
		text, n, err := c.next(in)
		if errors.Is(err, io.EOF) {
			s.torn = n
			return s, nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			s.lines++
			s.bytes += n
			err = c.line(text, &s)
		}
		if err != nil {
			return s, err
		}
	}
}

// next returns a line without its line feed, or nil if the line is longer than any record, and the
// length of the line in the file. At the end of the file, n is the length of the incomplete line.
func (c *checker) next(in *bufio.Reader) (text []byte, n int64, err error) {
	text, err = in.ReadSlice('\n')
	n = int64(len(text))
	if errors.Is(err, bufio.ErrBufferFull) {
		c.long = append(c.long[:0], text...)
		for errors.Is(err, bufio.ErrBufferFull) {
			text, err = in.ReadSlice('\n')
			n += int64(len(text))
			if n <= maxLine {
				c.long = append(c.long, text...)
			}
		}
		text = c.long
	}
	if err != nil || n > maxLine {
		return nil, n, err
	}
	return text[:len(text)-1], n, nil
}

func (c *checker) line(text []byte, s *fileSummary) error {
	l := &c.now
	if err := parseLine(text, l); err != nil {
		c.known = false
		return c.wrong(s.lines, 0, err.Error())
	}
	first := !s.readable
	if first {
		s.readable = true
		s.before = linePosition{seq: l.seq - 1, hash: l.prev}
	}
	again := c.again(l, first && s.lines == 1)
	fault := c.content(l, text)
	switch {
	case fault != "":
	case again && first:
		fault = c.meets(l)
	case again:
		if fault = c.place(l, false); fault == "" {
			fault = c.meets(l)
		}
	default:
		fault = c.place(l, first && s.lines == 1)
	}
	c.at, c.known = linePosition{seq: l.seq, hash: l.hash}, true
	s.last = c.at
	if l.seq == c.head.seq {
		s.named = l.hash
	}
	if c.seen != nil && !again {
		c.seen(l)
	}
	if fault != "" {
		return c.wrong(s.lines, l.seq, fault)
	}
	return nil
}

// again reports whether a line repeats a line of the previous file. A file begins with such lines
// if the previous file was moved away before the lines were known to be durable there.
func (c *checker) again(l *line, first bool) bool {
	if first && c.known && l.seq <= c.at.seq {
		c.border = c.at
	}
	return l.seq <= c.border.seq
}

// meets compares the last line that both files share. Its hash covers all lines before it.
func (c *checker) meets(l *line) string {
	if l.seq < c.border.seq {
		return ""
	}
	same := l.hash == c.border.hash
	c.border = linePosition{}
	if !same {
		return "it is not the record of that number in the file before"
	}
	return ""
}

// content describes a problem in the content of a line.
func (c *checker) content(l *line, text []byte) string {
	r := l.record.clean()
	c.body = appendBody(c.body[:0], &r, l.origin)
	p := linePosition{seq: l.seq - 1, hash: l.prev}
	c.text = appendLine(c.text[:0], c.body, &p, c.hash)
	if bytes.Equal(c.text[:len(c.text)-1], text) {
		return c.kind(l)
	}
	if sum(c.hash, slices.Clip(text[:max(0, len(text)-tailBytes)])) != l.hash {
		return "its hash is not that of its content (or it was made with another key)"
	}
	return errForm.Error()
}

// kind describes a problem with the kind of a record.
func (c *checker) kind(l *line) string {
	switch l.record.Kind {
	case KindIntent, KindOutcome, KindAlarm, KindDenial, KindReload:
		if l.origin != (origin{}) {
			return "it names a chain, which its kind does not"
		}
		return ""
	case KindStart, KindRecovered:
	default:
		return "its kind does not exist"
	}
	if c.origin == (origin{}) {
		c.origin = l.origin
	}
	if l.origin != c.origin {
		return "it belongs to another chain"
	}
	return ""
}

// place describes a problem with the position of a line.
func (c *checker) place(l *line, first bool) string {
	begins := l.record.Kind == KindStart && l.seq == 1 && l.prev == [hashBytes]byte{} ||
		l.record.Kind == KindRecovered && l.seq > 1 &&
			(l.record.Reason == ReasonFileLost || l.record.Reason == ReasonFileDamaged || l.record.Reason == ReasonRotated)
	follows := c.known && l.seq == c.at.seq+1 && l.prev == c.at.hash
	switch {
	case first && !begins && !follows:
		return "no file begins with it: lines before it are missing"
	case !c.known:
		return ""
	case l.seq > c.at.seq+1:
		return fmt.Sprintf("it comes after record %d: records %d to %d are missing", c.at.seq, c.at.seq+1, l.seq-1)
	case l.seq != c.at.seq+1:
		return fmt.Sprintf("it comes after record %d", c.at.seq)
	case l.prev != c.at.hash:
		return "it does not continue the record before it"
	default:
		return ""
	}
}
