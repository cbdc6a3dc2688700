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

// Chain is the configuration of the interceptors.
type Chain struct {
	// Log receives one line per call.
	Log *zap.Logger
	// Metrics counts and times each call.
	Metrics *telemetry.Metrics
	// Proxies are the networks whose X-Forwarded-For header is trusted.
	Proxies forwarded.Proxies
	// Authenticator authenticates callers.
	Authenticator *authn.Authenticator
	// Rights authorises calls.
	Rights Rights
	// Denials receives the audit records of denied calls.
	Denials Denials
	// Fingerprint returns a keyed fingerprint of a secret value, for the audit trail. If nil, the
	// trail holds no fingerprints.
	Fingerprint func(value string) string
	// Validator checks requests against their declared rules.
	Validator *contract.Validator
	// Idempotency makes each change happen once.
	Idempotency Idempotency
	// Bodies is the memory budget for request bodies, shared with the gateway. If nil, the server
	// has a separate budget.
	Bodies *inflight.Bodies
	// Fresh makes every read ask Cloudflare.
	Fresh bool
	// Share returns a tenant's remaining share of an account's call budget, as the headers
	// Ratelimit and Ratelimit-Policy. If nil, the headers are absent.
	Share func(account, tenant string) (limit, policy string)
}

// Interceptors is the chain that every call passes, over gRPC and over REST,
// from the outermost to the innermost.
func (c *Chain) Interceptors() []grpc.UnaryServerInterceptor {
	return []grpc.UnaryServerInterceptor{
		// First, so that every later log line and answer carries the request
		// id.
		identifyRequest(c.Proxies),
		// Sees the final code of every step below, panics included.
		observe(c.Log, c.Metrics, fullLog, c.Share),
		// Only public text leaves: the private cause stays in the log. Also for a
		// panic of an interceptor below.
		faultToStatus(c.Metrics),
		// Around every step that can refuse a call, so that each denial is
		// recorded.
		auditDenials(c.Denials, c.Log),
		// Before any work for the caller, and before the first call to Cloudflare,
		// which is taken from the tenant's budget.
		authenticate(c.Authenticator, c.Fresh),
		// A repeated change may name an object that the first call deleted, so the object's name
		// comes from the record of the first call.
		rememberNames(c),
		// Before validation: only an authorised caller learns about mistakes in the request.
		authorise(&c.Rights),
		// Before anything is recorded or sent. A page that the client could not
		// receive is refused, too.
		validate(c.Validator, &c.Rights),
		// After authorisation and validation. A repeat gets the stored answer,
		// changes nothing and leaves no audit record of a change.
		idempotent(c),
		// Innermost, so that the steps above see a fault and not a panic.
		recoverPanic(c.Metrics),
	}
}

// Stream runs a stream through the same interceptors, as one call without a request. stopping ends
// when the server stops.
func (c *Chain) Stream(stopping context.Context) grpc.StreamServerInterceptor {
	all := &compiledChain{chain: c.Interceptors()}
	return func(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		if srv == nil {
			// No service has this method. The handler refuses the call.
			return handler(srv, ss)
		}
		bounded := boundedHandler(stopping, info.FullMethod, c.checkStream(info.FullMethod), handler)
		call := func(ctx context.Context, _ any) (any, error) {
			return nil, bounded(srv, &streamWithContext{ServerStream: ss, ctx: ctx})
		}
		_, err := all.compile(&grpc.UnaryServerInfo{Server: srv, FullMethod: info.FullMethod}, call)(ss.Context(), nil)
		return err
	}
}

// streamWithContext is a stream with the context that the chain made.
type streamWithContext struct {
	grpc.ServerStream

	//nolint:containedctx // a gRPC stream carries its context; there is no parameter for it
	ctx context.Context
}

// checkStream returns the check of each message of a stream: the caller's credential may have
// expired or been revoked since the stream began. The health service has no authentication.
func (c *Chain) checkStream(method string) func(context.Context) error {
	if isHealth(method) {
		return func(context.Context) error { return nil }
	}
	return func(ctx context.Context) error { return identify(ctx, c.Authenticator).Err }
}

// Context returns the context that the chain made.
func (s *streamWithContext) Context() context.Context { return s.ctx }
