package gateway

import (
	"net/http"
	"slices"
	"strings"

	"google.golang.org/grpc/metadata"
)

// incoming lists the request headers that reach the chain, with their names in
// metadata. No other does.
var incoming = [...]struct{ header, key string }{
	{"X-Request-Id", "x-request-id"},
	{"Traceparent", "traceparent"},
	{idempotencyKey, "idempotency-key"},
	{"X-Stainless-Retry-Count", "x-stainless-retry-count"},
	{"Cache-Control", "cache-control"},
}

// isIncoming reports whether a name is that of a header that reaches the chain.
func isIncoming(name string) bool {
	for _, known := range incoming {
		if strings.EqualFold(known.header, name) {
			return true
		}
	}
	return false
}

// incomingHeaders returns the metadata of a request. It shares the values of h.
// Values that metadata cannot carry are left out.
func incomingHeaders(h http.Header) metadata.MD {
	md := metadata.MD{}
	for _, name := range incoming {
		values := h[name.header]
		if slices.ContainsFunc(values, unprintable) {
			values = slices.DeleteFunc(slices.Clone(values), unprintable)
		}
		if len(values) > 0 {
			md[name.key] = values
		}
	}
	return md
}

// unprintable reports whether a text has a byte that is not printable ASCII.
func unprintable(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' })
}

// relay copies the answer headers of the chain to the client.
func relay(header metadata.MD, h http.Header) {
	for name, values := range header {
		if to, allowed := outgoingHeader(name); allowed {
			h[to] = values
		}
	}
}

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
