package server

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"platform.internal/storekeeper/internal/forwarded"
	"platform.internal/storekeeper/internal/inproc"
	"platform.internal/storekeeper/internal/telemetry"
)

// requestID is the metadata key and header that carries the id of a request.
const requestID = "x-request-id"

// identifyRequest opens the record of the call and its trail. The caller is told
// its id with all else that is said of the answer. The proxies may name the client.
func identifyRequest(proxies forwarded.Proxies) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		id := telemetry.RequestID(incoming(ctx, requestID))
		call := telemetry.NewCall(id)
		protocol := "grpc"
		if inproc.IsInProcess(ctx) {
			protocol = "rest"
		}
		call.SetMethod(protocol, info.FullMethod)
		if p, ok := peer.FromContext(ctx); ok && p.Addr != nil {
			call.SetPeer(proxies.Client(p.Addr.String(), metadata.ValueFromIncomingContext(ctx, "x-forwarded-for")))
		}
		if trace, ok := telemetry.TraceID(incoming(ctx, "traceparent")); ok {
			call.SetTrace(trace)
		}
		if req == nil {
			// A stream: what it sends first takes the header with it. Only a transport
			// that is closing refuses one, and then nobody reads it.
			_ = grpc.SetHeader(ctx, metadata.MD{requestID: {id}})
		}
		return next(withAudit(telemetry.WithCall(ctx, call), &auditContext{}), req)
	}
}

// incoming returns the value of a metadata key that counts only if the caller
// sent it once, and "" otherwise: nobody can tell which of several is meant.
func incoming(ctx context.Context, key string) string {
	if values := metadata.ValueFromIncomingContext(ctx, key); len(values) == 1 {
		return values[0]
	}
	return ""
}
