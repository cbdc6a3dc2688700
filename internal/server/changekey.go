package server

import (
	"context"
	"strconv"
	"strings"

	"google.golang.org/grpc/metadata"

	"platform.internal/storekeeper/internal/fault"
)

const (
	// idempotencyKey is the metadata key, and the header, by which a caller
	// names a change.
	idempotencyKey = "idempotency-key"
	// longestKey is how long such a name may be.
	longestKey = 255
)

// retryMarks are the metadata keys by which clients say how often they tried
// before: Cloudflare's SDKs over REST, and gRPC itself.
var retryMarks = []string{"x-stainless-retry-count", "grpc-previous-rpc-attempts"}

// changeKey is the name that a caller gave a change, and whether it comes again.
type changeKey struct {
	key   string
	retry bool
}

// changeKeyOf reads the name of a change. A name in the request and another one in
// the metadata is a mistake.
func changeKeyOf(ctx context.Context, req any) (changeKey, error) {
	var n changeKey
	for _, mark := range retryMarks {
		again, err := isRetry(ctx, mark)
		if err != nil {
			return n, err
		}
		n.retry = n.retry || again
	}
	// A key that is empty or ambiguous is not a missing key: the caller wants a
	// protection that the change would then be made without.
	if keys := metadata.ValueFromIncomingContext(ctx, idempotencyKey); len(keys) > 0 {
		if len(keys) > 1 || !wellFormed(keys[0]) {
			return n, fault.Invalid(fault.Field{
				Path: idempotencyKey, Reason: "IDEMPOTENCY_KEY_INVALID", Text: "must be 1 to 255 visible ASCII characters, sent once",
			})
		}
		n.key = keys[0]
	}
	r, ok := req.(interface{ GetRequestId() string })
	switch {
	case !ok || r.GetRequestId() == "":
	case n.key != "" && n.key != r.GetRequestId():
		return n, fault.Invalid(fault.Field{
			Path: "request_id", Reason: "REQUEST_ID_INVALID", Text: "must be the same as the metadata " + idempotencyKey + ", where both are given",
		})
	default:
		n.key = r.GetRequestId()
	}
	return n, nil
}

// isRetry reports whether the caller marked the call as one that it sends again.
// The mark is a whole number: how often the caller sent the call before.
func isRetry(ctx context.Context, mark string) (bool, error) {
	values := metadata.ValueFromIncomingContext(ctx, mark)
	if len(values) == 0 {
		return false, nil
	}
	count, err := strconv.ParseUint(values[0], 10, 32)
	if len(values) > 1 || err != nil {
		reason := strings.ToUpper(strings.ReplaceAll(mark, "-", "_")) + "_INVALID"
		return false, fault.Invalid(fault.Field{Path: mark, Reason: reason, Text: "must be a whole number, sent once"})
	}
	return count > 0, nil
}

func wellFormed(key string) bool {
	return key != "" && len(key) <= longestKey && !strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' })
}
