package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// StoreState reads the state of the store at each scrape.
type StoreState struct {
	// Healthy returns nil if a commit would succeed now.
	Healthy func() error
	// Damaged returns the number of records whose stored bytes were altered.
	Damaged func() uint64
	// Epoch returns the identifier of the store, or "" if unknown, and the number of the last
	// commit.
	Epoch func() (store string, commit uint64)
}

// WatchStore registers the metrics of the store. It is called once.
func (m *Metrics) WatchStore(s StoreState) error {
	healthy := gauge("storekeeper_store_healthy",
		"1 where the store accepts commits, and 0 where changes are refused because its disk or server fails, or a file was removed, replaced or cut.",
		func() float64 {
			if s.Healthy() != nil {
				return 0
			}
			return 1
		})
	damaged := prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "storekeeper_store_damaged_records_total",
		Help: "Records of the store that were not what was written: found at the start, and each time that a call needed one.",
	}, func() float64 { return float64(s.Damaged()) })
	epoch := epochCollector{epoch: s.Epoch, desc: prometheus.NewDesc("storekeeper_store_epoch",
		"Number of the last commit of the store, which only grows, by the identifier of the store. A smaller number or another identifier means that an older copy or another store is in its place.",
		[]string{"store"}, nil)}
	for _, c := range []prometheus.Collector{healthy, damaged, epoch} {
		if err := m.registry.Register(c); err != nil {
			return err
		}
	}
	return nil
}

// epochCollector reads the epoch of the store at each scrape.
type epochCollector struct {
	epoch func() (store string, commit uint64)
	desc  *prometheus.Desc
}

// Describe sends the description of the gauge.
func (c epochCollector) Describe(to chan<- *prometheus.Desc) { to <- c.desc }

// Collect sends the value of the gauge.
func (c epochCollector) Collect(to chan<- prometheus.Metric) {
	if store, commit := c.epoch(); store != "" {
		to <- prometheus.MustNewConstMetric(c.desc, prometheus.GaugeValue, float64(commit), store)
	}
}

// commits are the metrics of commits.
type commits struct {
	whole *prometheus.HistogramVec
	sync  *prometheus.HistogramVec
}

// quick are the upper bounds of the histogram buckets of commits: from memory to
// the time limit.
func quick() []float64 {
	return []float64{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1}
}

func newCommits() commits {
	vec := func(name, help string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: quick()}, []string{"result"})
	}
	return commits{
		whole: vec("storekeeper_store_commit_duration_seconds",
			"How long commits took, from the call until they were durable, by result: ok or error. A change takes two. Commits that wait at the same time share one sync."),
		sync: vec("storekeeper_store_sync_duration_seconds",
			"How long one write with its sync to the disk, or one transaction of the database, took, by result: ok or error."),
	}
}

// ObserveCommit counts a commit with duration d. exemplar is a trace id, or "".
func (m *Metrics) ObserveCommit(d time.Duration, err error, exemplar string) {
	observe(m.commits.whole.WithLabelValues(resultOf(err)), d, exemplar)
}

// ObserveSync counts a sync or a transaction with duration d.
func (m *Metrics) ObserveSync(d time.Duration, err error) {
	observe(m.commits.sync.WithLabelValues(resultOf(err)), d, "")
}

func resultOf(err error) string {
	if err != nil {
		return "error"
	}
	return "ok"
}
