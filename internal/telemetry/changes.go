package telemetry

import "github.com/prometheus/client_golang/prometheus"

// WatchChanges counts what becomes of changes, by the word for it, and shows how
// many intents are open. It is called once; the function that it returns counts.
func (m *Metrics) WatchChanges(open func() int) (count func(event string), err error) {
	events := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "storekeeper_changes_total",
		Help: "Changes by what happens to them: began, finished, replayed, joined, refused, unsettled, recovered and others.",
	}, []string{"event"})
	intents := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "storekeeper_intents_open",
		Help: "Changes that began and whose outcome is not recorded yet. -1 where it cannot be known.",
	}, func() float64 { return float64(open()) })
	for _, c := range []prometheus.Collector{events, intents} {
		if err := m.registry.Register(c); err != nil {
			return nil, err
		}
	}
	words := newLabels(maxWords)
	return func(event string) { events.WithLabelValues(words.bound(event)).Inc() }, nil
}
