package gateway

import (
	"context"
	"net/http"

	"google.golang.org/protobuf/proto"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
)

// incomingHeader lists the only headers of a request that reach the chain.
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

// outgoingHeader lists the only metadata of an answer that reach the client.
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

// statusOf sets the statuses that Cloudflare gives in place of 200: it accepts
// the deletion of secrets and carries it out later.
func statusOf(_ context.Context, w http.ResponseWriter, answer proto.Message) error {
	switch answer.(type) {
	case *secretsstorev1.DeleteSecretResponse, *secretsstorev1.DeleteSecretsResponse:
		w.WriteHeader(http.StatusAccepted)
	}
	return nil
}
