package server

import (
	"context"
	"slices"

	"google.golang.org/grpc"

	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/contract"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/inflight"
)

// preauth authenticates a caller before the request is decoded, as the gateway does before it reads
// a body: decoding takes many times the memory of the bytes on the wire. preauth does not read a
// long request if no rule allows the caller this method, and limits the memory of all requests
// together. The request of an unauthenticated caller is not decoded. The chain refuses the call, so
// that all refusals are made in one place.
type preauth struct {
	registrar     grpc.ServiceRegistrar
	authenticator *authn.Authenticator
	refuser       refuser
	bodies        *inflight.Bodies
	// refused reports whether no rule can allow a call, before the request is read.
	refused func(ctx context.Context, method, account, store string) (bool, *fault.Error)
	// receive reads the request of the call of ctx. It calls wanted before it reads a long message.
	receive func(ctx context.Context, wanted func() bool, into any) error
}

// RegisterService registers a service with preauth for all methods.
func (d preauth) RegisterService(desc *grpc.ServiceDesc, service any) {
	guarded := *desc
	guarded.Methods = slices.Clone(desc.Methods)
	for i, m := range desc.Methods {
		guarded.Methods[i].Handler = d.guard("/"+desc.ServiceName+"/"+m.MethodName, m.Handler)
	}
	d.registrar.RegisterService(&guarded, service)
}

func (d preauth) guard(method string, handler grpc.MethodHandler) grpc.MethodHandler {
	return func(srv any, ctx context.Context, _ func(any) error, interceptor grpc.UnaryServerInterceptor) (any, error) {
		c := &guardedCall{preauth: &d, method: method, authentication: identify(ctx, d.authenticator)}
		ctx = authn.WithAuthentication(ctx, &c.authentication)
		if c.authentication.Err != nil {
			return handler(srv, ctx, func(any) error { return nil }, interceptor)
		}
		held := d.bodies.Open(c.authentication.Principal.Name)
		defer held.Release()
		c.ctx = contract.WithMistakes(inflight.With(ctx, held), &c.found)
		answer, err := handler(srv, c.ctx, c.receive, interceptor)
		if c.unread != nil {
			return nil, d.refuser.refuse(c.ctx, method, c.unread)
		}
		return answer, err
	}
}

// guardedCall is a call whose message is received after the authentication.
type guardedCall struct {
	preauth *preauth
	method  string
	ctx     context.Context //nolint:containedctx // the handler gives no context to the function that receives

	authentication authn.Authentication
	found          contract.Mistakes
	// unread is the error of a message that was not read.
	unread error
}

// receive reads the message of the call.
func (c *guardedCall) receive(into any) error {
	c.unread = c.preauth.receive(c.ctx, c.wanted, into)
	return c.unread
}

// wanted reports whether a long message is read, which any rule must allow.
func (c *guardedCall) wanted() bool {
	c.found.Unread, c.found.Fault = c.preauth.refused(c.ctx, c.method, "", "")
	return !c.found.Unread
}
