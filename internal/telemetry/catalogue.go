package telemetry

import "github.com/prometheus/client_golang/prometheus"

// seconds are the upper bounds of the histogram buckets: from an immediate answer to the longest
// deadline of callers. Cloudflare answers in 0.1 to 2 s.
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

func rpcOwn() *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "storekeeper_rpc_own_duration_seconds",
		Help:    "The part of the duration of calls that Storekeeper itself took: without requests to Cloudflare, and without waiting for a permit of the call budget or for another call.",
		Buckets: seconds(),
	}, []string{"method", "protocol"})
}

func denials() *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "storekeeper_denials_total",
		Help: "Calls that were denied because of who the caller is, by the reason that the caller got.",
	}, []string{"reason"})
}

// The results of reads.
const (
	cacheHit   = "hit"
	cacheStale = "stale"
	cacheMiss  = "miss"
)

func cacheReads() *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "storekeeper_cache_reads_total",
		Help: "Reads that could be answered from the cache, by result: hit, stale (older than allowed, because Cloudflare could not be asked), and miss.",
	}, []string{"result"})
}

func batchSize() prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "storekeeper_batch_calls",
		Help:    "Requests to Cloudflare that create secrets, by the number of calls whose secrets they carry. The sum minus the count is the number of requests that merging saved.",
		Buckets: []float64{1, 2, 5, 10, 20, 50, 100},
	})
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
