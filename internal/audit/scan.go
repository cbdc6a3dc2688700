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

// checker follows a chain over the lines of one file, or of several that
// belong together, in constant memory.
type checker struct {
	hash hash.Hash
	// seen, unless nil, is told each line that could be read.
	seen func(*line)
	// wrong is told what is wrong with the line of that number, counted from 1
	// in the file, and may stop by an error. seq is 0 where the record has no
	// number that can be read.
	wrong func(number, seq uint64, text string) error
	// head is the place that the head names.
	head linePosition

	// at is the last line. known is false before the first and after a line
	// that could not be read.
	at    linePosition
	known bool
	// border is the last line of the file before, while lines are read that both
	// files have.
	border linePosition
	// origin is that of the first record that names one.
	origin origin
	// now is the line under check.
	now line
	// long holds a line that is longer than the reader's memory.
	long, body, text []byte
}

// usualLines is how many bytes are read at once.
const usualLines = 32 << 10

// span is what one file holds.
type span struct {
	// lines is how many whole lines there are, and bytes their length.
	lines uint64
	bytes int64
	// torn is how many bytes stand behind the last whole line.
	torn int64
	// before is the place that the first readable line continues, and last the
	// place of the last one.
	before, last linePosition
	readable     bool
	// named is the hash of the record that the head names, zero where the file
	// does not hold it.
	named [hashBytes]byte
}

// file checks all lines. s is what stands before them. The error is that of
// reading, of ctx or of wrong.
func (c *checker) file(ctx context.Context, r io.Reader, s span) (span, error) {
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

// next returns a line without its line feed, nil where it is longer than any
// record, and its length in the file. At the end of the file, n is the length
// of what has no line feed.
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

func (c *checker) line(text []byte, s *span) error {
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

// again says whether a line is one that the file before has too. So begins a file of
// lines whose own file was moved away before they were known to be durable in it.
func (c *checker) again(l *line, first bool) bool {
	if first && c.known && l.seq <= c.at.seq {
		c.border = c.at
	}
	return l.seq <= c.border.seq
}

// meets says what is wrong where two files have the same line: by its hash it stands
// for all lines before it.
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

// content says what is wrong with a line by itself.
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

// kind says what is wrong with the kind of a record.
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

// place says what is wrong with where a line stands.
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
