package telemetry

import "github.com/prometheus/client_golang/prometheus"

// WatchChanges counts what becomes of changes, by the word for it, and shows how
// many intents are open. It is called once; the function that it returns counts.
// rare are words that stand at 0 from the start, so that an alert sees the first
// count as an increase.
func (m *Metrics) WatchChanges(open func() int, rare ...string) (count func(event string), err error) {
	events := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "storekeeper_changes_total",
		Help: "Changes by what happens to them: began, finished, replayed, joined, refused, unsettled, recovered, late (the answer came after the lease) and others.",
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
	for _, event := range rare {
		events.WithLabelValues(words.limit(event))
	}
	return func(event string) { events.WithLabelValues(words.limit(event)).Inc() }, nil
}
