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

// outlet passes spans to an exporter without texts of callers, of Cloudflare or of errors. It
// exports only listed attributes, and no events and no status texts, so that no library can leak a
// value or a credential in a span.
type outlet struct {
	next sdktrace.SpanExporter
	log  *zap.Logger
	// failing reports that the last export failed. Only a change is logged.
	failing atomic.Bool
}

func newOutlet(next sdktrace.SpanExporter, log *zap.Logger) *outlet {
	return &outlet{next: next, log: log}
}

// allowed lists the exported attributes. Their values are numbers, words of the program, or
// validated identifiers.
func allowed(key attribute.Key) bool {
	return slices.Contains([]attribute.Key{
		"rpc.system.name", "rpc.system", "rpc.service", "rpc.method", "rpc.response.status_code", "rpc.grpc.status_code",
		"http.request.method", tracing.RouteKey, "http.response.status_code", "http.request.body.size", "http.response.body.size",
		"network.protocol.name", "network.protocol.version", "server.address", "server.port", "url.scheme", "url.template",
		"error.type", tracing.RayKey, tracing.RequestIDKey, tracing.OperationKey, tracing.CallsKey,
		tracing.ResultKey, tracing.CredentialKey, tracing.OutcomeKey,
	}, key)
}

// ExportSpans exports spans. It logs a failure but returns nil: the spans are lost, and the service
// continues.
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

// cleanSpan is a span as exported.
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

// Events returns no events, because an event may contain an error text.
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
