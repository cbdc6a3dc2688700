package servertest

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"platform.internal/storekeeper/internal/inproc"
)

// inProcess makes the calls of generated clients inside the process.
type inProcess struct{ *inproc.Channel }

// Invoke makes one call. The request is copied, and outgoing metadata becomes that
// of the caller.
func (c inProcess) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	md, _ := metadata.FromOutgoingContext(ctx)
	answer, header, err := c.Call(ctx, method, md, func(request any) error { return fill(request, args, proto.Merge) })
	for _, o := range opts {
		if h, is := o.(grpc.HeaderCallOption); is {
			*h.HeaderAddr = header
		}
	}
	if err != nil {
		return err
	}
	return fill(reply, answer, share)
}

// NewStream always fails: nothing in the process has streams.
func (inProcess) NewStream(context.Context, *grpc.StreamDesc, string, ...grpc.CallOption) (grpc.ClientStream, error) {
	return nil, errors.New("there are no streams")
}

// fill makes a message of another one of the same type.
func fill(dst, src any, by func(to, from proto.Message)) error {
	to, okTo := dst.(proto.Message)
	from, okFrom := src.(proto.Message)
	if !okTo || !okFrom || to.ProtoReflect().Descriptor() != from.ProtoReflect().Descriptor() {
		return fmt.Errorf("cannot make %T of %T", dst, src)
	}
	by(to, from)
	return nil
}

// share sets the fields of a message to those of another one, without a copy.
func share(to, from proto.Message) {
	into := to.ProtoReflect()
	from.ProtoReflect().Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		into.Set(fd, v)
		return true
	})
}
