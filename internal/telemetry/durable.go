package telemetry

import "github.com/prometheus/client_golang/prometheus"

// maxDurableTenants is the number of tenants with their own label value.
const maxDurableTenants = 256

// WatchDurable registers the counters of bytes that the changes of tenants
// write, and the limit per hour. It is called once. The returned function
// counts a change.
func (m *Metrics) WatchDurable(perHour int64) (count func(tenant string, bytes int64, refused bool), err error) {
	tenants := newLabels(maxDurableTenants)
	written := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "storekeeper_tenant_durable_bytes_total",
		Help: "About how many bytes the changes of a tenant wrote to the state and the audit trail.",
	}, []string{"tenant"})
	refusals := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "storekeeper_tenant_durable_refused_total",
		Help: "Changes that were refused since their tenant had written as much as it may in an hour.",
	}, []string{"tenant"})
	limit := gauge("storekeeper_tenant_durable_limit_bytes", "How many bytes the changes of one tenant may write in an hour, 0 for no limit.",
		func() float64 { return float64(perHour) })
	for _, c := range []prometheus.Collector{written, refusals, limit} {
		if err := m.registry.Register(c); err != nil {
			return nil, err
		}
	}
	return func(tenant string, bytes int64, refused bool) {
		// Both series exist from the first change on, so that no increase is
		// missed.
		name := tenants.limit(tenant)
		ok, no := written.WithLabelValues(name), refusals.WithLabelValues(name)
		if refused {
			no.Inc()
			return
		}
		ok.Add(float64(bytes))
	}, nil
}
