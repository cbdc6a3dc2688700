// Package inproc carries gRPC calls inside the process: calls that run a server's
// interceptors and handlers without a network and without encoding messages.
//
// The package must not know which services it carries or what the interceptors
// do.
package inproc

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// Channel is both ends of a connection: services are registered on it as on a
// grpc.Server, and Call makes a call. Register services before the first call.
// Calls are safe for concurrent use.
type Channel struct {
	interceptor grpc.UnaryServerInterceptor
	methods     map[string]boundMethod
}

type boundMethod struct {
	service any
	handler grpc.MethodHandler
}

var _ grpc.ServiceRegistrar = (*Channel)(nil)

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

// Call runs one call. The handler sees md as the metadata of the caller, and the
// values of ctx, such as the peer. fill fills in the request, which is an empty
// message of the method's type; its error ends the call before the interceptor
// runs. header is the header of the answer, also of a failed call. The answer is
// that of the handler and must not be changed; its trailer is dropped.
func (c *Channel) Call(ctx context.Context, method string, md metadata.MD, fill func(request any) error) (answer any, header metadata.MD, err error) {
	m, ok := c.methods[method]
	if !ok {
		return nil, nil, status.Errorf(codes.Unimplemented, "unknown method %s", method)
	}
	sent := &serverStream{method: method}
	ctx = grpc.NewContextWithServerTransportStream(metadata.NewIncomingContext(ctx, md), sent)
	answer, err = m.handler(m.service, ctx, fill, c.interceptor)
	return answer, sent.sentHeader(), err
}
