package server

import (
	"context"

	"go.uber.org/zap"
	"google.golang.org/grpc"

	"platform.internal/storekeeper/internal/access"
	"platform.internal/storekeeper/internal/policy"
	"platform.internal/storekeeper/internal/telemetry"
)

// Chain holds what the interceptors need.
type Chain struct {
	// Log gets one line a call.
	Log *zap.Logger
	// Metrics counts and times each call.
	Metrics *telemetry.Metrics
	// Authenticator finds out who is calling.
	Authenticator *access.Authenticator
	// Validator holds requests against their declared rules.
	Validator *policy.Validator
}

// Interceptors is the one way that every call takes, over gRPC and over REST,
// outer to inner.
func (c Chain) Interceptors() []grpc.UnaryServerInterceptor {
	return []grpc.UnaryServerInterceptor{
		identifyRequest,               // first, so that every later line and answer carries the id
		observe(c.Log, c.Metrics),     // sees the final code of everything below, panics included
		faultToStatus,                 // the last word on what leaves: public text only
		recoverPanic(c.Metrics),       // for a panic in an interceptor below
		authenticate(c.Authenticator), // before anything is done for the caller
		validate(c.Validator),         // only a known caller is told what is wrong
		recoverPanic(c.Metrics),       // innermost, so that a handler's panic is a fault for all above
	}
}

// Stream runs a stream through the same interceptors, which see it as one call
// without a request.
func (c Chain) Stream() grpc.StreamServerInterceptor {
	chain := c.Interceptors()
	return func(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		call := func(ctx context.Context, _ any) (any, error) {
			return nil, handler(srv, &streamWithContext{ServerStream: ss, ctx: ctx})
		}
		unary := &grpc.UnaryServerInfo{Server: srv, FullMethod: info.FullMethod}
		for i := len(chain) - 1; i >= 0; i-- {
			outer, inner := chain[i], call
			call = func(ctx context.Context, req any) (any, error) { return outer(ctx, req, unary, inner) }
		}
		_, err := call(ss.Context(), nil)
		return err
	}
}

// streamWithContext gives a stream the context that the chain made.
type streamWithContext struct {
	grpc.ServerStream

	//nolint:containedctx // a gRPC stream carries its context; there is no parameter for it
	ctx context.Context
}

// Context returns the context that the chain made.
func (s *streamWithContext) Context() context.Context { return s.ctx }
