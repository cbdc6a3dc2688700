// Package tracing adds spans to the trace of a call. It costs nothing for an unrecorded call.
//
// The package does not know the destination of spans, which is the task of package otlp.
package tracing

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"platform.internal/storekeeper/internal/fault"
)

// scope is the name of Storekeeper's instrumentation.
const scope = "platform.internal/storekeeper"

// The attributes that Storekeeper sets. Attributes without the prefix storekeeper are defined in
// the semantic conventions.
const (
	// RouteKey has the route of a request, as the proto files declare it.
	RouteKey attribute.Key = "http.route"
	// RayKey has the cf-ray of Cloudflare's answer.
	RayKey attribute.Key = "http.response.header.cf-ray"
	// RequestIDKey has the request id of the call.
	RequestIDKey attribute.Key = "storekeeper.request_id"
	// OperationKey has the name of the operation at Cloudflare.
	OperationKey attribute.Key = "storekeeper.operation"
	// CallsKey has the number of calls in a batch.
	CallsKey attribute.Key = "storekeeper.batch.calls"
	// CredentialKey has the name of the call budget. ResultKey has the result of a wait for a
	// permit.
	CredentialKey attribute.Key = "storekeeper.budget.credential"
	ResultKey     attribute.Key = "storekeeper.budget.result"
	// OutcomeKey has the result of reconciliation.
	OutcomeKey attribute.Key = "storekeeper.reconcile.outcome"
)

// Span is a running span. The zero value is the empty Span of an unrecorded call, whose methods do
// nothing.
type Span struct{ span trace.Span }

// Start begins a child span of the span in ctx. If the call of ctx is not recorded, Start returns
// ctx and an empty Span, and allocates nothing. The caller must end the span.
func Start(ctx context.Context, name string) (context.Context, Span) {
	parent := trace.SpanFromContext(ctx)
	if !parent.IsRecording() {
		return ctx, Span{}
	}
	ctx, span := parent.TracerProvider().Tracer(scope).Start(ctx, name) //nolint:spancheck // The caller ends it.
	return ctx, Span{span}                                              //nolint:spancheck // As above.
}

// Leave returns inner with the span of outer, for work that continues with the values of inner
// after the span of inner has ended.
func Leave(inner, outer context.Context) context.Context {
	if parent := trace.SpanFromContext(outer); parent.IsRecording() {
		return trace.ContextWithSpan(inner, parent)
	}
	return inner
}

// Of returns the span of ctx.
func Of(ctx context.Context) Span {
	if span := trace.SpanFromContext(ctx); span.IsRecording() {
		return Span{span}
	}
	return Span{}
}

// Recorded reports whether the span is not empty.
func (s Span) Recorded() bool { return s.span != nil }

// SetText sets an attribute. The text must be a word of the program or a validated identifier.
func (s Span) SetText(key attribute.Key, text string) {
	if s.span != nil {
		s.span.SetAttributes(key.String(text))
	}
}

// SetCount sets an attribute.
func (s Span) SetCount(key attribute.Key, n int) {
	if s.span != nil {
		s.span.SetAttributes(key.Int(n))
	}
}

// SetRay sets the cf-ray of Cloudflare's response, which must be validated.
func (s Span) SetRay(ray string) {
	if s.span != nil {
		s.span.SetAttributes(RayKey.StringSlice([]string{ray}))
	}
}

// SetName renames the span.
func (s Span) SetName(name string) {
	if s.span != nil {
		s.span.SetName(name)
	}
}

// End ends the span. An error sets the status, and sets error.type to the reason of the fault.
func (s Span) End(err error) {
	if s.span == nil {
		return
	}
	if err != nil {
		s.span.SetStatus(codes.Error, "")
		s.span.SetAttributes(attribute.String("error.type", fault.From(err).Reason))
	}
	s.span.End()
}

// LinkTo links the span to the span of another call that did work for both calls.
func (s Span) LinkTo(other context.Context) {
	if s.span == nil {
		return
	}
	if there := trace.SpanContextFromContext(other); there.IsValid() {
		s.span.AddLink(trace.Link{SpanContext: there})
	}
}

// ID returns the trace id of ctx, 32 hexadecimal digits, and whether the spans are recorded. The id
// is "" for a call without a trace.
func ID(ctx context.Context) (id string, recorded bool) {
	span := trace.SpanFromContext(ctx)
	if at := span.SpanContext(); at.HasTraceID() {
		return at.TraceID().String(), span.IsRecording()
	}
	return "", false
}

// Ended records a child span of the span in ctx with duration took that ends now. set returns the
// attributes; it is called only if the call of ctx is recorded.
func Ended(ctx context.Context, name string, took time.Duration, kind trace.SpanKind, set func() []attribute.KeyValue) Span {
	parent := trace.SpanFromContext(ctx)
	if !parent.IsRecording() {
		return Span{}
	}
	_, span := parent.TracerProvider().Tracer(scope).Start(ctx, name, //nolint:spancheck // The caller ends it.
		trace.WithTimestamp(time.Now().Add(-took)), trace.WithSpanKind(kind), trace.WithAttributes(set()...))
	return Span{span} //nolint:spancheck // As above.
}
