package wal

import (
	"errors"
	"fmt"
	"io"

	"platform.internal/storekeeper/internal/store/disk"
)

// windowSize is the minimum number of bytes per read of a segment.
const windowSize = 1 << 20

// window reads a file in pieces. It is not safe for concurrent use.
type window struct {
	file io.ReaderAt
	size int64
	text []byte
	from int64
}

// at returns n bytes of the file, or nil if the file is too short. The result is valid until the
// next call.
func (w *window) at(offset, n int64) ([]byte, error) {
	if offset+n > w.size {
		return nil, nil
	}
	if offset < w.from || offset+n > w.from+int64(len(w.text)) {
		want := min(max(n, windowSize), w.size-offset)
		if int64(cap(w.text)) < want {
			w.text = make([]byte, want)
		}
		w.text, w.from = w.text[:want], offset
		if n, err := w.file.ReadAt(w.text, offset); err != nil && n < len(w.text) {
			w.text = w.text[:0]
			return nil, err
		}
	}
	return w.text[offset-w.from:][:n:n], nil
}

// frame reads the frame at an offset. ok is false if there is no complete valid frame.
func (c *codec) frame(w *window, segment uint64, offset int64) (h header, text []byte, ok bool, err error) {
	text, err = w.at(offset, headerSize)
	if err != nil || text == nil {
		return h, nil, false, err
	}
	if h, ok = c.header(segment, text); !ok {
		return h, nil, false, nil
	}
	text, err = w.at(offset, headerSize+h.length)
	return h, text, err == nil && text != nil && c.whole(segment, text), err
}

// replay reads the frames of a segment and makes it the current segment.
//
// The last frame may be incomplete because the process died during the write; that frame was never
// acknowledged. Only the last frame of the log may be incomplete. If a valid frame comes after it,
// or the next segment follows a frame that is missing, acknowledged frames were lost.
func (l *Log) replay(s *segment, visit func(Frame) error) error {
	if l.last != s.before {
		return fmt.Errorf("%w: it follows number %d, and number %d is the last before it", ErrLost, s.before, l.last)
	}
	most := ^uint64(0)
	if next := l.segments[s.number+1]; next != nil {
		most = next.before
	}
	w := &window{file: s.file, size: s.size}
	for l.last < most {
		h, text, ok, err := l.codec.frame(w, s.number, s.end)
		if err != nil {
			return err
		}
		if !ok || h.before != l.last || h.number > most {
			break
		}
		if err := visit(Frame{Position{s.number, s.end}, h.number, text[headerSize:]}); err != nil {
			return err
		}
		l.last = h.number
		s.end += aligned(int64(len(text)))
	}
	l.current = s
	if most != ^uint64(0) {
		return nil // the next segment records the number at which this segment must end
	}
	stray, err := l.codec.stray(w, s.number, s.end+sector)
	if err == nil && stray > l.last {
		err = fmt.Errorf("%w: number %d is there, and what follows %d is not", ErrLost, stray, l.last)
	}
	return err
}

// stray returns the highest number of a valid frame at or after an offset.
func (c *codec) stray(w *window, segment uint64, from int64) (uint64, error) {
	var highest uint64
	for at := from; at+headerSize <= w.size; at += sector {
		text, err := w.at(at, headerSize)
		if err != nil {
			return 0, err
		}
		if string(text[:len(magic)]) != magic {
			continue
		}
		h, _, ok, err := c.frame(w, segment, at)
		if err != nil {
			return 0, err
		}
		if ok {
			highest = max(highest, h.number)
		}
	}
	return highest, nil
}

// FrameReader reads durable frames, concurrently with Write. A FrameReader itself is not safe for
// concurrent use.
type FrameReader struct {
	log    *Log
	codec  codec
	buffer []byte
}

// NewReader makes a reader of the log.
func (l *Log) NewReader() *FrameReader { return &FrameReader{log: l, codec: newCodec(l.c.Key)} }

// Read visits the frames from a position up to the last durable frame, and returns the position
// after the last visited frame. Errors come from reading and from visit.
func (r *FrameReader) Read(from Position, visit func(Frame) error) (Position, error) {
	for {
		file, end, last, err := r.log.bounds(from.Segment)
		if err != nil {
			return from, err
		}
		if file == nil {
			return from, fmt.Errorf("%w: %s is gone", ErrLost, segmentName(from.Segment))
		}
		w := &window{file: file, size: end, text: r.buffer[:0]}
		for from.Offset < end {
			f, next, err := r.next(w, from)
			if err == nil {
				err = visit(f)
			}
			if err != nil {
				return from, err
			}
			from = next
		}
		r.buffer = w.text
		if last {
			return from, nil
		}
		from = Position{Segment: from.Segment + 1, Offset: segmentHeader}
	}
}

// next reads a frame that this process wrote. It does not check the MAC of the content: lines of
// the trail are checked by their hash chain.
func (r *FrameReader) next(w *window, at Position) (f Frame, next Position, err error) {
	text, err := w.at(at.Offset, headerSize)
	var h header
	ok := false
	if err == nil && text != nil {
		h, ok = r.codec.header(at.Segment, text)
	}
	if ok {
		text, err = w.at(at.Offset, headerSize+h.length)
	}
	switch {
	case err != nil:
		return f, at, err
	case !ok || text == nil:
		return f, at, fmt.Errorf("%w: no frame is at byte %d of %s", ErrLost, at.Offset, segmentName(at.Segment))
	}
	next = Position{at.Segment, at.Offset + aligned(int64(len(text)))}
	return Frame{at, h.number, text[headerSize:]}, next, nil
}

// bounds returns the file of a segment (nil if it was removed), the offset after the last frame,
// and whether the segment is the current segment.
func (l *Log) bounds(n uint64) (file disk.File, end int64, last bool, err error) {
	l.mu.RLock()
	s, current := l.segments[n], l.current
	l.mu.RUnlock()
	if s == nil {
		return nil, 0, false, nil
	}
	if s != current && s.end == segmentHeader {
		// The segment was not replayed, so its end is unknown.
		err = l.Scan(n, func(Frame) error { return nil })
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	return s.file, s.end, s == l.current, err
}

// Scan reads and checks the frames of a segment before the current segment.
func (l *Log) Scan(n uint64, visit func(Frame) error) error {
	l.mu.RLock()
	s, next := l.segments[n], l.segments[n+1]
	l.mu.RUnlock()
	if s == nil || next == nil {
		return fmt.Errorf("%w: %s is gone", ErrLost, segmentName(n))
	}
	c := newCodec(l.c.Key)
	w := &window{file: s.file, size: s.size}
	at, number := int64(segmentHeader), s.before
	for number < next.before {
		h, text, ok, err := c.frame(w, n, at)
		if err == nil && (!ok || h.before != number) {
			err = fmt.Errorf("%w: number %d in %s is followed by none", ErrLost, number, segmentName(n))
		}
		if err == nil {
			err = visit(Frame{Position{n, at}, h.number, text[headerSize:]})
		}
		if err != nil {
			return err
		}
		number = h.number
		at += aligned(int64(len(text)))
	}
	l.mu.Lock()
	s.end = at
	l.mu.Unlock()
	return nil
}

// IsLost reports whether acknowledged frames cannot be read.
func IsLost(err error) bool { return errors.Is(err, ErrLost) }
