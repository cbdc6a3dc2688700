package bolt

import (
	"encoding/binary"
	"errors"
)

// A frame holds the items of changes that were written together. Each begins
// with the length of its key and the key, and goes on with what it is.
const (
	isGone    = 'd' // nothing more
	isLasting = 'l' // the length of the value, and the value
	isEnding  = 'e' // the same, with the end before the value
)

// itemCost is about how many bytes an item takes beside its key and value.
const itemCost = 16

var errFrame = errors.New("a frame of the journal is not in the form of this version")

// appendItem writes an item to a frame.
func appendItem(frame []byte, key string, i item) []byte {
	frame = binary.AppendUvarint(frame, uint64(len(key)))
	frame = append(frame, key...)
	switch {
	case i.gone:
		return append(frame, isGone)
	case i.end != 0:
		frame = append(frame, isEnding)
	default:
		frame = append(frame, isLasting)
	}
	frame = binary.AppendUvarint(frame, uint64(len(i.kept)))
	return append(frame, i.kept...)
}

// load reads the items of a frame.
func (m memory) load(frame []byte) error {
	for len(frame) > 0 {
		key, rest, ok := cut(frame)
		if !ok || len(rest) == 0 {
			return errFrame
		}
		i, kind := item{}, rest[0]
		frame = rest[1:]
		if kind != isGone {
			if i.kept, frame, ok = cut(frame); !ok {
				return errFrame
			}
		}
		switch {
		case kind == isGone:
			i.gone = true
		case kind == isEnding && len(i.kept) >= endSize:
			i.end = endIn(i.kept)
		case kind != isLasting:
			return errFrame
		}
		m[string(key)] = i
	}
	return nil
}

// cut reads a length and as many bytes.
func cut(text []byte) (piece, rest []byte, ok bool) {
	length, n := binary.Uvarint(text)
	if n <= 0 {
		return nil, nil, false
	}
	if text = text[n:]; length > uint64(len(text)) {
		return nil, nil, false
	}
	return text[:length:length], text[length:], true
}
