package server

import (
	"context"
	"strings"

	"google.golang.org/grpc/metadata"

	"platform.internal/storekeeper/internal/scope"
)

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
