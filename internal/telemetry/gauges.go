package telemetry

import "github.com/prometheus/client_golang/prometheus"

// AuditState is the state of the audit trail, asked for at each scrape.
type AuditState struct {
	// Healthy returns nil where records can be written.
	Healthy func() error
	// Backlog returns how many outcomes wait to be written.
	Backlog func() int
}

// WatchAudit shows the state of the audit trail. It is called once.
func (m *Metrics) WatchAudit(s AuditState) error {
	healthy := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "storekeeper_audit_healthy",
		Help: "1 where audit records can be written, and 0 where changes are refused for want of one.",
	}, func() float64 {
		if s.Healthy() != nil {
			return 0
		}
		return 1
	})
	backlog := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "storekeeper_audit_backlog",
		Help: "Outcomes that wait to be written to the audit trail.",
	}, func() float64 { return float64(s.Backlog()) })
	for _, c := range []prometheus.Collector{healthy, backlog} {
		if err := m.registry.Register(c); err != nil {
			return err
		}
	}
	return nil
}
