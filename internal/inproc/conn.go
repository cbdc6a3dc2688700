// Package inproc carries gRPC calls inside the process: a client connection
// whose calls run a server's interceptors and handlers without a network and
// without encoding messages.
//
// The package must not know which services it carries or what the interceptors
// do.
package inproc

import (
	"context"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Channel is both ends of a connection: services are registered on it as on a
// grpc.Server, and clients use it as a grpc.ClientConn. Register services
// before the first call. Calls are safe for concurrent use.
type Channel struct {
	interceptor grpc.UnaryServerInterceptor
	methods     map[string]boundMethod
}

type boundMethod struct {
	service any
	handler grpc.MethodHandler
}

var (
	_ grpc.ClientConnInterface = (*Channel)(nil)
	_ grpc.ServiceRegistrar    = (*Channel)(nil)
)

// NewChannel returns a connection whose calls pass an interceptor. Nil: they go
// directly to the handlers.
func NewChannel(interceptor grpc.UnaryServerInterceptor) *Channel {
	return &Channel{interceptor: interceptor, methods: map[string]boundMethod{}}
}

// RegisterService adds the unary methods of a service.
func (c *Channel) RegisterService(desc *grpc.ServiceDesc, service any) {
	for _, m := range desc.Methods {
		c.methods["/"+desc.ServiceName+"/"+m.MethodName] = boundMethod{service: service, handler: m.Handler}
	}
}

// Invoke runs one call. Outgoing metadata of ctx becomes incoming metadata; all
// other values of ctx, such as the peer, are kept. Of the call options
// grpc.Header and grpc.Trailer are supported. The answer shares its fields with
// the handler's answer and must not be changed.
func (c *Channel) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	m, ok := c.methods[method]
	if !ok {
		return status.Errorf(codes.Unimplemented, "unknown method %s", method)
	}
	sent := &serverStream{method: method}
	out, err := m.handler(m.service, serverContext(ctx, sent), copyFrom(args), c.interceptor)
	sent.deliver(opts)
	if err != nil {
		return err
	}
	return shareFields(out, reply)
}

// NewStream always fails: the services have no streaming methods.
func (c *Channel) NewStream(context.Context, *grpc.StreamDesc, string, ...grpc.CallOption) (grpc.ClientStream, error) {
	return nil, status.Error(codes.Unimplemented, "streaming is not carried in process")
}

// serverContext turns the client's context into that of a handler.
func serverContext(ctx context.Context, sent *serverStream) context.Context {
	md, sends := metadata.FromOutgoingContext(ctx)
	if sends {
		ctx = metadata.NewOutgoingContext(ctx, nil)
	}
	ctx = metadata.NewIncomingContext(ctx, md)
	return grpc.NewContextWithServerTransportStream(ctx, sent)
}

// copyFrom returns a function that copies src into a message. Requests are
// copied because a client that does not wait for the handler may reuse its own
// message while the handler still reads.
func copyFrom(src any) func(any) error {
	return func(dst any) error {
		from, to, err := messagesOf(src, dst)
		if err == nil {
			proto.Merge(to, from)
		}
		return err
	}
}

// shareFields sets the fields of the client's message to those of the answer
// without copying: a handler does not use its answer after it returns.
func shareFields(answer, reply any) error {
	from, to, err := messagesOf(answer, reply)
	if err != nil {
		return err
	}
	into := to.ProtoReflect()
	from.ProtoReflect().Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		into.Set(fd, v)
		return true
	})
	return nil
}

// messagesOf returns two messages of one type.
func messagesOf(src, dst any) (from, to proto.Message, err error) {
	from, okFrom := src.(proto.Message)
	to, okTo := dst.(proto.Message)
	if !okFrom || !okTo || from.ProtoReflect().Descriptor() != to.ProtoReflect().Descriptor() {
		return nil, nil, fmt.Errorf("inproc: cannot make %T of %T", dst, src)
	}
	return from, to, nil
}
