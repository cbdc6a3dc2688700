// Package otlp decides by the environment whether calls are recorded as spans, makes
// the spans of calls that come in, and sends all of them by OTLP.
//
// It must not know what a call does. No span that leaves holds a text of a caller, of
// Cloudflare or of an error (see outlet).
package otlp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/stats"
)

// closeTimeout limits how long Close waits for the collector.
const closeTimeout = 5 * time.Second

// Options configures tracing.
type Options struct {
	// Getenv returns the value of a variable of the environment. os.Getenv.
	Getenv func(string) string
	// Version is the version of the program, and Instance identifies this life of
	// the process.
	Version, Instance string
	// Methods are the full names of the RPCs that have spans. A caller may have
	// invented any other name.
	Methods []string
	// Log is told when spans cannot be sent.
	Log *zap.Logger
	// Exporter receives all spans in place of the one that the environment names.
	// Nil: the environment decides.
	Exporter sdktrace.SpanExporter
}

// Tracing records the spans of a service. A nil Tracing records none.
type Tracing struct {
	provider *sdktrace.TracerProvider
	carrier  propagation.TextMapPropagator
	methods  map[string]bool
	sampling sampling
}

// Open starts to record spans if the environment asks for it (see
// docs/observability.md), and returns nil if it does not. It does not wait for the
// collector. The error names the variable that is wrong. Close ends it.
func Open(ctx context.Context, o Options) (*Tracing, error) {
	wanted, err := readSampling(o.Getenv)
	if err != nil {
		return nil, err
	}
	exporter := o.Exporter
	if exporter == nil {
		if exporter, err = newExporter(ctx, o.Getenv); err != nil || exporter == nil {
			return nil, err
		}
	}
	about, err := resource.New(ctx,
		// What the environment says comes last, and wins.
		resource.WithAttributes(semconv.ServiceName("storekeeper"), semconv.ServiceVersion(o.Version), semconv.ServiceInstanceID(o.Instance)),
		resource.WithTelemetrySDK(), resource.WithFromEnv(),
	)
	if err != nil && !errors.Is(err, resource.ErrSchemaURLConflict) {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	t := &Tracing{
		provider: sdktrace.NewTracerProvider(
			sdktrace.WithSampler(sdktrace.AlwaysSample()), sdktrace.WithResource(about), sdktrace.WithBatcher(newOutlet(exporter, o.Log)),
		),
		// Not baggage, which may hold anything.
		carrier:  propagation.TraceContext{},
		methods:  map[string]bool{},
		sampling: wanted,
	}
	for _, m := range o.Methods {
		t.methods[m] = true
	}
	return t, nil
}

// ServerOptions returns the options of a gRPC server whose calls have spans. The
// span continues the trace of the caller (W3C Trace Context).
func (t *Tracing) ServerOptions() []grpc.ServerOption {
	if t == nil {
		return nil
	}
	return []grpc.ServerOption{grpc.StatsHandler(&sampledRPCs{traces: t, Handler: otelgrpc.NewServerHandler(
		otelgrpc.WithTracerProvider(t.provider), otelgrpc.WithPropagators(t.carrier), otelgrpc.WithMeterProvider(metricnoop.NewMeterProvider()),
	)})}
}

// sampledRPCs gives the calls that are recorded to a handler.
type sampledRPCs struct {
	stats.Handler

	traces *Tracing
}

// TagRPC begins the span of a call that is recorded.
func (h *sampledRPCs) TagRPC(ctx context.Context, i *stats.RPCTagInfo) context.Context {
	if !h.traces.methods[i.FullMethodName] || !h.traces.sampling.wants(only(metadata.ValueFromIncomingContext(ctx, "traceparent"))) {
		return ctx
	}
	return h.Handler.TagRPC(ctx, i)
}

// HandleRPC adds to the span of a call that is recorded.
func (h *sampledRPCs) HandleRPC(ctx context.Context, s stats.RPCStats) {
	if trace.SpanFromContext(ctx).IsRecording() {
		h.Handler.HandleRPC(ctx, s)
	}
}

// only returns the value of a header that was sent once, and "" otherwise.
func only(values []string) string {
	if len(values) != 1 {
		return ""
	}
	return values[0]
}

// Handler returns a handler whose requests have spans, which continue the trace of
// the caller. wanted says which paths have one.
func (t *Tracing) Handler(next http.Handler, wanted func(path string) bool) http.Handler {
	if t == nil {
		return next
	}
	return otelhttp.NewHandler(next, "rest",
		otelhttp.WithTracerProvider(t.provider), otelhttp.WithPropagators(t.carrier), otelhttp.WithMeterProvider(metricnoop.NewMeterProvider()),
		// In place of the header Host, which is the caller's.
		otelhttp.WithServerName("storekeeper"),
		otelhttp.WithFilter(func(r *http.Request) bool {
			return wanted(r.URL.Path) && t.sampling.wants(only(r.Header["Traceparent"]))
		}),
	)
}

// Flush sends the spans that wait.
func (t *Tracing) Flush(ctx context.Context) error {
	if t == nil {
		return nil
	}
	return t.provider.ForceFlush(ctx)
}

// Close sends the spans that wait, and ends tracing.
func (t *Tracing) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	return t.provider.Shutdown(ctx)
}
