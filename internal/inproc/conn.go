// Package inproc implements gRPC calls inside the process. It provides a client connection whose calls run a
// server's interceptors and handlers without a network and without encoding messages.
//
// The package must not know the services or the effect of the interceptors.
package inproc

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// Channel carries calls inside the process: register services on a Channel like on a grpc.Server, and call
// them with Call. Register services before the first call. Calls are safe for concurrent use.
type Channel struct {
	interceptor grpc.UnaryServerInterceptor
	methods     map[string]boundMethod
}

type boundMethod struct {
	service any
	handler grpc.MethodHandler
}

var _ grpc.ServiceRegistrar = (*Channel)(nil)

// NewChannel returns a connection whose calls pass an interceptor. Nil: calls go directly to the handlers.
func NewChannel(interceptor grpc.UnaryServerInterceptor) *Channel {
	return &Channel{interceptor: interceptor, methods: map[string]boundMethod{}}
}

// RegisterService adds the unary methods of a service.
func (c *Channel) RegisterService(desc *grpc.ServiceDesc, service any) {
	for _, m := range desc.Methods {
		c.methods["/"+desc.ServiceName+"/"+m.MethodName] = boundMethod{service: service, handler: m.Handler}
	}
}

// Call runs one call. The handler gets md as its incoming metadata and all values of ctx, such as the peer.
// fill fills in the handler's request. header is the header that the handler sent, also with an error. The
// answer is the handler's own and must not be changed.
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
