package telemetry

import (
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// maxWords is the number of codes, and of reasons, with their own label value.
// The program has fewer.
const maxWords = 64

// MetricsOptions configures the metrics.
type MetricsOptions struct {
	// Version is the version of the program.
	Version string
	// Methods are the full names of the methods with their own label value. Any
	// other method, which a caller may have invented, counts as "other".
	Methods []string
	// Operations are the names of the Cloudflare operations with their own
	// label value. Any other counts as "other".
	Operations []string
}

// Metrics holds all metrics. It is safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry

	methods, protocols, codes, operations, reasons *labels

	rpcDuration      *prometheus.HistogramVec
	rpcInFlight      *prometheus.GaugeVec
	upstreamDuration *prometheus.HistogramVec
	upstreamErrors   *prometheus.CounterVec
	panics           prometheus.Counter
	buildInfo        *prometheus.GaugeVec
}

// NewMetrics returns metrics in a registry of their own, with those of the Go
// runtime and of the process. It fails only for a version that is not UTF-8.
func NewMetrics(o MetricsOptions) (*Metrics, error) {
	m := &Metrics{
		registry:         prometheus.NewRegistry(),
		methods:          newLabels(0, o.Methods...),
		protocols:        newLabels(0, "grpc", "rest"),
		codes:            newLabels(maxWords),
		operations:       newLabels(0, o.Operations...),
		reasons:          newLabels(maxWords),
		rpcDuration:      rpcDuration(),
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
		m.rpcDuration, m.rpcInFlight, m.upstreamDuration, m.upstreamErrors, m.panics, m.buildInfo,
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	}
}

// BeginRPC counts a call as in flight. The returned function must be called
// once at its end.
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
}

// ObserveRPC counts a call that took d.
func (m *Metrics) ObserveRPC(r RPC, d time.Duration) {
	m.rpcDuration.WithLabelValues(
		m.methods.limit(r.Method), m.protocols.limit(r.Protocol), m.codes.limit(r.Code),
	).Observe(d.Seconds())
}

// ObserveUpstream counts one request to Cloudflare that took d, with its HTTP
// status. 0: there was no answer.
func (m *Metrics) ObserveUpstream(operation string, status int, d time.Duration) {
	m.upstreamDuration.WithLabelValues(m.operations.limit(operation), statusClass(status)).Observe(d.Seconds())
}

// CountUpstreamError counts a request to Cloudflare without a usable answer.
// reason is one of the program's own words.
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
