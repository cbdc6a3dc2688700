package server

import (
	"slices"
	"sync"

	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // For the codec that is bounded here.
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// mostItems is how many items of a list are decoded: one more than any rule
// allows, so that the rule is seen to be broken.
const mostItems = 101

// boundedCodec is gRPC's protobuf codec with a bound on what a message becomes.
// A request is decoded before its rules are looked at, and 8 MiB of empty items
// would become half a gigabyte of objects.
type boundedCodec struct {
	encoding.CodecV2

	// lists keeps, by descriptor, the numbers of the fields to bound.
	lists *sync.Map
}

func newBoundedCodec() boundedCodec {
	return boundedCodec{CodecV2: encoding.GetCodecV2("proto"), lists: &sync.Map{}}
}

// Unmarshal decodes a message, and of each list in it the first mostItems. No
// rule allows more, which a test holds against the proto files.
func (c boundedCodec) Unmarshal(data mem.BufferSlice, v any) error {
	m, ok := v.(proto.Message)
	if !ok {
		return c.CodecV2.Unmarshal(data, v)
	}
	lists := c.listsOf(m.ProtoReflect().Descriptor())
	if len(lists) == 0 {
		return c.CodecV2.Unmarshal(data, v)
	}
	buffer := data.MaterializeToBuffer(mem.DefaultBufferPool())
	defer buffer.Free()
	return proto.Unmarshal(clip(buffer.ReadOnlyData(), lists), m)
}

// listsOf gives the numbers of the fields that are lists.
func (c boundedCodec) listsOf(md protoreflect.MessageDescriptor) []protowire.Number {
	if known, ok := c.lists.Load(md.FullName()); ok {
		numbers, _ := known.([]protowire.Number)
		return numbers
	}
	var numbers []protowire.Number
	for i := range md.Fields().Len() {
		if fd := md.Fields().Get(i); fd.IsList() {
			numbers = append(numbers, fd.Number())
		}
	}
	c.lists.Store(md.FullName(), numbers)
	return numbers
}

// clip leaves out the items of lists after the first mostItems. It returns
// wire as it is where there are none, and where it cannot be read, which the
// decoder will say in its own words.
func clip(wire []byte, lists []protowire.Number) []byte {
	var kept []byte
	counts := map[protowire.Number]int{}
	for at := 0; at < len(wire); {
		number, _, n := protowire.ConsumeField(wire[at:])
		if n < 0 {
			return wire
		}
		over := false
		if slices.Contains(lists, number) {
			counts[number]++
			over = counts[number] > mostItems
		}
		switch {
		case over && kept == nil:
			kept = append(kept, wire[:at]...)
		case !over && kept != nil:
			kept = append(kept, wire[at:at+n]...)
		}
		at += n
	}
	if kept == nil {
		return wire
	}
	return kept
}
