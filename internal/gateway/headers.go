package gateway

import (
	"context"
	"net/http"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
)

// incomingHeader lists the request headers that reach the chain.
func incomingHeader(name string) (string, bool) {
	switch name {
	case "X-Request-Id":
		return "x-request-id", true
	case "Traceparent":
		return "traceparent", true
	case idempotencyKey:
		return "idempotency-key", true
	case "X-Stainless-Retry-Count":
		return "x-stainless-retry-count", true
	case "Cache-Control":
		return "cache-control", true
	default:
		return "", false
	}
}

// relay copies the answer headers of the chain to the client. grpc-gateway would copy each header
// with an allocation.
func relay(ctx context.Context, h http.Header) {
	md, _ := runtime.ServerMetadataFromContext(ctx)
	for name, values := range md.HeaderMD {
		if header, allowed := outgoingHeader(name); allowed {
			h[header] = values
		}
	}
}

// noHeaders keeps grpc-gateway from copying metadata itself.
func noHeaders(string) (string, bool) { return "", false }

// outgoingHeader lists the answer metadata that reaches the client.
func outgoingHeader(name string) (string, bool) {
	switch name {
	case "x-request-id":
		return "X-Request-Id", true
	case "cf-ray":
		return "Cf-Ray", true
	case "ratelimit":
		return "Ratelimit", true
	case "ratelimit-policy":
		return "Ratelimit-Policy", true
	case "idempotent-replayed":
		return "Idempotent-Replayed", true
	case "age":
		return "Age", true
	case "cache-status":
		return "Cache-Status", true
	default:
		return "", false
	}
}
