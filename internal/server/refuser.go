package server

import (
	"context"
	"errors"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/telemetry"
)

// refuser answers calls that never reach the chain, because the method does not exist or the
// message cannot be decoded. Such calls are logged and counted like other calls, with a rate limit
// for log lines about unauthenticated callers.
type refuser struct {
	chain         []grpc.UnaryServerInterceptor
	authenticator *authn.Authenticator
}

func newRefuser(c Chain) refuser {
	return refuser{
		chain:         []grpc.UnaryServerInterceptor{identifyRequest(c.Proxies), observe(c.Log, c.Metrics, boundedLog, nil), faultToStatus(c.Metrics)},
		authenticator: c.Authenticator,
	}
}

// refuse returns the answer to a call that failed with err.
func (b refuser) refuse(ctx context.Context, method string, err error) error {
	all := compiledChain{chain: b.chain}
	end := func(ctx context.Context, _ any) (any, error) {
		if caller, err := b.caller(ctx); err == nil {
			telemetry.CallFrom(ctx).SetCaller(caller.Name)
		}
		return nil, unreadable(err)
	}
	_, err = all.compile(&grpc.UnaryServerInfo{FullMethod: method}, end)(ctx, nil)
	return err
}

func (b refuser) caller(ctx context.Context) (authn.Principal, error) {
	if o, known := authn.AuthenticationFrom(ctx); known {
		return o.Principal, o.Err
	}
	o := identify(ctx, b.authenticator)
	return o.Principal, o.Err
}

// unknownMethod answers calls of methods that do not exist.
func (b refuser) unknownMethod(_ any, ss grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(ss)
	return b.refuse(ss.Context(), method, fault.New(fault.Unimplemented, fault.ReasonMethodUnknown, "There is no such method; reflection lists the methods."))
}

// unreadable turns gRPC's internal error about a message that cannot be decoded
// into a BadInput fault: the caller sent that message.
func unreadable(err error) error {
	if errors.Is(err, io.EOF) || status.Code(err) == codes.Internal {
		return fault.New(fault.BadInput, fault.ReasonRequestUnreadable, "The message cannot be decoded as the request of this method.").Because(err)
	}
	return err
}
