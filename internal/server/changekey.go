package server

import (
	"context"
	"strconv"
	"strings"

	"google.golang.org/grpc/metadata"

	"platform.internal/storekeeper/internal/fault"
)

const (
	// idempotencyKey is the metadata key, and the REST header, of a caller's
	// idempotency key.
	idempotencyKey = "idempotency-key"
	// longestKey is the maximum length of an idempotency key, in bytes.
	longestKey = 255
)

// retryMarks are the metadata keys in which clients count their retries:
// Cloudflare's SDKs over REST, and gRPC itself.
var retryMarks = []string{"x-stainless-retry-count", "grpc-previous-rpc-attempts"}

// changeKey is the idempotency key that a caller sent, "" if none, and whether
// the caller marked the call as a retry.
type changeKey struct {
	key   string
	retry bool
}

// changeKeyOf reads the idempotency key of a change. A key in the request that
// differs from the key in the metadata is an error.
func changeKeyOf(ctx context.Context, req any) (changeKey, error) {
	var n changeKey
	for _, mark := range retryMarks {
		again, err := isRetry(ctx, mark)
		if err != nil {
			return n, err
		}
		n.retry = n.retry || again
	}
	// An empty key, or two keys, is an error and not a missing key: without a
	// key the change would not be protected, and the caller expects that it is.
	if keys := metadata.ValueFromIncomingContext(ctx, idempotencyKey); len(keys) > 0 {
		if len(keys) > 1 || !wellFormed(keys[0]) {
			return n, fault.Invalid(fault.Field{
				Path: idempotencyKey, Reason: fault.ReasonIdempotencyKeyInvalid, Text: "must be 1 to 255 visible ASCII characters, sent once",
			})
		}
		n.key = keys[0]
	}
	r, ok := req.(interface{ GetRequestId() string })
	switch {
	case !ok || r.GetRequestId() == "":
	case n.key != "" && n.key != r.GetRequestId():
		return n, fault.Invalid(fault.Field{
			Path: "request_id", Reason: fault.ReasonRequestIDInvalid, Text: "must be the same as the metadata " + idempotencyKey + ", where both are given",
		})
	default:
		n.key = r.GetRequestId()
	}
	return n, nil
}

// isRetry reports whether the caller marked the call as a retry. The value is a
// whole number: how often the caller sent the call before.
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
