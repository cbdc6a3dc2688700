package suite

import (
	"context"
	"io"
	"net"
	"net/http"
	"runtime"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"platform.internal/storekeeper/internal/tracing"
	"platform.internal/storekeeper/test/bench/client"
	"platform.internal/storekeeper/test/bench/stage"
)

// The names of the measurements of traces: while they are off, while one call in a
// hundred is recorded, and what the places that would make spans take while they are
// off.
const (
	TracesOff    = "traces/off"
	TracesOn     = "traces/on"
	TracesPoints = "traces/points"
)

// Took is microseconds.
const Took = "took"

// sampled is the part of the calls that are recorded.
const sampled = 0.01

// traces is the case of what traces cost.
func (s *Suite) traces(ctx context.Context) error {
	took, objects := pointsOff()
	s.book.Add(TracesPoints, stage.Storekeeper, Took, took)
	s.book.Add(TracesPoints, stage.Storekeeper, Objects, objects)
	sink, err := newSink()
	if err != nil {
		return err
	}
	defer sink.close()
	names := []string{TracesOff, TracesOn}
	for i := range names {
		name, set := names[(i+s.round)%len(names)], stage.Settings{}
		if name == TracesOn {
			set.Collector, set.Sampled = sink.url, sampled
		}
		connections := s.middle()
		err := s.at(ctx, stage.Storekeeper, set, connections, func(w *stage.World, c *client.REST) error {
			_, err := s.measure(ctx, w, run{name: name, plan: s.plan(connections), call: c.CreateStore})
			return err
		})
		if err != nil {
			return err
		}
	}
	s.say("the collector got %d requests", sink.requests.Load())
	return nil
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

// depth is about how many values the context of a create has.
const depth = 20

type depthKey int

// pointsOff measures the places of a create that would make spans, while traces are
// off: how many microseconds they take together, and how many objects they allocate.
func pointsOff() (took, objects float64) {
	const times = 200_000
	ctx := context.Background()
	for i := range depth {
		ctx = context.WithValue(ctx, depthKey(i), i)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began := time.Now()
	for range times {
		points(ctx)
	}
	passed := time.Since(began)
	runtime.ReadMemStats(&after)
	return float64(passed.Nanoseconds()) / 1000 / times, float64((after.Mallocs - before.Mallocs) / times)
}

// points are those of one create: the chain, authorisation, two commits, the batch,
// the wait for a permit, the request to Cloudflare, and the name of the request.
func points(ctx context.Context) {
	_, _ = tracing.ID(ctx)
	_ = tracing.Of(ctx).Recorded()
	for range 5 {
		_, span := tracing.Start(ctx, "span")
		span.SetText(tracing.RequestIDKey, "")
		span.End(nil)
	}
	_ = tracing.Leave(ctx, ctx)
	for range 2 {
		tracing.Ended(ctx, "span", 0, trace.SpanKindClient, func() []attribute.KeyValue { return nil }).End(nil)
	}
}
