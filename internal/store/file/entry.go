package file

import (
	"encoding/binary"
	"errors"
	"fmt"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/store/wal"
)

// The content of a frame is a sequence of entries. Each begins with the byte of its kind; all
// numbers are little-endian:
//
//	P  a record without an expiry is put: length of key 2, of value 4, key, value
//	E  a record with an expiry is put: length of key 2, of value 4, expiry in
//	   milliseconds since 1970 8, seal 8, key, value
//	D  a record is deleted: length of key 2, key
//	L  a line of the trail: generation 4, length 4, line with its line feed
//	H  the chain that the following lines continue: generation 4, keyed 1, number 8
//	   and hash 32 of the last record, length 2 and identifier, length 2 and path of
//	   the file, empty for a stream
//	T  the durable end of the trail: generation 4, size of the file 8, number 8 and
//	   hash 32 of the last record, segment 8 and offset 8 of the first frame that
//	   may have lines after that record
//	G  the oldest segment that is needed: 8
const (
	entryPut    = 'P'
	entryExpire = 'E'
	entryDelete = 'D'
	entryLine   = 'L'
	entryChain  = 'H'
	entryTrail  = 'T'
	entryOldest = 'G'

	sealSize   = 8
	expireHead = 1 + 2 + 4 + 8 + sealSize
)

var errEntry = errors.New("it holds an entry in no form that this build knows")

// chainState is the chain of the trail with its last record.
type chainState struct {
	generation uint32
	origin     audit.Origin
	at         audit.Place
	path       string
}

// synced is the position up to which lines are durable in the trail.
type synced struct {
	generation uint32
	// size is the number of bytes of the file that hold them.
	size int64
	at   audit.Place
	// frame is the first frame that may have lines after at.
	frame wal.Position
}

// frameEntry is a decoded entry. Its byte slices share memory with the frame.
type frameEntry struct {
	kind byte
	// at is the offset of the entry in the content, and length its number of bytes.
	at, length int
	key, value []byte
	expires    int64
	// generation is set for a line.
	generation uint32
	chain      chainState
	synced     synced
	oldest     uint64
}

func appendPut(b []byte, key string, value []byte) []byte {
	b = append(b, entryPut)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(key)))   //nolint:gosec // store.CheckKeys bounds it
	b = binary.LittleEndian.AppendUint32(b, uint32(len(value))) //nolint:gosec // store.CheckChanges bounds it
	b = append(b, key...)
	return append(b, value...)
}

func appendExpire(b []byte, key string, value []byte, expires int64, s *sealer) []byte {
	b = append(b, entryExpire)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(key)))   //nolint:gosec // store.CheckKeys bounds it
	b = binary.LittleEndian.AppendUint32(b, uint32(len(value))) //nolint:gosec // store.CheckChanges bounds it
	b = binary.LittleEndian.AppendUint64(b, uint64(expires))    //nolint:gosec // the same bits
	b = append(b, s.seal(expires, key, value)...)
	b = append(b, key...)
	return append(b, value...)
}

func appendDelete(b []byte, key string) []byte {
	b = append(b, entryDelete)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(key))) //nolint:gosec // store.CheckKeys bounds it
	return append(b, key...)
}

// lineHead is the number of bytes before the text of a line.
const lineHead = 1 + 4 + 4

// beginLine appends the head of a line, and endLine sets the length.
func beginLine(b []byte, generation uint32) []byte {
	b = append(b, entryLine)
	b = binary.LittleEndian.AppendUint32(b, generation)
	return append(b, 0, 0, 0, 0)
}

func endLine(b []byte, start int) {
	binary.LittleEndian.PutUint32(b[start+5:], uint32(len(b)-start-lineHead)) //nolint:gosec // a line is short
}

func appendPlace(b []byte, p audit.Place) []byte {
	b = binary.LittleEndian.AppendUint64(b, p.Seq())
	hash := p.Hash()
	return append(b, hash[:]...)
}

func appendText(b []byte, text string) []byte {
	b = binary.LittleEndian.AppendUint16(b, uint16(len(text))) //nolint:gosec // paths and identifiers are short
	return append(b, text...)
}

func appendChain(b []byte, c chainState) []byte {
	b = append(b, entryChain)
	b = binary.LittleEndian.AppendUint32(b, c.generation)
	keyed := byte(0)
	if c.origin.Keyed() {
		keyed = 1
	}
	b = appendPlace(append(b, keyed), c.at)
	b = appendText(b, c.origin.ID())
	return appendText(b, c.path)
}

func appendSynced(b []byte, t synced) []byte {
	b = append(b, entryTrail)
	b = binary.LittleEndian.AppendUint32(b, t.generation)
	b = binary.LittleEndian.AppendUint64(b, uint64(t.size)) //nolint:gosec // no size is below 0
	b = appendPlace(b, t.at)
	b = binary.LittleEndian.AppendUint64(b, t.frame.Segment)
	return binary.LittleEndian.AppendUint64(b, uint64(t.frame.Offset)) //nolint:gosec // no offset is below 0
}

func appendOldest(b []byte, segment uint64) []byte {
	return binary.LittleEndian.AppendUint64(append(b, entryOldest), segment)
}

// decoder decodes the content of a frame. After the first error short is set, and every further
// step returns zero.
type decoder struct {
	rest  []byte
	short bool
}

func (d *decoder) take(n int) []byte {
	if n > len(d.rest) {
		d.short, d.rest = true, nil
		return nil
	}
	text := d.rest[:n:n]
	d.rest = d.rest[n:]
	return text
}

func (d *decoder) byte() byte {
	if text := d.take(1); text != nil {
		return text[0]
	}
	return 0
}

func (d *decoder) u16() int {
	if text := d.take(2); text != nil {
		return int(binary.LittleEndian.Uint16(text))
	}
	return 0
}

func (d *decoder) u32() uint32 {
	if text := d.take(4); text != nil {
		return binary.LittleEndian.Uint32(text)
	}
	return 0
}

func (d *decoder) u64() uint64 {
	if text := d.take(8); text != nil {
		return binary.LittleEndian.Uint64(text)
	}
	return 0
}

func (d *decoder) i64() int64 { return int64(d.u64()) } //nolint:gosec // the same bits

func (d *decoder) place() audit.Place {
	seq := d.u64()
	var hash [32]byte
	copy(hash[:], d.take(len(hash)))
	return audit.PlaceAt(seq, hash)
}

// entries visits the entries of a frame in order. e is valid until visit returns.
func entries(content []byte, visit func(e *frameEntry) error) error {
	d := decoder{rest: content}
	var e frameEntry
	for len(d.rest) > 0 {
		at := len(content) - len(d.rest)
		e = frameEntry{kind: d.byte(), at: at}
		if err := d.entry(&e); err != nil {
			return fmt.Errorf("%w, at byte %d", err, at)
		}
		e.length = len(content) - len(d.rest) - at
		if err := visit(&e); err != nil {
			return err
		}
	}
	return nil
}

func (d *decoder) entry(e *frameEntry) error {
	switch e.kind {
	case entryPut:
		key, value := d.u16(), d.u32()
		e.key, e.value = d.take(key), d.take(int(value))
	case entryExpire:
		key, value := d.u16(), d.u32()
		e.expires = d.i64()
		d.take(sealSize)
		e.key, e.value = d.take(key), d.take(int(value))
	case entryDelete:
		e.key = d.take(d.u16())
	case entryLine:
		e.generation = d.u32()
		e.value = d.take(int(d.u32()))
	case entryChain:
		e.chain.generation = d.u32()
		keyed := d.byte() == 1
		e.chain.at = d.place()
		e.chain.origin = audit.OriginOf(string(d.take(d.u16())), keyed)
		e.chain.path = string(d.take(d.u16()))
	case entryTrail:
		e.synced = synced{generation: d.u32(), size: d.i64(), at: d.place(), frame: wal.Position{Segment: d.u64(), Offset: d.i64()}}
	case entryOldest:
		e.oldest = d.u64()
	default:
		return errEntry
	}
	if d.short {
		return errEntry
	}
	return nil
}
