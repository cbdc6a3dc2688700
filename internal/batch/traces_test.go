package batch_test

import (
	"slices"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"platform.internal/storekeeper/internal/tracing"
)

// From the trace of each call that shares a request, the ray and the call that sent
// the request are found.
func TestEachTraceOfASharedRequestLeadsToIt(t *testing.T) {
	kept := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(kept))
	inScene(t, func(s *scene) {
		first, one := provider.Tracer("t").Start(s.t.Context(), "first")
		defer one.End()
		second, two := provider.Tracer("t").Start(s.t.Context(), "second")
		defer two.End()
		leads, joins := s.create(first, "A"), s.create(second, "B")
		<-leads
		<-joins
	})
	batches := map[string]tracetest.SpanStub{}
	names := map[string]string{}
	for _, s := range kept.GetSpans() {
		names[s.SpanContext.SpanID().String()] = s.Name
	}
	for _, s := range kept.GetSpans() {
		if s.Name == "batch" {
			batches[names[s.Parent.SpanID().String()]] = s
		}
	}
	for _, who := range []string{"first", "second"} {
		if s := batches[who]; !slices.Contains(s.Attributes, tracing.CallsKey.Int(2)) {
			t.Errorf("the span of the %s call has %v", who, s.Attributes)
		}
	}
	passenger, leader := batches["second"], batches["first"]
	rayIs := func(a attribute.KeyValue) bool {
		return a.Key == tracing.RayKey && slices.Equal(a.Value.AsStringSlice(), []string{"ray1"})
	}
	if !slices.ContainsFunc(passenger.Attributes, rayIs) {
		t.Errorf("the second call's span has no ray: %v", passenger.Attributes)
	}
	if len(passenger.Links) != 1 || passenger.Links[0].SpanContext.SpanID() != leader.SpanContext.SpanID() || len(leader.Links) != 0 {
		t.Errorf("the spans have the links %v and %v", leader.Links, passenger.Links)
	}
}
