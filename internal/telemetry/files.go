package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// FileState is the state of the watched files of one kind.
type FileState struct {
	// Kind is the purpose of the files: configuration, callers, policy, tls,
	// credential, issuer_keys.
	Kind string
	// Failing is the number of groups whose content cannot be used.
	Failing int
	// Loads is the number of loads of content, and Failures the number of failed loads.
	Loads, Failures uint64
	// Last is the time of the last load.
	Last time.Time
}

// WatchFiles registers the metrics of watched files. It is called once.
func (m *Metrics) WatchFiles(states func() []FileState) error {
	metric := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("storekeeper_"+name, help, []string{"kind"}, nil)
	}
	return m.registry.Register(&fileCollector{
		states:   states,
		failing:  metric("files_failing", "Files that cannot be read or used. The content before stays in use."),
		loads:    metric("file_loads_total", "How often the content of files was put to use, at the start and after a change."),
		failures: metric("file_load_failures_total", "How often files could not be read or used, repeated attempts included."),
		last:     metric("file_last_load_timestamp_seconds", "When the content of a file was put to use last."),
	})
}

// fileCollector reads the state of the files at each scrape.
type fileCollector struct {
	states                         func() []FileState
	failing, loads, failures, last *prometheus.Desc
}

// Describe sends the descriptions of the metrics.
func (c *fileCollector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.failing, c.loads, c.failures, c.last} {
		to <- d
	}
}

// Collect sends the values of the metrics.
func (c *fileCollector) Collect(to chan<- prometheus.Metric) {
	for _, s := range c.states() {
		to <- prometheus.MustNewConstMetric(c.failing, prometheus.GaugeValue, float64(s.Failing), s.Kind)
		to <- prometheus.MustNewConstMetric(c.loads, prometheus.CounterValue, float64(s.Loads), s.Kind)
		to <- prometheus.MustNewConstMetric(c.failures, prometheus.CounterValue, float64(s.Failures), s.Kind)
		to <- prometheus.MustNewConstMetric(c.last, prometheus.GaugeValue, float64(s.Last.UnixMilli())/1000, s.Kind)
	}
}
