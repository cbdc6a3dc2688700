// Package wal is a write-ahead log: frames of bytes, each durable with one write
// and one sync.
//
// It must not know what is in the frames.
//
// Contract. Write returns nil only when the frame is durable, and every frame
// that Write returned nil for is visited by the next Open, in order, byte for byte.
// A frame that Write returned an error for is visited by the next Open or not, and
// not at all once a later Write returned nil. Open returns ErrLost where a frame
// that was acknowledged cannot be read and another one shows that it was there.
//
// Assumptions. A sync that returns nil has put all earlier writes of the file on
// the disk. A disk sector of 512 bytes that is not written to keeps its content:
// each frame begins at a multiple of 512, so that it shares no sector with an
// acknowledged one. After a write or sync that failed, nothing is assumed of the
// sectors behind the last acknowledged frame, and the handle is not used again: the
// next frame is written in the same place, with a higher number, through a new one.
//
// The log is a row of segments, files that are filled with zeros ahead of their
// use, since a write over what is there needs no change of the file's size to be
// durable, which is a third of the cost. A segment that is not needed any more is
// used again as it is: checksums begin with the number of the segment, so what is
// left in it is not taken for frames.
package wal

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"platform.internal/storekeeper/internal/store/disk"
)

// Format is the number of the form of segments and frames.
const Format = 1

// MaxFrame is how many bytes the content of a frame may have.
const MaxFrame = 1 << 30

const (
	// firstSegment is the size of the first segment of a log. Each is four times
	// as large as the one before, up to the configured size, so that a log that
	// holds little is small.
	firstSegment = 1 << 20
	growth       = 4
	usualSegment = 64 << 20
)

// ErrLost is in the error of Open where acknowledged frames cannot be read.
var ErrLost = errors.New("acknowledged changes in it cannot be read")

// Config says where a log is and whose.
type Config struct {
	// FS is where the folder is.
	FS disk.FS
	// Folder is where the segments are. It must exist.
	Folder string
	// Store is the identifier that each segment bears.
	Store [16]byte
	// Key is what checksums are made with. What was written under another key is
	// not taken for a frame.
	Key []byte
	// SegmentSize is the size of a segment in bytes. 0: 64 MiB.
	SegmentSize int64
	// MaxSize is from how many bytes of all segments on Full says so. 0: never.
	MaxSize int64
}

// Position is the place of a frame: a segment, and a byte in it.
type Position struct {
	Segment uint64
	Offset  int64
}

// First is the place of the first frame of a log.
func First() Position { return Position{Segment: 1, Offset: segmentHeader} }

// Before says whether p is before another place.
func (p Position) Before(q Position) bool {
	return p.Segment < q.Segment || p.Segment == q.Segment && p.Offset < q.Offset
}

// Start is where a log is read from.
type Start struct {
	// Segment is the first segment to read. 0: the first of the log.
	Segment uint64
	// Number is that of the last frame before that segment.
	Number uint64
}

// Frame is a frame that was read.
type Frame struct {
	Position

	Number uint64
	// Content is good until visit returns.
	Content []byte
}

// Log is a write-ahead log. Write is for one goroutine at a time; the other
// methods are safe for concurrent use.
type Log struct {
	c     Config
	codec codec

	// last is the number of the last durable frame, and used the last that was
	// given to any: more than last after a failure.
	last, used uint64
	// doubtful says that the handle of the segment in use is not to be used again,
	// and rolling that a segment behind it may be there already.
	doubtful, rolling bool

	// mu guards what follows. Only Write and the end of Open change current and
	// the end of its segment.
	mu       sync.RWMutex
	segments map[uint64]*segment
	current  *segment
	oldest   uint64
	spare    *segment
	// taken says that the file of the spare is being made the segment in use, and
	// has its old name still.
	taken bool
	bytes int64
}

// Open reads the log from a place on and returns it ready for writing. before is
// called when the segments were found, and may read those that are not visited.
// visit is called for each frame, in order. Their errors end Open. A log without
// segments is begun where start is the zero Start.
func Open(c Config, start Start, before func(*Log) error, visit func(Frame) error) (*Log, error) {
	if c.SegmentSize == 0 {
		c.SegmentSize = usualSegment
	}
	l := &Log{c: c, codec: newCodec(c.Key), last: start.Number, used: start.Number, segments: map[uint64]*segment{}}
	err := l.open(start, before, visit)
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func (l *Log) open(start Start, before func(*Log) error, visit func(Frame) error) error {
	numbers, err := segmentNumbers(l.c.FS, l.c.Folder)
	if err != nil {
		return err
	}
	for _, n := range numbers {
		s, err := l.openSegment(n)
		if err != nil {
			return fmt.Errorf("%s: %w", segmentName(n), err)
		}
		l.segments[n] = s
		l.bytes += s.size
	}
	if err := l.inRow(numbers, &start); err != nil {
		return err
	}
	if len(numbers) > 0 {
		l.oldest = numbers[0]
	}
	if before != nil {
		if err := before(l); err != nil {
			return err
		}
	}
	for _, n := range numbers {
		if n >= start.Segment {
			if err := l.replay(l.segments[n], visit); err != nil {
				return fmt.Errorf("%s: %w", segmentName(n), err)
			}
		}
	}
	l.used = l.last
	return l.takeLeftSpare()
}

// inRow sees that no segment is missing between those that are there.
func (l *Log) inRow(numbers []uint64, start *Start) error {
	for i, n := range numbers {
		if i > 0 && n != numbers[i-1]+1 {
			return fmt.Errorf("%w: %s is missing", ErrLost, segmentName(numbers[i-1]+1))
		}
	}
	switch {
	case start.Segment != 0 && !slices.Contains(numbers, start.Segment):
		return fmt.Errorf("%w: %s is missing", ErrLost, segmentName(start.Segment))
	case start.Segment == 0 && len(numbers) > 0 && numbers[0] != 1:
		return fmt.Errorf("%w: %s is missing", ErrLost, segmentName(1))
	case start.Segment == 0:
		start.Segment = 1
	}
	if first := l.segments[start.Segment]; first != nil && first.before != start.Number {
		return fmt.Errorf("%w: %s follows number %d, not %d", ErrLost, segmentName(start.Segment), first.before, start.Number)
	}
	return nil
}
