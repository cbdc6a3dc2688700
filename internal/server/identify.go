package server

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"platform.internal/storekeeper/internal/inproc"
	"platform.internal/storekeeper/internal/telemetry"
)

// requestID is the metadata key and header that carries the id of a request.
const requestID = "x-request-id"

// identifyRequest opens the record of the call and tells the caller its id.
func identifyRequest(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	id := telemetry.RequestID(first(md, requestID))
	call := telemetry.NewCall(id)
	protocol := "grpc"
	if inproc.Carried(ctx) {
		protocol = "rest"
	}
	call.SetMethod(protocol, info.FullMethod)
	if p, ok := peer.FromContext(ctx); ok && p.Addr != nil {
		call.SetPeer(p.Addr.String())
	}
	if trace, ok := telemetry.TraceID(first(md, "traceparent")); ok {
		call.SetTrace(trace)
	}
	// Only a transport that is closing refuses a header, and then nobody reads it.
	_ = grpc.SetHeader(ctx, metadata.Pairs(requestID, id))
	return next(telemetry.WithCall(ctx, call), req)
}

func first(md metadata.MD, key string) string {
	if values := md.Get(key); len(values) > 0 {
		return values[0]
	}
	return ""
}
