package server

import (
	"cmp"
	"context"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"platform.internal/storekeeper/internal/mirror"
	"platform.internal/storekeeper/internal/telemetry"
	"platform.internal/storekeeper/internal/tenant"
)

// attribute says who pays for the calls to Cloudflare that a call causes, and tells
// the caller afterwards what is left. A caller without a tenant pays for itself.
// It also heeds a caller that wants to know of nothing older than now, which
// makes a read cost a call.
func attribute(c Chain) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		t := auditFrom(ctx)
		payer := cmp.Or(t.caller.Tenant, t.caller.Name)
		ctx = tenant.With(ctx, payer)
		if c.Fresh || noCache(metadata.ValueFromIncomingContext(ctx, "cache-control")) {
			ctx = mirror.WithBypass(ctx)
		}
		answer, err := next(ctx, req)
		if c.Share != nil && t.account != "" {
			telemetry.CallFrom(ctx).SetLimits(c.Share(t.account, payer))
		}
		return answer, err
	}
}

// noCache reports whether a Cache-Control header has the directive no-cache
// (RFC 9111, section 5.2.1.4). The header is a list, which may go over several
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
