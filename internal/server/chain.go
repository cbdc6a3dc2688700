package server

import (
	"context"

	"go.uber.org/zap"
	"google.golang.org/grpc"

	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/contract"
	"platform.internal/storekeeper/internal/forwarded"
	"platform.internal/storekeeper/internal/inflight"
	"platform.internal/storekeeper/internal/telemetry"
)

// Chain holds what the interceptors need.
type Chain struct {
	// Log gets one line a call.
	Log *zap.Logger
	// Metrics counts and times each call.
	Metrics *telemetry.Metrics
	// Proxies may name the client of a call in X-Forwarded-For.
	Proxies forwarded.Proxies
	// Authenticator finds out who is calling.
	Authenticator *authn.Authenticator
	// Rights judges what callers may do.
	Rights Rights
	// Trail gets the audit records.
	Trail Trail
	// Fingerprint makes of a value what tells it from others in the trail and
	// does not give it away. Nil: the trail says nothing of values.
	Fingerprint func(value string) string
	// Validator holds requests against their declared rules.
	Validator *contract.Validator
	// Idempotency makes changes happen once.
	Idempotency Idempotency
	// Bodies is the budget for the requests that are read, which the gateway
	// shares. Nil: one of the server's own.
	Bodies *inflight.Bodies
	// Fresh says that every read asks Cloudflare.
	Fresh bool
	// Share says what is left of its share of an account's call budget to a
	// tenant, as the headers Ratelimit and Ratelimit-Policy. Nil: callers are
	// told nothing.
	Share func(account, tenant string) (limit, policy string)
}

// Interceptors is the one way that every call takes, over gRPC and over REST,
// outer to inner.
func (c Chain) Interceptors() []grpc.UnaryServerInterceptor {
	return []grpc.UnaryServerInterceptor{
		// First, so that every later line and answer carries the id.
		identifyRequest(c.Proxies),
		// Sees the final code of everything below, panics included.
		observe(c.Log, c.Metrics, fullLog),
		// The last word on what leaves: public text only.
		faultToStatus,
		// For a panic in an interceptor below.
		recoverPanic(c.Metrics),
		// Around all that can refuse a call, so that no denial goes unrecorded.
		auditDenials(c.Trail, c.Log),
		// Before anything is done for the caller.
		authenticate(c.Authenticator),
		// Before the first call to Cloudflare that somebody has to pay for.
		attribute(c),
		// A change that comes again may be about what it deleted the first time.
		rememberNames(c),
		// Only a caller who may do it is told what is wrong with the request.
		authorise(c.Rights),
		// Before anything is recorded or sent.
		validate(c.Validator),
		// Only what may be done and can be done is done once; who gets the answer
		// of an earlier call makes no change, and leaves no record of one.
		idempotent(c),
		// The last step before the handler: no record, no call. Around the
		// handler, so that every intent has its outcome, also where the caller
		// has left meanwhile.
		auditIntent(c),
		// A page that the client could not receive is refused as the read that it is.
		boundPage(c.Rights),
		// Innermost, so that a handler's panic is a fault for all above.
		recoverPanic(c.Metrics),
	}
}

// Stream runs a stream through the same interceptors, which see it as one call
// without a request. stopping is the life of the server.
func (c Chain) Stream(stopping context.Context) grpc.StreamServerInterceptor {
	all := &compiledChain{chain: c.Interceptors()}
	return func(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		if srv == nil {
			// No service has the method. The handler refuses the call in a shorter way.
			return handler(srv, ss)
		}
		bounded := boundedHandler(stopping, info.FullMethod, handler)
		call := func(ctx context.Context, _ any) (any, error) {
			return nil, bounded(srv, &streamWithContext{ServerStream: ss, ctx: ctx})
		}
		_, err := all.compile(&grpc.UnaryServerInfo{Server: srv, FullMethod: info.FullMethod}, call)(ss.Context(), nil)
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
