package telemetry

import "github.com/prometheus/client_golang/prometheus"

// StoreState reads the state of the store at each scrape.
type StoreState struct {
	// Healthy returns nil if the files are in place.
	Healthy func() error
	// Damaged returns the number of records that differ from what was written.
	Damaged func() uint64
}

// WatchState registers the metrics of the store. It is called once.
func (m *Metrics) WatchState(s StoreState) error {
	healthy := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "storekeeper_state_healthy",
		Help: "1 where the state is the one that the process began with, and 0 where changes are refused since a file was removed, replaced or cut, or the server lost its records.",
	}, func() float64 {
		if s.Healthy() != nil {
			return 0
		}
		return 1
	})
	damaged := prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "storekeeper_state_damaged_records_total",
		Help: "Records of the state that were not what was written: found at the start, and each time that a call needed one.",
	}, func() float64 { return float64(s.Damaged()) })
	for _, c := range []prometheus.Collector{healthy, damaged} {
		if err := m.registry.Register(c); err != nil {
			return err
		}
	}
	return nil
}
