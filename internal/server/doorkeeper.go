package server

import (
	"context"
	"slices"

	"google.golang.org/grpc"

	"platform.internal/storekeeper/internal/access"
)

// doorkeeper finds out who is calling before a request is decoded, as the REST
// side does before it reads a body: decoding takes many times the memory of the
// bytes that came. A stranger's request is left undecoded, and the chain refuses
// the call in the place where every refusal is made.
type doorkeeper struct {
	to            grpc.ServiceRegistrar
	authenticator *access.Authenticator
}

// RegisterService registers a service whose methods are guarded.
func (d doorkeeper) RegisterService(desc *grpc.ServiceDesc, service any) {
	guarded := *desc
	guarded.Methods = slices.Clone(desc.Methods)
	for i, m := range desc.Methods {
		guarded.Methods[i].Handler = d.guard(m.Handler)
	}
	d.to.RegisterService(&guarded, service)
}

func (d doorkeeper) guard(handler grpc.MethodHandler) grpc.MethodHandler {
	return func(srv any, ctx context.Context, decode func(any) error, interceptor grpc.UnaryServerInterceptor) (any, error) {
		var o access.Outcome
		o.Principal, o.Err = d.authenticator.Authenticate(ctx, credentialsOf(ctx))
		if o.Err != nil {
			decode = func(any) error { return nil }
		}
		return handler(srv, access.WithOutcome(ctx, o), decode, interceptor)
	}
}
