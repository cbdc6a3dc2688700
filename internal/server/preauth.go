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
		o := identify(ctx, d.authenticator)
		ctx = authn.WithAuthentication(ctx, &o)
		if o.Err != nil {
			return handler(srv, ctx, func(any) error { return nil }, interceptor)
		}
		found, held := &contract.Mistakes{}, d.bodies.Open(o.Principal.Name)
		defer held.Release()
		ctx = contract.WithMistakes(inflight.With(ctx, held), found)
		wanted := func() bool {
			found.Unread, found.Fault = d.refused(ctx, method, "", "")
			return !found.Unread
		}
		var unread error
		answer, err := handler(srv, ctx, func(into any) error {
			unread = d.receive(ctx, wanted, into)
			return unread
		}, interceptor)
		if unread != nil {
			return nil, d.refuser.refuse(ctx, method, unread)
		}
		return answer, err
	}
}
