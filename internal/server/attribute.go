package server

import (
	"cmp"
	"context"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"platform.internal/storekeeper/internal/scope"
	"platform.internal/storekeeper/internal/telemetry"
)

// attribute sets the tenant whose budget the calls to Cloudflare are taken
// from, applies the caller's Cache-Control, and sets the rate-limit headers of
// the answer. A caller without a tenant is a tenant of its own.
func attribute(c Chain) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		t := auditFrom(ctx)
		payer := cmp.Or(t.caller.Tenant, t.caller.Name)
		answer, err := next(withCacheControl(scope.WithTenant(ctx, payer), c.Fresh), req)
		if c.Share != nil && t.account != "" {
			telemetry.CallFrom(ctx).SetLimits(c.Share(t.account, payer))
		}
		return answer, err
	}
}

// withCacheControl returns a context whose reads ask Cloudflare, if the caller
// sent Cache-Control: no-cache or fresh is true. Such a read costs a call.
func withCacheControl(ctx context.Context, fresh bool) context.Context {
	if fresh || noCache(metadata.ValueFromIncomingContext(ctx, "cache-control")) {
		return scope.WithFresh(ctx)
	}
	return ctx
}

// noCache reports whether a Cache-Control header has the directive no-cache
// (RFC 9111, section 5.2.1.4). The header is a list that may span several
// lines.
func noCache(lines []string) bool {
	for _, line := range lines {
		for directive := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(directive), "no-cache") {
				return true
			}
		}
	}
	return false
}
