package telemetry

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// quotaAge is the time for which a reading of the quotas is shown. Each reading scans the records
// of all tenants.
const quotaAge = 15 * time.Second

// QuotaState is a tenant's usage and limit of one kind of object in an account.
type QuotaState struct {
	// Account and Tenant are names. Kind is "stores" or "secrets".
	Account, Tenant, Kind string
	// Used and Limit are numbers of objects.
	Used, Limit int
}

// WatchQuotas registers the metrics of tenants' quotas. It is called once. If states fails because
// the store is unavailable, the metrics are absent.
func (m *Metrics) WatchQuotas(states func() ([]QuotaState, error)) error {
	names := []string{"account", "tenant", "kind"}
	return m.registry.Register(&quotaCollector{
		states:  states,
		tenants: newLabels(maxTenants),
		used: prometheus.NewDesc("storekeeper_quota_used_objects",
			"Objects that a tenant with a limit has in an account, and is about to make, by kind: stores or secrets.", names, nil),
		limit: prometheus.NewDesc("storekeeper_quota_limit_objects",
			"Objects that a tenant may have in an account, by kind: stores or secrets. A tenant that has nothing yet is left out.", names, nil),
	})
}

// quotaCollector reads the quotas at a scrape.
type quotaCollector struct {
	states      func() ([]QuotaState, error)
	used, limit *prometheus.Desc

	mu      sync.Mutex
	tenants *labels
	read    time.Time
	shown   []QuotaState
}

// Describe sends the descriptions of the gauges.
func (c *quotaCollector) Describe(to chan<- *prometheus.Desc) {
	to <- c.used
	to <- c.limit
}

// Collect sends the values of the gauges. Tenants beyond the limit of labels are omitted, because a
// sum of their quotas is meaningless.
func (c *quotaCollector) Collect(to chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.read) > quotaAge {
		now, err := c.states()
		if err != nil {
			return
		}
		c.shown, c.read = now, time.Now()
	}
	for _, s := range c.shown {
		if c.tenants.limit(s.Tenant) != s.Tenant {
			continue
		}
		to <- prometheus.MustNewConstMetric(c.used, prometheus.GaugeValue, float64(s.Used), s.Account, s.Tenant, s.Kind)
		to <- prometheus.MustNewConstMetric(c.limit, prometheus.GaugeValue, float64(s.Limit), s.Account, s.Tenant, s.Kind)
	}
}
