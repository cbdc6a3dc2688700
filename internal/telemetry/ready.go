package telemetry

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
)

// readyCollector runs the readiness checks at each scrape.
type readyCollector struct {
	admin        *Admin
	ready, check *prometheus.Desc
}

func newReadyCollector(a *Admin) readyCollector {
	return readyCollector{
		admin: a,
		ready: prometheus.NewDesc("storekeeper_ready", "1 where /readyz says that calls should be sent here, and 0 where it does not, or the replica is draining.", nil, nil),
		check: prometheus.NewDesc("storekeeper_ready_check", "1 where a check of /readyz passes, and 0 where it fails. An advisory check does not affect storekeeper_ready.", []string{"check", "advisory"}, nil),
	}
}

// Describe sends the descriptions of the gauges.
func (c readyCollector) Describe(to chan<- *prometheus.Desc) {
	to <- c.ready
	to <- c.check
}

// Collect sends the values of the gauges.
func (c readyCollector) Collect(to chan<- prometheus.Metric) {
	answer := c.admin.readiness(context.Background())
	to <- prometheus.MustNewConstMetric(c.ready, prometheus.GaugeValue, truth(answer.Status == statusReady))
	for _, r := range answer.Checks {
		advisory := "false"
		if r.Advisory {
			advisory = "true"
		}
		to <- prometheus.MustNewConstMetric(c.check, prometheus.GaugeValue, truth(r.OK), r.Name, advisory)
	}
}

// truth returns 1 for true and 0 for false.
func truth(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
