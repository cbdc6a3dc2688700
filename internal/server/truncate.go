package server

import (
	"errors"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// maxItems is how many items of a list are decoded: one more than any rule
// allows, so that the rule is seen to be broken.
const maxItems = 101

// minFieldBytes is the least number of bytes that a field takes on the wire.
const minFieldBytes = 2

var (
	errFieldRepeated = errors.New("a field that is no list is given more than 101 times")
	errNoMessage     = errors.New("the request is no protobuf message")
)

// messageShape says of a kind of message which fields it has, by their numbers.
type messageShape struct {
	fields map[protowire.Number]fieldShape
}

type fieldShape struct {
	list bool
	// message is the kind of message that the field holds, nil for others.
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

// fieldCounts counts the fields of one message. A message that is no item of a list may
// come in several parts, which the decoder merges, so its tally is kept in that
// of the message around it.
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

// truncate leaves out the items of lists after the first mostItems. It returns wire
// as it is where there are none.
func (s *messageShape) truncate(wire []byte) ([]byte, error) {
	if len(wire) <= maxItems*minFieldBytes {
		return wire, nil
	}
	return s.truncatePart(wire, newFieldCounts())
}

// truncatePart is clip for a part of a message, of which t has what came before.
func (s *messageShape) truncatePart(wire []byte, t *fieldCounts) ([]byte, error) {
	// kept is what is left of wire, nil while that is all of it.
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

// truncateField gives what is left of a field, nothing where it is left out. Fields that
// are not known are left out: nobody reads them.
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

// truncateMessage clips the message that a field holds.
func (f fieldShape) truncateMessage(wire []byte, t *fieldCounts, number protowire.Number) ([]byte, error) {
	if f.list {
		return f.message.truncate(wire)
	}
	return f.message.truncatePart(wire, t.part(number))
}
