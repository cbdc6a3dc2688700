package server

import (
	"sync"

	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/gzip"  // Clients that compress use it.
	_ "google.golang.org/grpc/encoding/proto" // For the codec that is bounded here.
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// boundedCodec is gRPC's protobuf codec with a bound on the size of the decoded
// message. A request is decoded before its rules are checked, and 8 MiB of
// empty list items would become 500 MB of objects.
type boundedCodec struct {
	encoding.CodecV2

	// shapes caches a *messageShape per message type.
	shapes *sync.Map
}

func newBoundedCodec() boundedCodec {
	return boundedCodec{CodecV2: encoding.GetCodecV2("proto"), shapes: &sync.Map{}}
}

// Unmarshal decodes a message. Of each list, at any depth, Unmarshal decodes the first maxItems
// items. No rule allows more; a test compares maxItems with the proto files. Unknown fields are
// dropped.
func (c boundedCodec) Unmarshal(data mem.BufferSlice, v any) error {
	m, ok := v.(proto.Message)
	if !ok {
		return c.CodecV2.Unmarshal(data, v)
	}
	buffer := data.MaterializeToBuffer(mem.DefaultBufferPool())
	defer buffer.Free()
	wire, err := c.shapeOf(m.ProtoReflect().Descriptor()).truncate(buffer.ReadOnlyData())
	if err != nil {
		return err
	}
	return proto.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(wire, m)
}

func (c boundedCodec) shapeOf(md protoreflect.MessageDescriptor) *messageShape {
	if known, ok := c.shapes.Load(md.FullName()); ok {
		s, _ := known.(*messageShape)
		return s
	}
	s := shapeOf(md, map[protoreflect.FullName]*messageShape{})
	c.shapes.Store(md.FullName(), s)
	return s
}
