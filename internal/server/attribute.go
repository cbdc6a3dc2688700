package server

import (
	"context"
	"strings"

	"google.golang.org/grpc/metadata"
)

// wantsFresh reports whether the caller sent Cache-Control: no-cache, which makes the reads of the
// call bypass the cache. Each such read costs a call to Cloudflare.
func wantsFresh(ctx context.Context) bool {
	return noCache(metadata.ValueFromIncomingContext(ctx, "cache-control"))
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
