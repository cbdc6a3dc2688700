package journal

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
)

// A frame is a header and its content. All numbers are little-endian:
//
//	 0  magic
//	 4  length of the content in bytes
//	 8  number of the frame
//	16  number of the frame that it follows
//	24  checksum of the content
//	28  checksum of the header before it
const (
	magic      = "\xf5SKJ"
	atLength   = 4
	atNumber   = 8
	atBefore   = 16
	atContent  = 24
	atChecksum = 28
	headerSize = 32
)

// MaxFrame is how many bytes the content of a frame may have.
const MaxFrame = 1 << 30

// frame is one that was read.
type frame struct {
	number, before uint64
	content        []byte
}

// format writes and reads the frames of one owner. Its checksums begin with
// the owner's key, so that no other's frames are taken for its own, nor what
// somebody put into the content of one.
type format struct {
	table *crc32.Table
	seed  uint32
}

func formatOf(key []byte) format {
	table := crc32.MakeTable(crc32.Castagnoli)
	return format{table: table, seed: crc32.Checksum(key, table)}
}

func (f format) sum(b []byte) uint32 { return crc32.Update(f.seed, f.table, b) }

// seal fills in the header in front of the content.
func (f format) seal(text []byte, number, before uint64) {
	content := text[headerSize:]
	copy(text, magic)
	//nolint:gosec // Write refuses what is longer than MaxFrame.
	binary.LittleEndian.PutUint32(text[atLength:], uint32(len(content)))
	binary.LittleEndian.PutUint64(text[atNumber:], number)
	binary.LittleEndian.PutUint64(text[atBefore:], before)
	binary.LittleEndian.PutUint32(text[atContent:], f.sum(content))
	binary.LittleEndian.PutUint32(text[atChecksum:], f.sum(text[:atChecksum]))
}

// read reads the frame at the start of text. ok is false where none is whole
// there.
func (f format) read(text []byte) (r frame, ok bool) {
	if len(text) < headerSize || string(text[:len(magic)]) != magic ||
		f.sum(text[:atChecksum]) != binary.LittleEndian.Uint32(text[atChecksum:]) {
		return frame{}, false
	}
	length := binary.LittleEndian.Uint32(text[atLength:])
	content := text[headerSize:]
	if uint64(len(content)) < uint64(length) {
		return frame{}, false
	}
	r.content = content[:length:length]
	if f.sum(r.content) != binary.LittleEndian.Uint32(text[atContent:]) {
		return frame{}, false
	}
	r.number = binary.LittleEndian.Uint64(text[atNumber:])
	r.before = binary.LittleEndian.Uint64(text[atBefore:])
	return r, r.before < r.number
}

// chain reads the frames from the start of text on, each of which follows the
// one before it. It ends with the first that does not, be it cut short or left
// from an earlier use of the file.
func (f format) chain(text []byte) (frames []frame, rest []byte) {
	for {
		next, ok := f.read(text)
		if !ok || len(frames) > 0 && next.before != frames[len(frames)-1].number {
			return frames, text
		}
		frames = append(frames, next)
		text = text[headerSize+len(next.content):]
	}
}

// stray is the highest number of a whole frame anywhere in text.
func (f format) stray(text []byte) uint64 {
	var highest uint64
	for {
		at := bytes.Index(text, []byte(magic))
		if at < 0 {
			return highest
		}
		if r, ok := f.read(text[at:]); ok {
			highest = max(highest, r.number)
		}
		text = text[at+1:]
	}
}
