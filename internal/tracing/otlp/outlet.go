package otlp

import (
	"context"
	"slices"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.uber.org/zap"

	"platform.internal/storekeeper/internal/tracing"
)

// outlet gives spans to an exporter without what may hold a text of a caller, of
// Cloudflare or of an error. Only listed attributes leave, and no events and no
// texts of a status. So nothing that a library adds to a span can carry a value or
// a credential out.
type outlet struct {
	next sdktrace.SpanExporter
	log  *zap.Logger
	// failing says that the last export failed. Only a change is logged.
	failing atomic.Bool
}

func newOutlet(next sdktrace.SpanExporter, log *zap.Logger) *outlet {
	return &outlet{next: next, log: log}
}

// allowed are the attributes that leave. Their values are numbers, words of the
// program, or identifiers that were checked.
func allowed(key attribute.Key) bool {
	return slices.Contains([]attribute.Key{
		"rpc.system.name", "rpc.system", "rpc.service", "rpc.method", "rpc.response.status_code", "rpc.grpc.status_code",
		"http.request.method", tracing.RouteKey, "http.response.status_code", "http.request.body.size", "http.response.body.size",
		"network.protocol.name", "network.protocol.version", "server.address", "server.port", "url.scheme", "url.template",
		"error.type", tracing.RayKey, tracing.RequestIDKey, tracing.OperationKey, tracing.CallsKey,
		tracing.ResultKey, tracing.CredentialKey, tracing.OutcomeKey,
	}, key)
}

// ExportSpans exports spans. It returns nil after a failure too, which it logs: the
// spans are lost then, and the service goes on.
func (o *outlet) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	clean := make([]sdktrace.ReadOnlySpan, len(spans))
	for i, s := range spans {
		clean[i] = cleanSpan{s}
	}
	err := o.next.ExportSpans(ctx, clean)
	switch failed := err != nil; {
	case o.failing.Swap(failed) == failed:
	case failed:
		o.log.Warn("spans cannot be sent to the OTLP collector and are dropped", zap.Error(err))
	default:
		o.log.Info("spans are sent to the OTLP collector again")
	}
	return nil
}

// Shutdown ends the exporter.
func (o *outlet) Shutdown(ctx context.Context) error { return o.next.Shutdown(ctx) }

// cleanSpan is a span as it leaves.
type cleanSpan struct{ sdktrace.ReadOnlySpan }

// Attributes returns the allowed attributes.
func (s cleanSpan) Attributes() []attribute.KeyValue {
	var list []attribute.KeyValue
	for _, a := range s.ReadOnlySpan.Attributes() {
		if allowed(a.Key) {
			list = append(list, a)
		}
	}
	return list
}

// Events returns none: an event may hold the text of an error.
func (cleanSpan) Events() []sdktrace.Event { return nil }

// Links returns the links without their attributes.
func (s cleanSpan) Links() []sdktrace.Link {
	list := slices.Clone(s.ReadOnlySpan.Links())
	for i := range list {
		list[i].Attributes = nil
	}
	return list
}

// Status returns the status without its text.
func (s cleanSpan) Status() sdktrace.Status {
	return sdktrace.Status{Code: s.ReadOnlySpan.Status().Code}
}
