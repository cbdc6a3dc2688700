package server

import (
	"errors"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// maxItems is the maximum number of list items that are decoded. It exceeds every rule's limit by
// 1, so that validation reports the violated rule.
const maxItems = 101

// minFieldBytes is the smallest size of a field on the wire, in bytes.
const minFieldBytes = 2

var (
	errFieldRepeated = errors.New("a field that is no list is given more than 101 times")
	errNoMessage     = errors.New("the request is no protobuf message")
)

// messageShape holds the fields of a message type by their numbers.
type messageShape struct {
	fields map[protowire.Number]fieldShape
}

type fieldShape struct {
	list bool
	// message is the type of the message in the field. Nil if the field holds no message.
	message *messageShape
}

func shapeOf(md protoreflect.MessageDescriptor, known map[protoreflect.FullName]*messageShape) *messageShape {
	if s := known[md.FullName()]; s != nil {
		return s
	}
	s := &messageShape{fields: map[protowire.Number]fieldShape{}}
	known[md.FullName()] = s
	for i := range md.Fields().Len() {
		fd := md.Fields().Get(i)
		f := fieldShape{list: fd.IsList()}
		if fd.Message() != nil {
			f.message = shapeOf(fd.Message(), known)
		}
		s.fields[fd.Number()] = f
	}
	return s
}

// fieldCounts counts the fields of a message. A message field that is not a list may come in
// several parts, which the decoder merges. The counts of such parts are stored in the counts of the
// enclosing message.
type fieldCounts struct {
	counts map[protowire.Number]int
	parts  map[protowire.Number]*fieldCounts
}

func newFieldCounts() *fieldCounts {
	return &fieldCounts{counts: map[protowire.Number]int{}, parts: map[protowire.Number]*fieldCounts{}}
}

func (t *fieldCounts) part(n protowire.Number) *fieldCounts {
	if t.parts[n] == nil {
		t.parts[n] = newFieldCounts()
	}
	return t.parts[n]
}

// truncate removes the items of lists after the first maxItems. It returns wire
// unchanged if no list is longer.
func (s *messageShape) truncate(wire []byte) ([]byte, error) {
	if len(wire) <= maxItems*minFieldBytes {
		return wire, nil
	}
	return s.truncatePart(wire, newFieldCounts())
}

// truncatePart is truncate for one part of a message. t holds the counts of the earlier parts.
func (s *messageShape) truncatePart(wire []byte, t *fieldCounts) ([]byte, error) {
	// kept is the shortened message, or nil while nothing was removed.
	var kept []byte
	for at := 0; at < len(wire); {
		number, kind, n := protowire.ConsumeField(wire[at:])
		if n < 0 {
			return nil, errNoMessage
		}
		field := wire[at : at+n]
		short, err := s.truncateField(field, number, kind, t)
		if err != nil {
			return nil, err
		}
		if kept == nil && len(short) != len(field) {
			kept = append([]byte{}, wire[:at]...)
		}
		if kept != nil {
			kept = append(kept, short...)
		}
		at += n
	}
	if kept == nil {
		return wire, nil
	}
	return kept, nil
}

// truncateField returns the shortened field. It returns nil for a removed item and for an unknown
// field.
func (s *messageShape) truncateField(field []byte, number protowire.Number, kind protowire.Type, t *fieldCounts) ([]byte, error) {
	f, known := s.fields[number]
	if !known {
		return nil, nil
	}
	t.counts[number]++
	switch over := t.counts[number] > maxItems; {
	case over && f.list:
		return nil, nil
	case over:
		return nil, errFieldRepeated
	case f.message == nil || kind != protowire.BytesType:
		return field, nil
	}
	_, _, tag := protowire.ConsumeTag(field)
	inner, _ := protowire.ConsumeBytes(field[tag:])
	short, err := f.truncateMessage(inner, t, number)
	if err != nil || len(short) == len(inner) {
		return field, err
	}
	return protowire.AppendBytes(append([]byte{}, field[:tag]...), short), nil
}

// truncateMessage shortens the message in a field.
func (f fieldShape) truncateMessage(wire []byte, t *fieldCounts, number protowire.Number) ([]byte, error) {
	if f.list {
		return f.message.truncate(wire)
	}
	return f.message.truncatePart(wire, t.part(number))
}
