// Package journal makes pieces of text durable, each with one write and one
// sync, until their owner keeps them elsewhere. Two files take turns: while the
// owner works through one, the other is written to.
//
// It must not know what the pieces mean, nor where they are kept in the end.
//
// A file is used again from its start without being cut, since a write over
// what is there needs no change of the file's size to be durable, which is
// about a third of the cost. What is left of its earlier use is told apart by
// its numbers.
package journal

import (
	"errors"
	"fmt"
)

// keptFile is how many bytes of a file are kept for its next use; one that a
// large change made longer is cut.
const keptFile = 16 << 20

// keptBuffer is how large the memory for a frame may be to be used again.
const keptBuffer = 1 << 20

// Suffixes are what the names of the two files end with.
func Suffixes() [2]string { return [2]string{".journal-a", ".journal-b"} }

// Config says where the journal is and whose.
type Config struct {
	// Path is that of the two files, without their suffixes.
	Path string
	// Key belongs to the owner. What was written under another is not seen.
	Key []byte
	// Applied is the mark of what the owner keeps elsewhere, 0 at first. See
	// Journal.Turn.
	Applied uint64
	// Reached is the number of a frame that was durable once. Files that hold
	// less are an error, unless Kept is at least as much.
	Reached uint64
	// Kept is the mark of what the owner kept elsewhere when the files were
	// emptied last.
	Kept uint64
	// Open opens one of the files, or makes it. Nil: OpenFile.
	Open func(path string) (File, error)
}

// Journal is two files. It must be used by one goroutine at a time.
type Journal struct {
	format format
	files  [2]File
	// long is how many bytes each file has at most.
	long [2]int64
	// at is the file in use, and end where the next frame goes.
	at  int
	end int64
	// last is the number of the last durable frame, and used the last that
	// was given to any: more than last after a failure.
	last, used uint64
	buffer     []byte
}

// Open opens the files and returns what they hold above Applied, in the order
// in which it was written. A piece at the end whose Write never returned may be
// there or not. The error says so where one is missing that was durable.
//
// The owner must keep all of it elsewhere, under the number that Mark gives,
// before the first Write.
func Open(c Config) (*Journal, [][]byte, error) {
	if c.Open == nil {
		c.Open = OpenFile
	}
	j := &Journal{format: formatOf(c.Key)}
	var texts [2][]byte
	for i, suffix := range Suffixes() {
		file, err := c.Open(c.Path + suffix)
		if err != nil {
			return nil, nil, errors.Join(err, j.Close())
		}
		j.files[i] = file
		if texts[i], err = readAll(file); err != nil {
			return nil, nil, errors.Join(fmt.Errorf("reading %s: %w", c.Path+suffix, err), j.Close())
		}
		j.long[i] = int64(len(texts[i]))
	}
	frames, err := j.format.replay(texts, c.Applied)
	if reach := max(c.Kept, j.format.reach(texts)); err == nil && reach < c.Reached {
		err = fmt.Errorf("%w: they end with number %d, and the owner has seen number %d", errOlder, reach, c.Reached)
	}
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("%s.journal-*: %w", c.Path, err), j.Close())
	}
	j.last = c.Applied
	contents := make([][]byte, len(frames))
	for i, r := range frames {
		j.last, contents[i] = r.number, r.content
	}
	j.used = j.last
	return j, contents, nil
}

// Frame is where the content of the next frame is appended to. It is good until
// the next call of Frame.
func (j *Journal) Frame() []byte {
	if j.buffer == nil {
		j.buffer = make([]byte, headerSize, 64<<10)
	}
	return j.buffer[:headerSize]
}

// Length is how many bytes of content were appended to what Frame gave.
func Length(frame []byte) int { return len(frame) - headerSize }

// Write makes a frame durable, which must have begun as what Frame gave. After
// an error it may be durable or not, until the next Write that succeeds puts
// its own in the place.
func (j *Journal) Write(frame []byte) error {
	if cap(frame) <= keptBuffer {
		j.buffer = frame
	}
	if Length(frame) > MaxFrame {
		return fmt.Errorf("a frame of %d bytes; it may have %d", Length(frame), MaxFrame)
	}
	j.used++
	j.format.seal(frame, j.used, j.last)
	file := j.files[j.at]
	// Also after an error, a part of it may be there.
	j.long[j.at] = max(j.long[j.at], j.end+int64(len(frame)))
	if _, err := file.WriteAt(frame, j.end); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	j.last = j.used
	j.end += int64(len(frame))
	return nil
}

// Doubtful says whether a frame may be durable that Write gave an error for.
func (j *Journal) Doubtful() bool { return j.used != j.last }

// Size is how many bytes of the file in use are taken.
func (j *Journal) Size() int64 { return j.end }

// Mark stands for all that was given to Write until now.
func (j *Journal) Mark() uint64 { return j.used }

// Durable is the number of the last durable frame.
func (j *Journal) Durable() uint64 { return j.last }

// Idle is the file, of those that Suffixes names, that is not in use.
func (j *Journal) Idle() int { return 1 - j.at }

// Turn goes on in the other file, from its start, and returns the mark of what
// was written until now. The owner must keep elsewhere what the other file
// holds, and its mark: what is in it is lost with the next Write.
func (j *Journal) Turn() (mark uint64) {
	j.at, j.end = 1-j.at, 0
	if j.long[j.at] > keptFile && j.files[j.at].Truncate(0) == nil {
		j.long[j.at] = 0
	}
	return j.used
}

// Empty cuts both files, of which the owner must keep everything elsewhere.
func (j *Journal) Empty() error {
	j.end, j.long = 0, [2]int64{}
	return errors.Join(j.files[0].Truncate(0), j.files[1].Truncate(0))
}

// Close closes the files.
func (j *Journal) Close() error {
	var errs []error
	for _, file := range j.files {
		if file != nil {
			errs = append(errs, file.Close())
		}
	}
	return errors.Join(errs...)
}
