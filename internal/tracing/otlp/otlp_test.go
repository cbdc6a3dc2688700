package otlp_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	collectorv1 "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"platform.internal/storekeeper/internal/tracing/otlp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const everything = "https://example.test/a?b=value-that-must-not-leave"

// environment is a Getenv.
type environment map[string]string

func (e environment) get(name string) string { return e[name] }

func TestTheEnvironmentDecidesWhetherSpansAreSent(t *testing.T) {
	for name, test := range map[string]struct {
		set     environment
		on      bool
		problem string
	}{
		"nothing":                 {environment{}, false, ""},
		"an endpoint":             {environment{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}, true, ""},
		"an endpoint for traces":  {environment{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:1/v1/traces"}, true, ""},
		"the exporter alone":      {environment{"OTEL_TRACES_EXPORTER": "otlp"}, true, ""},
		"over gRPC":               {environment{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, true, ""},
		"none":                    {environment{"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}, false, ""},
		"the SDK is disabled":     {environment{"OTEL_SDK_DISABLED": "true", "OTEL_TRACES_EXPORTER": "otlp"}, false, ""},
		"an exporter that is not": {environment{"OTEL_TRACES_EXPORTER": "zipkin"}, false, "OTEL_TRACES_EXPORTER: must be otlp or none"},
		"a protocol that is not": {
			environment{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/json"}, false,
			"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: must be grpc or http/protobuf",
		},
		"a sampler":             {environment{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.01"}, true, ""},
		"a sampler that is not": {environment{"OTEL_TRACES_SAMPLER": "sometimes"}, false, "OTEL_TRACES_SAMPLER: must be always_on, always_off or traceidratio, alone or behind parentbased_"},
		"a ratio that is not":   {environment{"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "5"}, false, "OTEL_TRACES_SAMPLER_ARG: must be a number from 0 to 1"},
	} {
		t.Run(name, func(t *testing.T) {
			traces, err := otlp.Open(t.Context(), otlp.Options{Getenv: test.set.get, Log: zap.NewNop()})
			if err != nil && err.Error() != test.problem || err == nil && test.problem != "" {
				t.Errorf("got %v, want %q", err, test.problem)
			}
			if (traces != nil) != test.on {
				t.Errorf("tracing is %v, want %v", traces != nil, test.on)
			}
			if err := traces.Close(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestOffIsNothingAtAll(t *testing.T) {
	var off *otlp.Tracing
	next := http.NewServeMux()
	if off.Handler(next, nil) != http.Handler(next) || off.ServerOptions() != nil || off.Close(t.Context()) != nil {
		t.Error("tracing that is off adds something")
	}
}

// collector is an OTLP collector over gRPC and HTTP.
type collector struct {
	collectorv1.UnimplementedTraceServiceServer

	mu   sync.Mutex
	seen []string
}

func (c *collector) Export(_ context.Context, r *collectorv1.ExportTraceServiceRequest) (*collectorv1.ExportTraceServiceResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range r.GetResourceSpans() {
		for _, s := range resource.GetScopeSpans() {
			for _, span := range s.GetSpans() {
				c.seen = append(c.seen, span.GetName()+" "+resource.GetResource().String())
			}
		}
	}
	return &collectorv1.ExportTraceServiceResponse{}, nil
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	sent := &collectorv1.ExportTraceServiceRequest{}
	if r.URL.Path != "/v1/traces" || proto.Unmarshal(body, sent) != nil {
		http.Error(w, "not traces", http.StatusBadRequest)
		return
	}
	_, _ = c.Export(r.Context(), sent)
	w.Header().Set("Content-Type", "application/x-protobuf")
}

func TestSpansReachACollectorOverBothProtocols(t *testing.T) {
	got := &collector{}
	overHTTP := httptest.NewServer(got)
	t.Cleanup(overHTTP.Close)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	overGRPC := grpc.NewServer()
	collectorv1.RegisterTraceServiceServer(overGRPC, got)
	var serving sync.WaitGroup
	serving.Go(func() { _ = overGRPC.Serve(listener) })
	t.Cleanup(func() { overGRPC.Stop(); serving.Wait() })
	for protocol, endpoint := range map[string]string{"http/protobuf": overHTTP.URL, "grpc": "http://" + listener.Addr().String()} {
		t.Run(protocol, func(t *testing.T) {
			// The exporters read the environment of the process.
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
			t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
			t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
			set := environment{"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": protocol}
			traces, err := otlp.Open(t.Context(), otlp.Options{Getenv: set.get, Log: zap.NewNop(), Version: "v1.2.3", Instance: "i-1"})
			if err != nil {
				t.Fatal(err)
			}
			request(t, traces, "/client/v4/"+strings.ReplaceAll(protocol, "/", "-"))
			if err := traces.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
		})
	}
	got.mu.Lock()
	defer got.mu.Unlock()
	if len(got.seen) != 2 {
		t.Fatalf("the collector has %v", got.seen)
	}
	for _, one := range got.seen {
		for _, want := range []string{"storekeeper", "v1.2.3", "i-1", "deployment.environment.name"} {
			if !strings.Contains(one, want) {
				t.Errorf("%s lacks %s", one, want)
			}
		}
	}
}

// request makes a request to a handler with spans.
func request(t *testing.T, traces *otlp.Tracing, path string) trace.SpanContext {
	t.Helper()
	var inside trace.SpanContext
	handler := traces.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inside = trace.SpanContextFromContext(r.Context())
		span := trace.SpanFromContext(r.Context())
		span.SetAttributes(attribute.String("http.url", everything), attribute.Int("storekeeper.batch.calls", 3))
		span.AddEvent("exception", trace.WithAttributes(attribute.String("exception.message", everything)))
		span.RecordError(errors.New(everything))
		span.SetStatus(codes.Error, everything)
		w.WriteHeader(http.StatusBadGateway)
	}), func(path string) bool { return strings.HasPrefix(path, "/client/") })
	r := httptest.NewRequest(http.MethodPost, path+"?q=value-that-must-not-leave", strings.NewReader("value-that-must-not-leave"))
	r.Header.Set("User-Agent", everything)
	r.Header.Set("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	r.Header.Set("baggage", "a=value-that-must-not-leave")
	r.Host = "value-that-must-not-leave.example.test"
	handler.ServeHTTP(httptest.NewRecorder(), r)
	return inside
}

func TestNothingLeavesThatMayHoldAText(t *testing.T) {
	kept := tracetest.NewInMemoryExporter()
	traces, err := otlp.Open(t.Context(), otlp.Options{Getenv: environment{}.get, Log: zap.NewNop(), Exporter: noShutdown{kept}})
	if err != nil {
		t.Fatal(err)
	}
	inside := request(t, traces, "/client/v4/value-that-must-not-leave")
	if request(t, traces, "/docs/x").IsValid() {
		t.Error("a path that is not wanted has a span")
	}
	if err := traces.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	spans := kept.GetSpans()
	if len(spans) != 1 {
		t.Fatalf("%d spans were sent", len(spans))
	}
	s := spans[0]
	if inside.TraceID().String() != "0af7651916cd43dd8448eb211c80319c" || s.Parent.SpanID().String() != "b7ad6b7169203331" {
		t.Errorf("the trace of the caller does not go on: %v %v", inside, s.Parent)
	}
	if s.Status.Code != codes.Error || s.Status.Description != "" || len(s.Events) > 0 {
		t.Errorf("left with the status %+v and the events %v", s.Status, s.Events)
	}
	has := map[attribute.Key]attribute.Value{}
	for _, a := range s.Attributes {
		has[a.Key] = a.Value
		if strings.Contains(a.Value.String(), "value-that-must-not-leave") {
			t.Errorf("%s left with %s", a.Key, a.Value.String())
		}
	}
	if has["http.request.method"].AsString() != http.MethodPost || has["http.response.status_code"].AsInt64() != http.StatusBadGateway || has["storekeeper.batch.calls"].AsInt64() != 3 {
		t.Errorf("the attributes are %v", s.Attributes)
	}
}

// noShutdown keeps the spans of an exporter that would drop them at shutdown.
type noShutdown struct{ *tracetest.InMemoryExporter }

func (noShutdown) Shutdown(context.Context) error { return nil }

// failing is an exporter whose first exports fail.
type failing struct {
	noShutdown

	failures int
}

func (f *failing) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error {
	if f.failures--; f.failures >= 0 {
		return errors.New("away")
	}
	return nil
}

func TestACollectorThatIsAwayIsToldOnce(t *testing.T) {
	core, logged := observer.New(zapcore.InfoLevel)
	traces, err := otlp.Open(t.Context(), otlp.Options{
		Getenv: environment{}.get, Log: zap.New(core), Exporter: &failing{noShutdown: noShutdown{tracetest.NewInMemoryExporter()}, failures: 2},
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		request(t, traces, "/client/v4/user")
		if err := traces.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := traces.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := logged.FilterMessageSnippet("cannot be sent").Len(); n != 1 {
		t.Errorf("told %d times that spans cannot be sent", n)
	}
	if n := logged.FilterMessageSnippet("again").Len(); n != 1 {
		t.Errorf("told %d times that spans can be sent again", n)
	}
}
