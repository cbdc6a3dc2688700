package telemetry

import "github.com/prometheus/client_golang/prometheus"

// seconds are the upper bounds of the histogram buckets: from an answer without
// work to the longest deadline of callers. Cloudflare answers in 0.1 to 2 s.
func seconds() []float64 {
	return []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30}
}

func rpcDuration() *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "storekeeper_rpc_duration_seconds",
		Help:    "How long calls took from first to last byte, by the status that the caller got.",
		Buckets: seconds(),
	}, []string{"method", "protocol", "code"})
}

func rpcInFlight() *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "storekeeper_rpc_in_flight",
		Help: "Calls that are running.",
	}, []string{"method"})
}

func upstreamDuration() *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "storekeeper_upstream_duration_seconds",
		Help:    "How long attempts to call Cloudflare took, by the class of the HTTP status; none where no answer came.",
		Buckets: seconds(),
	}, []string{"operation", "status_class"})
}

func upstreamErrors() *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "storekeeper_upstream_errors_total",
		Help: "Calls to Cloudflare that gave no usable answer, by reason.",
	}, []string{"operation", "reason"})
}

func panics() prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{
		Name: "storekeeper_panics_total",
		Help: "Panics that were caught. Each one is a mistake in Storekeeper.",
	})
}

func buildInfo() *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "storekeeper_build_info",
		Help: "Always 1; the labels say what is running.",
	}, []string{"version", "goversion"})
}
