// Package wal is a write-ahead log of byte frames. One write and one sync make a frame durable.
//
// The package does not know the content of the frames.
//
// Contract. Write returns nil only when the frame is durable. The next Open visits every frame for
// which Write returned nil, in order and byte for byte. If Write returned an error for a frame, the
// next Open may or may not visit that frame. After a later successful Write, the failed frame is
// never visited. Open returns ErrLost if an acknowledged frame cannot be read and a later frame
// proves that the frame existed.
//
// Assumptions. A successful sync has put all earlier writes of the file on the disk. A disk sector
// of 512 bytes keeps its content while no write touches the sector. Each frame begins at a multiple
// of 512 bytes, so frames share no sectors. After a failed write or sync, the sectors after the
// last acknowledged frame are undefined, and the file handle is not used again: the next frame goes
// to the same place, with a higher number, through a new handle.
//
// The log is a sequence of segments, which are files filled with zeros before their use. A write
// into an existing file does not change the file size, so the sync is cheaper. A segment that is no
// longer needed is reused without clearing: checksums include the number of the segment, so old
// content is not taken for frames.
package wal

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"platform.internal/storekeeper/internal/store/disk"
)

// Format is the version of the format of segments and frames.
const Format = 1

// MaxFrame is the maximum length of a frame's content in bytes.
const MaxFrame = 1 << 30

const (
	// firstSegment is the size of the first segment of a log. Each segment is twice as large as the
	// previous segment, up to the configured size, so that a log with little content is small.
	firstSegment = 1 << 20
	growth       = 2
	usualSegment = 64 << 20
)

// ErrLost is in the error of Open if acknowledged frames cannot be read.
var ErrLost = errors.New("acknowledged changes in it cannot be read")

// Config configures a Log.
type Config struct {
	// FS is the file system of the folder.
	FS disk.FS
	// Folder is the folder of the segments. It must exist.
	Folder string
	// Store is the identifier in the header of each segment.
	Store [16]byte
	// Key is the key of the checksums. Data written with another key is not accepted as frames.
	Key []byte
	// SegmentSize is the size of a segment in bytes. 0 means 64 MiB.
	SegmentSize int64
	// MaxSize is the limit in bytes of all segments together; see Full. 0 means no limit.
	MaxSize int64
}

// Position is the position of a frame: a segment and a byte offset.
type Position struct {
	Segment uint64
	Offset  int64
}

// First returns the position of the first frame of a log.
func First() Position { return Position{Segment: 1, Offset: segmentHeader} }

// Before reports whether p is before q.
func (p Position) Before(q Position) bool {
	return p.Segment < q.Segment || p.Segment == q.Segment && p.Offset < q.Offset
}

// Start is the point from which Open reads a log.
type Start struct {
	// Segment is the first segment to read. 0 means the first segment of the log.
	Segment uint64
	// Number is the number of the last frame before that segment.
	Number uint64
}

// Frame is a frame read from the log.
type Frame struct {
	Position

	Number uint64
	// Content is valid until visit returns.
	Content []byte
}

// Log is a write-ahead log. Neither Write nor MakeSpare must be called concurrently with itself or
// Close. The other methods are safe for concurrent use.
type Log struct {
	c     Config
	codec codec

	// last is the number of the last durable frame. used is the last assigned number, which exceeds
	// last after a failure.
	last, used uint64
	// doubtful reports that the current segment's handle must not be used again. rolling reports
	// that the next segment may already exist.
	doubtful, rolling bool

	// mu guards the following fields. Only Write and the end of Open change current and the end of
	// its segment.
	mu       sync.RWMutex
	segments map[uint64]*segment
	current  *segment
	oldest   uint64
	spare    *segment
	// filling is the segment that becomes the spare once it is filled. bytes includes its size.
	filling *segment
	// taken reports that the spare is becoming the current segment but still has its old name.
	taken bool
	bytes int64
}

// Open reads the log from start and returns the log ready for writing. before is called once the
// segments are found, and may read segments before start. visit is called for each frame, in order.
// An error of before or visit ends Open. If there are no segments and start is the zero Start, the
// log is new.
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

// inRow checks that the segments have no gap.
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
