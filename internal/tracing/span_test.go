package tracing_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/tracing"
)

var errEnd = errors.New("refused")

// above is the key of a value that stands above a span.
type above struct{}

// points uses all span operations of a call.
func points(ctx context.Context) {
	ctx, span := tracing.Start(ctx, "change.begin")
	span.SetText(tracing.RequestIDKey, "r1")
	span.SetCount(tracing.CallsKey, 3)
	span.SetRay("8f-AMS")
	span.SetName("another")
	span.LinkTo(ctx)
	_, _ = tracing.ID(ctx)
	tracing.Ended(ctx, "budget.wait", time.Second, trace.SpanKindInternal, func() []attribute.KeyValue {
		return []attribute.KeyValue{tracing.CredentialKey.String("main")}
	}).End(nil)
	_ = tracing.Leave(ctx, ctx)
	if tracing.Of(ctx).Recorded() {
		span.SetText(tracing.RouteKey, "/")
	}
	span.End(errEnd)
}

func TestACallThatIsNotRecordedAllocatesNothing(t *testing.T) {
	provider := sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample()))
	unsampled, span := provider.Tracer("t").Start(t.Context(), "call")
	defer span.End()
	for name, ctx := range map[string]context.Context{"off": t.Context(), "not sampled": unsampled} {
		ctx := context.WithValue(ctx, above{}, "a value")
		most := 0.0
		if name != "off" {
			most = 1 // the text of the trace id, for the log
		}
		if n := testing.AllocsPerRun(100, func() { points(ctx) }); n > most {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// recorded runs something within a span, and returns the spans that ended.
func recorded(t *testing.T, run func(context.Context)) tracetest.SpanStubs {
	t.Helper()
	kept := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(kept))
	ctx, span := provider.Tracer("t").Start(t.Context(), "call")
	run(ctx)
	span.End()
	return kept.GetSpans()
}

func TestSpansStandBelowEachOther(t *testing.T) {
	spans := recorded(t, func(ctx context.Context) {
		outer, span := tracing.Start(ctx, "outer")
		_, inner := tracing.Start(outer, "inner")
		inner.End(nil)
		span.End(nil)
		// After the end of the span, work continues with the values of outer, as a child of the
		// call.
		_, later := tracing.Start(tracing.Leave(outer, ctx), "later")
		later.End(nil)
	})
	parents := map[string]string{}
	ids := map[trace.SpanID]string{}
	for _, s := range spans {
		ids[s.SpanContext.SpanID()] = s.Name
	}
	for _, s := range spans {
		parents[s.Name] = ids[s.Parent.SpanID()]
	}
	for name, want := range map[string]string{"inner": "outer", "outer": "call", "later": "call", "call": ""} {
		if got := parents[name]; got != want {
			t.Errorf("%s stands below %q, want %q", name, got, want)
		}
	}
}

func TestAnErrorIsToldByItsReasonAlone(t *testing.T) {
	spans := recorded(t, func(ctx context.Context) {
		_, span := tracing.Start(ctx, "change.begin")
		span.End(fault.New(fault.Throttled, fault.ReasonBudgetSpent, "a public text").Because(errors.New("a cause")))
	})
	s := spans[0]
	if s.Status.Code != codes.Error || s.Status.Description != "" || len(s.Events) > 0 {
		t.Errorf("got %+v %v", s.Status, s.Events)
	}
	if !slices.Contains(s.Attributes, attribute.String("error.type", fault.ReasonBudgetSpent)) {
		t.Errorf("got %v", s.Attributes)
	}
}

func TestASpanOfWhatHasEndedHasItsDuration(t *testing.T) {
	spans := recorded(t, func(ctx context.Context) {
		tracing.Ended(ctx, "budget.wait", time.Hour, trace.SpanKindClient, func() []attribute.KeyValue { return nil }).End(nil)
	})
	if s := spans[0]; s.EndTime.Sub(s.StartTime) < time.Hour || s.SpanKind != trace.SpanKindClient {
		t.Errorf("got %s of kind %s", s.EndTime.Sub(s.StartTime), s.SpanKind)
	}
}

func TestTheTraceOfACall(t *testing.T) {
	if id, is := tracing.ID(t.Context()); id != "" || is {
		t.Errorf("a call without a trace has %q", id)
	}
	var id string
	var is bool
	spans := recorded(t, func(ctx context.Context) { id, is = tracing.ID(ctx) })
	if id != spans[0].SpanContext.TraceID().String() || !is {
		t.Errorf("got %q %v", id, is)
	}
}
