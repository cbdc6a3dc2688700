package server

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"platform.internal/storekeeper/internal/forwarded"
	"platform.internal/storekeeper/internal/inproc"
	"platform.internal/storekeeper/internal/scope"
	"platform.internal/storekeeper/internal/telemetry"
	"platform.internal/storekeeper/internal/tracing"
)

// requestID is the metadata key and the header of the request id.
const requestID = "x-request-id"

// identifyRequest creates the telemetry record and the audit context of a call. observe sends the
// request id to the caller with the other headers. proxies are the networks whose X-Forwarded-For
// header is trusted.
func identifyRequest(proxies forwarded.Proxies) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		id := telemetry.RequestID(incoming(ctx, requestID))
		own := &callContext{}
		own.audit.answer = &own.answer
		call := &own.call
		call.SetRequestID(id)
		protocol := "grpc"
		if inproc.IsInProcess(ctx) {
			protocol = "rest"
		}
		call.SetMethod(protocol, info.FullMethod)
		if p, ok := peer.FromContext(ctx); ok && p.Addr != nil {
			call.SetPeer(proxies.Client(p.Addr.String(), metadata.ValueFromIncomingContext(ctx, "x-forwarded-for")))
		}
		if trace, recorded := tracing.ID(ctx); trace != "" {
			call.SetTrace(trace, recorded)
		} else if trace, ok := telemetry.TraceID(incoming(ctx, "traceparent")); ok {
			call.SetTrace(trace, false)
		}
		if req == nil {
			// The header of a stream is sent with the first message. SetHeader fails only if the
			// transport is closing, and then the client receives no header.
			_ = grpc.SetHeader(ctx, metadata.MD{requestID: {id}})
		}
		var span tracing.Span
		own.Context, span = tracing.Start(ctx, "chain")
		span.SetText(tracing.RequestIDKey, id)
		answer, err := next(own, req)
		span.End(err)
		return answer, err
	}
}

// callContext is the context of a call with its telemetry record, its audit context and the age of its answer.
type callContext struct {
	context.Context //nolint:containedctx // a context has its parent

	call   telemetry.Call
	audit  auditContext
	answer scope.FreshnessRecorder
}

// Value implements context.Context.
func (c *callContext) Value(key any) any {
	switch key.(type) {
	case telemetry.CallKey:
		return &c.call
	case auditKey:
		return &c.audit
	}
	return c.Context.Value(key)
}

// incoming returns the value of a metadata key that was sent exactly once, and "" otherwise,
// because several values are ambiguous.
func incoming(ctx context.Context, key string) string {
	if values := metadata.ValueFromIncomingContext(ctx, key); len(values) == 1 {
		return values[0]
	}
	return ""
}
