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

// preauth finds out who is calling before a request is decoded, as the REST
// side does before it reads a body: decoding takes many times the memory of the
// bytes that came. A long request of a caller that no rule allows the method is
// left unread too, and all requests together stay within the budget for bodies.
// A stranger's request is left undecoded, and the chain refuses
// the call in the place where every refusal is made.
type preauth struct {
	registrar     grpc.ServiceRegistrar
	authenticator *authn.Authenticator
	refuser       refuser
	bodies        *inflight.Bodies
	// refused reports whether no rule could allow a call, before its request is read.
	refused func(ctx context.Context, method, account, store string) (bool, *fault.Error)
	// receive reads the message of the call of ctx. It asks wanted before it reads
	// a message that is not short.
	receive func(ctx context.Context, wanted func() bool, into any) error
}

// RegisterService registers a service whose methods are guarded.
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
		ctx = authn.WithResult(ctx, o)
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
