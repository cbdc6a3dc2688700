package suite

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"platform.internal/storekeeper/internal/tracing"
	"platform.internal/storekeeper/internal/tracing/otlp"
	"platform.internal/storekeeper/test/bench/client"
	"platform.internal/storekeeper/test/bench/stage"
)

// The names of the measurements of traces: with traces off, with one call in a
// hundred sampled, and the same two for the span code of a create alone.
const (
	TracesOff  = "traces/off"
	TracesOn   = "traces/on"
	PlacesOff  = "traces/places/off"
	PlacesOn   = "traces/places/on"
	placeCalls = 50_000
)

const (
	// sampled is the part of the calls that are recorded.
	sampled = 0.01
	// tracePairs is how often a round measures creates without traces and with them, in
	// turn. The difference is small beside what two runs differ by, so it is the median
	// of many pairs.
	tracePairs = 4
)

// traces is the case of the cost of traces.
func (s *Suite) traces(ctx context.Context) error {
	sink, err := newSink()
	if err != nil {
		return err
	}
	defer sink.close()
	if err := s.places(ctx, sink.url); err != nil {
		return err
	}
	names := []string{TracesOff, TracesOn}
	for pair := range tracePairs {
		for i := range names {
			if err := s.withTraces(ctx, names[(i+pair+s.round)%len(names)], sink.url); err != nil {
				return err
			}
		}
	}
	s.say("the collector got %d requests", sink.requests.Load())
	return nil
}

// withTraces measures creates with traces or without.
func (s *Suite) withTraces(ctx context.Context, name, collector string) error {
	var set stage.Settings
	if name == TracesOn {
		set.Collector, set.Sampled = collector, sampled
	}
	connections := s.middle()
	return s.at(ctx, stage.Storekeeper, set, connections, func(w *stage.World, c *client.REST) error {
		_, err := s.measure(ctx, w, run{name: name, plan: s.plan(connections), call: c.CreateStore})
		return err
	})
}

// sink is an OTLP collector that drops all that it gets. It is a part of this
// process, whose time does not count.
type sink struct {
	url      string
	server   *http.Server
	requests atomic.Int64
}

func newSink() (*sink, error) {
	at, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &sink{url: "http://" + at.Addr().String()}
	s.server = &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		s.requests.Add(1)
	})}
	go func() { _ = s.server.Serve(at) }()
	return s, nil
}

func (s *sink) close() { _ = s.server.Close() }

// places measures the span code of a create in this process: CPU time and
// allocations, including the export and the collector.
func (s *Suite) places(ctx context.Context, collector string) error {
	for name, set := range map[string]map[string]string{
		PlacesOff: {},
		PlacesOn: {
			"OTEL_EXPORTER_OTLP_ENDPOINT": collector, "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
			"OTEL_TRACES_SAMPLER_ARG": strconv.FormatFloat(sampled, 'f', -1, 64),
		},
	} {
		for variable, value := range set {
			// The exporter reads the environment of the process.
			if err := os.Setenv(variable, value); err != nil {
				return err
			}
		}
		cost, err := placesWith(ctx, func(name string) string { return set[name] })
		for variable := range set {
			err = errors.Join(err, os.Unsetenv(variable))
		}
		if err != nil {
			return err
		}
		s.book.Add(name, stage.Storekeeper, CPU, cost.cpu)
		s.book.Add(name, stage.Storekeeper, Objects, cost.objects)
	}
	return nil
}

// placesWith measures a create's places with an environment.
func placesWith(ctx context.Context, getenv func(string) string) (each reading, err error) {
	traces, err := otlp.Open(ctx, otlp.Options{Getenv: getenv, Log: zap.NewNop()})
	if err != nil {
		return each, err
	}
	handler := traces.Handler(http.HandlerFunc(create), func(string) bool { return true })
	for i := range depth {
		ctx = context.WithValue(ctx, depthKey(i), i) //nolint:fatcontext // It grows to its depth.
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://127.0.0.1/client/v4/accounts", http.NoBody)
	if err != nil {
		return each, err
	}
	runtime.GC()
	before, err := ownUsage()
	if err != nil {
		return each, err
	}
	for range placeCalls {
		handler.ServeHTTP(quiet{}, r)
	}
	err = traces.Close(ctx)
	after, failed := ownUsage()
	each.cpu, each.objects = (after.cpu-before.cpu)/placeCalls, (after.objects-before.objects)/placeCalls
	return each, errors.Join(err, failed)
}

// ownUsage is the processor time in microseconds and the objects of this process.
func ownUsage() (at reading, err error) {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return at, err
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	at.cpu = float64(time.Duration(usage.Utime.Nano()+usage.Stime.Nano()).Nanoseconds()) / 1000
	at.objects = float64(memory.Mallocs)
	return at, nil
}

// quiet is an http.ResponseWriter that drops all output.
type quiet struct{}

func (quiet) Header() http.Header         { return nil }
func (quiet) Write(b []byte) (int, error) { return len(b), nil }
func (quiet) WriteHeader(int)             {}

// create makes the spans of one create: the chain, authorisation, two commits, the
// batch, the wait for a permit, the request to Cloudflare, and the name of the request.
func create(_ http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	_, _ = tracing.ID(ctx)
	if of := tracing.Of(ctx); of.Recorded() {
		of.SetName("name")
	}
	var open [spansOfCreate]tracing.Span
	for i := range open {
		ctx, open[i] = tracing.Start(ctx, "span") //nolint:fatcontext // Each stands below the one before.
		open[i].SetText(tracing.RequestIDKey, "request")
	}
	_ = tracing.Leave(ctx, ctx)
	for range 2 {
		tracing.Ended(ctx, "span", 0, trace.SpanKindClient, func() []attribute.KeyValue {
			return []attribute.KeyValue{tracing.OperationKey.String("CreateSecrets"), tracing.RayKey.StringSlice([]string{"8f00-AMS"})}
		}).End(nil)
	}
	for _, span := range open {
		span.End(nil)
	}
}

const (
	// spansOfCreate is the number of spans with a duration.
	spansOfCreate = 5
	// depth is about how many values the context of a create has.
	depth = 20
)

type depthKey int
