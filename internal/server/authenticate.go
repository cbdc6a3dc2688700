package server

import (
	"context"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/scope"
	"platform.internal/storekeeper/internal/telemetry"
)

// authenticate refuses calls without a valid credential. It adds the caller, the paying tenant and
// the freshness requirement to the context. fresh forces all reads to bypass the cache.
func authenticate(a *authn.Authenticator, fresh bool) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		if strings.HasPrefix(info.FullMethod, healthService) {
			return next(ctx, req)
		}
		ctx, err := withCaller(ctx, a, fresh)
		if err != nil {
			return nil, err
		}
		return next(ctx, req)
	}
}

// withCaller returns the context of an authenticated call, or the refusal of its credential.
func withCaller(ctx context.Context, a *authn.Authenticator, fresh bool) (context.Context, error) {
	o, known := authn.AuthenticationFrom(ctx)
	if known {
		o = a.Recheck(ctx, o)
	} else {
		o = identify(ctx, a)
	}
	t := auditFrom(ctx)
	if o.Err != nil {
		// For a verified credential, the audit record of the refusal names the credential, so
		// that an operator can correct the configuration.
		t.caller.Credential, _ = authn.RefusedCredential(o.Err)
		return nil, o.Err
	}
	telemetry.CallFrom(ctx).SetCaller(o.Principal.Name)
	t.caller = o.Principal
	return scope.WithCall(authn.WithPrincipal(ctx, &t.caller), t.caller.Payer(), t.answer, fresh || wantsFresh(ctx)), nil
}

// identify authenticates a call from the network. From then on the connection counts as a
// connection of that caller.
func identify(ctx context.Context, a *authn.Authenticator) authn.Authentication {
	o := a.Identify(ctx, credentialsOf(ctx))
	if conn := connOf(ctx); conn != nil && o.Err == nil {
		conn.MarkAuthenticated(o.Principal.Name)
	}
	return o
}

func credentialsOf(ctx context.Context) authn.Credentials {
	c := authn.ReadHeaders(
		metadata.ValueFromIncomingContext(ctx, "authorization"),
		metadata.ValueFromIncomingContext(ctx, "x-auth-email"),
		metadata.ValueFromIncomingContext(ctx, "x-auth-key"),
	)
	if p, ok := peer.FromContext(ctx); ok {
		if info, ok := p.AuthInfo.(credentials.TLSInfo); ok {
			c.Chains = info.State.VerifiedChains
		}
	}
	return c
}
