package telemetry

import (
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"platform.internal/storekeeper/internal/fault"
)

// maxWords is the number of codes, and of reasons, with their own label value.
// The program has fewer.
const maxWords = 64

// MetricsOptions configures the metrics.
type MetricsOptions struct {
	// Version is the version of the program.
	Version string
	// Methods are the full names of the methods with their own label value. Any other method, which
	// may be invented by a caller, counts as "other".
	Methods []string
	// Operations are the names of the Cloudflare operations with their own
	// label value. Any other counts as "other".
	Operations []string
}

// Metrics holds all metrics. It is safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry

	methods, protocols, codes, operations, reasons, denied *labels

	rpcDuration      *prometheus.HistogramVec
	rpcOwn           *prometheus.HistogramVec
	denials          *prometheus.CounterVec
	cacheReads       *prometheus.CounterVec
	permits          permits
	commits          commits
	batchSize        prometheus.Histogram
	rpcInFlight      *prometheus.GaugeVec
	upstreamDuration *prometheus.HistogramVec
	upstreamErrors   *prometheus.CounterVec
	panics           prometheus.Counter
	buildInfo        *prometheus.GaugeVec
}

// NewMetrics returns metrics in a separate registry, including the metrics of the Go runtime and of
// the process. It fails only if the version is not UTF-8.
func NewMetrics(o MetricsOptions) (*Metrics, error) {
	m := &Metrics{
		registry:         prometheus.NewRegistry(),
		methods:          newLabels(0, o.Methods...),
		protocols:        newLabels(0, "grpc", "rest"),
		codes:            newLabels(maxWords),
		operations:       newLabels(0, o.Operations...),
		reasons:          newLabels(maxWords),
		denied:           newLabels(maxWords),
		rpcDuration:      rpcDuration(),
		rpcOwn:           rpcOwn(),
		denials:          denials(),
		cacheReads:       cacheReads(),
		permits:          newPermits(),
		commits:          newCommits(),
		batchSize:        batchSize(),
		rpcInFlight:      rpcInFlight(),
		upstreamDuration: upstreamDuration(),
		upstreamErrors:   upstreamErrors(),
		panics:           panics(),
		buildInfo:        buildInfo(),
	}
	info, err := m.buildInfo.GetMetricWithLabelValues(o.Version, runtime.Version())
	if err != nil {
		return nil, err
	}
	info.Set(1)
	// These series exist from the start, so that the first increase is not missed.
	for _, reason := range fault.DenialReasons() {
		m.denials.WithLabelValues(m.denied.limit(reason))
	}
	for _, result := range []string{cacheHit, cacheStale, cacheMiss} {
		m.cacheReads.WithLabelValues(result)
	}
	for _, c := range m.collectors() {
		if err := m.registry.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// collectors lists all metrics.
func (m *Metrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{
		m.rpcDuration, m.rpcOwn, m.rpcInFlight, m.denials, m.cacheReads, m.upstreamDuration, m.upstreamErrors, m.panics, m.buildInfo,
		m.permits.wait, m.permits.ended, m.batchSize, m.commits.whole, m.commits.sync,
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	}
}

// BeginRPC counts a call as in flight. The returned function must be called once at the end of the
// call.
func (m *Metrics) BeginRPC(method string) (end func()) {
	gauge := m.rpcInFlight.WithLabelValues(m.methods.limit(method))
	gauge.Inc()
	return gauge.Dec
}

// RPC describes a call that ended.
type RPC struct {
	// Method is the full name of the method.
	Method string
	// Protocol is "grpc" or "rest".
	Protocol string
	// Code is the name of the status.
	Code string
	// Own is the part of the duration that Storekeeper itself caused (see Facts.Own).
	Own time.Duration
	// Exemplar is the trace id of a call whose spans are recorded, or "".
	Exemplar string
}

// ObserveRPC counts a call with duration d.
func (m *Metrics) ObserveRPC(r RPC, d time.Duration) {
	method, protocol := m.methods.limit(r.Method), m.protocols.limit(r.Protocol)
	observe(m.rpcDuration.WithLabelValues(method, protocol, m.codes.limit(r.Code)), d, r.Exemplar)
	observe(m.rpcOwn.WithLabelValues(method, protocol), r.Own, r.Exemplar)
}

// observe adds a duration to a histogram. exemplar is a trace id, or "".
func observe(to prometheus.Observer, d time.Duration, exemplar string) {
	if with, ok := to.(prometheus.ExemplarObserver); ok && exemplar != "" {
		with.ObserveWithExemplar(d.Seconds(), prometheus.Labels{"trace_id": exemplar})
		return
	}
	to.Observe(d.Seconds())
}

// CountDenial counts a denied call. reason is a word of the program.
func (m *Metrics) CountDenial(reason string) {
	m.denials.WithLabelValues(m.denied.limit(reason)).Inc()
}

// CountRead counts a read. hit reports that the cache answered, and stale that the answer was older
// than allowed.
func (m *Metrics) CountRead(hit, stale bool) {
	result := cacheMiss
	switch {
	case hit && stale:
		result = cacheStale
	case hit:
		result = cacheHit
	}
	m.cacheReads.WithLabelValues(result).Inc()
}

// ObserveBatch counts a request that creates secrets. calls is the number of calls in the batch.
func (m *Metrics) ObserveBatch(calls int) { m.batchSize.Observe(float64(calls)) }

// ObserveUpstream counts a request to Cloudflare with duration d and its HTTP status, or 0 without
// a response. exemplar is a trace id, or "".
func (m *Metrics) ObserveUpstream(operation string, status int, d time.Duration, exemplar string) {
	observe(m.upstreamDuration.WithLabelValues(m.operations.limit(operation), statusClass(status)), d, exemplar)
}

// CountUpstreamError counts a request to Cloudflare without a usable response. reason is a word of
// the program.
func (m *Metrics) CountUpstreamError(operation, reason string) {
	m.upstreamErrors.WithLabelValues(m.operations.limit(operation), m.reasons.limit(reason)).Inc()
}

// CountPanic counts a recovered panic.
func (m *Metrics) CountPanic() { m.panics.Inc() }

// Gatherer returns the registry.
func (m *Metrics) Gatherer() prometheus.Gatherer { return m.registry }

// statusClass returns the class of an HTTP status.
func statusClass(status int) string {
	classes := [...]string{"none", "1xx", "2xx", "3xx", "4xx", "5xx"}
	if class := status / 100; status >= 100 && class < len(classes) {
		return classes[class]
	}
	if status == 0 {
		return classes[0]
	}
	return otherLabel
}
