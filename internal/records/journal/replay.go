package journal

import (
	"errors"
	"fmt"
)

// errDamaged is when what was durable cannot be read any more.
var errDamaged = errors.New("acknowledged changes in it cannot be read")

// errOlder is when the files are copies of an earlier time.
var errOlder = errors.New("its files are older than what is kept elsewhere")

// reach is the highest number of a frame in both files.
func (f format) reach(texts [2][]byte) uint64 {
	var highest uint64
	for _, text := range texts {
		if frames, _ := f.chain(text); len(frames) > 0 {
			highest = max(highest, frames[len(frames)-1].number)
		}
	}
	return highest
}

// replay puts the frames of both files above applied in order.
//
// What ends a chain may be the frame that was being written when the process
// died, which nobody was told of. That is so of the last frame only: where a
// whole one comes later, in either file, something was lost.
func (f format) replay(texts [2][]byte, applied uint64) ([]frame, error) {
	older, rest := f.live(texts[0], applied)
	newer, more := f.live(texts[1], applied)
	if len(older) > 0 && len(newer) > 0 && older[0].number > newer[0].number {
		older, newer = newer, older
	}
	if len(newer) > 0 {
		// What the newer file does not follow had failed when it was begun.
		older = until(older, newer[0].before)
	}
	frames := append(older, newer...)
	last := applied
	for i, r := range frames {
		if r.before > last || i > 0 && r.before != last {
			return nil, fmt.Errorf("%w: number %d is there, and %d before it is not", errDamaged, r.number, r.before)
		}
		last = r.number
	}
	if stray := max(f.stray(rest), f.stray(more)); stray > last {
		return nil, fmt.Errorf("%w: number %d is there, and what follows %d is not", errDamaged, stray, last)
	}
	return frames, nil
}

// live is what of a file is not applied.
func (f format) live(text []byte, applied uint64) (frames []frame, rest []byte) {
	frames, rest = f.chain(text)
	for len(frames) > 0 && frames[0].number <= applied {
		frames = frames[1:]
	}
	return frames, rest
}

// until drops the frames behind a number.
func until(frames []frame, number uint64) []frame {
	for len(frames) > 0 && frames[len(frames)-1].number > number {
		frames = frames[:len(frames)-1]
	}
	return frames
}
