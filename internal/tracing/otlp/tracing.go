// Package otlp decides by the environment whether calls are recorded as spans, makes the spans of
// incoming calls, and exports all spans by OTLP.
//
// The package does not know the purpose of a call. No exported span contains a text of a caller, of
// Cloudflare or of an error (see outlet).
package otlp

import (
	"context"
	"errors"
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
	// Getenv returns the value of an environment variable, as os.Getenv does.
	Getenv func(string) string
	// Version is the version of the program. Instance identifies this run of the process.
	Version, Instance string
	// Methods are the full names of the RPCs that have spans. Any other name may be invented by a
	// caller.
	Methods []string
	// Log logs failures to export spans.
	Log *zap.Logger
	// Exporter receives all spans and replaces the exporter from the environment. If nil, the
	// environment decides.
	Exporter sdktrace.SpanExporter
}

// Tracing records the spans of a service. A nil Tracing records no spans.
type Tracing struct {
	provider *sdktrace.TracerProvider
	carrier  propagation.TextMapPropagator
	methods  map[string]bool
	sampling sampling
}

// Open starts to record spans if the environment requests tracing (see docs/observability.md), and
// otherwise returns nil. It does not wait for the collector. The error names the invalid variable.
// The caller must call Close.
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
		// Attributes from the environment come last, so that they take precedence.
		resource.WithAttributes(semconv.ServiceName("storekeeper"), semconv.ServiceVersion(o.Version), semconv.ServiceInstanceID(o.Instance)),
		resource.WithTelemetrySDK(), resource.WithFromEnv(),
	)
	if err != nil && !errors.Is(err, resource.ErrSchemaURLConflict) {
		return nil, errors.New("OTEL_RESOURCE_ATTRIBUTES must be KEY=VALUE pairs with commas between them, and values percent-encoded")
	}
	t := &Tracing{
		provider: sdktrace.NewTracerProvider(
			sdktrace.WithSampler(sdktrace.AlwaysSample()), sdktrace.WithResource(about), sdktrace.WithBatcher(newOutlet(exporter, o.Log)),
		),
		// Without baggage, which may contain arbitrary data.
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

// sampledRPCs passes recorded calls to a handler.
type sampledRPCs struct {
	stats.Handler

	traces *Tracing
}

// TagRPC begins the span of a recorded call.
func (h *sampledRPCs) TagRPC(ctx context.Context, i *stats.RPCTagInfo) context.Context {
	if !h.traces.methods[i.FullMethodName] || !h.traces.sampling.wants(only(metadata.ValueFromIncomingContext(ctx, "traceparent"))) {
		return ctx
	}
	return h.Handler.TagRPC(ctx, i)
}

// HandleRPC updates the span of a recorded call.
func (h *sampledRPCs) HandleRPC(ctx context.Context, s stats.RPCStats) {
	if trace.SpanFromContext(ctx).IsRecording() {
		h.Handler.HandleRPC(ctx, s)
	}
}

// only returns the value of a header that was sent exactly once, and "" otherwise.
func only(values []string) string {
	if len(values) != 1 {
		return ""
	}
	return values[0]
}

// Handler returns a handler whose requests have spans, which continue the trace of the caller.
// wanted selects the paths with spans.
func (t *Tracing) Handler(next http.Handler, wanted func(path string) bool) http.Handler {
	if t == nil {
		return next
	}
	return otelhttp.NewHandler(next, "rest",
		otelhttp.WithTracerProvider(t.provider), otelhttp.WithPropagators(t.carrier), otelhttp.WithMeterProvider(metricnoop.NewMeterProvider()),
		// Replaces the Host header, which the caller controls.
		otelhttp.WithServerName("storekeeper"),
		otelhttp.WithFilter(func(r *http.Request) bool {
			return wanted(r.URL.Path) && t.sampling.wants(only(r.Header["Traceparent"]))
		}),
	)
}

// Flush exports the pending spans.
func (t *Tracing) Flush(ctx context.Context) error {
	if t == nil {
		return nil
	}
	return t.provider.ForceFlush(ctx)
}

// Close exports the pending spans and ends tracing.
func (t *Tracing) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	return t.provider.Shutdown(ctx)
}
