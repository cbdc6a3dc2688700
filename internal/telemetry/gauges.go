package telemetry

import "github.com/prometheus/client_golang/prometheus"

// AuditState reads the state of the audit trail at each scrape.
type AuditState struct {
	// Healthy returns nil if records can be written.
	Healthy func() error
	// Backlog returns the number of records that are not in the trail yet.
	Backlog func() int
	// Last returns the number of the last record, and Size the bytes of the file
	// that is written to.
	Last func() uint64
	Size func() int64
	// Lost returns how often written records were found missing.
	Lost func() int64
	// Suppressed returns the number of denials that were counted and not
	// recorded.
	Suppressed func() int64
	// Free returns the free bytes on the disk of the trail, and false if that
	// is not known.
	Free func() (int64, bool)
}

// WatchAudit registers the metrics of the audit trail. It is called once. Nil
// functions have no metric.
func (m *Metrics) WatchAudit(s AuditState) error {
	for _, c := range s.collectors() {
		if err := m.registry.Register(c); err != nil {
			return err
		}
	}
	return nil
}

func (s AuditState) collectors() []prometheus.Collector {
	list := []prometheus.Collector{
		gauge("storekeeper_audit_healthy", "1 where audit records can be written, and 0 where changes are refused for want of one.", func() float64 {
			if s.Healthy() != nil {
				return 0
			}
			return 1
		}),
		gauge("storekeeper_audit_backlog",
			"Audit records that are not in the trail yet: durable in the store and not yet synced to the audit file, outcomes that could not be committed yet, and alarms that wait.",
			func() float64 { return float64(s.Backlog()) }),
	}
	if s.Last != nil {
		list = append(list, gauge("storekeeper_audit_last_record", "Number of the last audit record that is durable.", func() float64 { return float64(s.Last()) }))
	}
	if s.Size != nil {
		list = append(list, gauge("storekeeper_audit_file_bytes", "Size of the audit file that is written to, without rotated files.", func() float64 { return float64(s.Size()) }))
	}
	if s.Lost != nil {
		list = append(list, prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "storekeeper_audit_gaps_total",
			Help: "Times that this process found audit records gone that had been written: their file was removed, emptied or changed.",
		}, func() float64 { return float64(s.Lost()) }))
	}
	if s.Suppressed != nil {
		list = append(list, prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "storekeeper_audit_denials_suppressed_total",
			Help: "Denials that were counted and not recorded, since their caller has too many or the disk is nearly full.",
		}, func() float64 { return float64(s.Suppressed()) }))
	}
	if s.Free != nil {
		list = append(list, gauge("storekeeper_audit_disk_free_bytes", "Free space on the disk of the audit trail, -1 where it is not known.", func() float64 {
			if n, known := s.Free(); known {
				return float64(n)
			}
			return -1
		}))
	}
	return list
}

func gauge(name, help string, value func() float64) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
}
